"""The roads of one date, cut and named by what the other date shows in their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from roadex.config import ChangeConfig
from roadex.network.confidence import how_sure
from roadex.network.pieces import Pieces, Side, counterparts, cut_pieces, without_slivers
from roadex.network.probability_along import (
    MIDDLE,
    best_means,
    local_means,
    probability_beside,
)
from roadex.network.samples import Counterparts, moved_samples
from roadex.probability.source import ProbabilitySource

OLD, NEW = "old", "new"

APPEARED, VANISHED, SAME = "appeared", "vanished", "same"
NOT_SEEN, UNSURE = "not_seen", "unsure"

SHOWN_TOO: Final = "the other date shows something there"
LITTLE_CERTAIN: Final = "little certain itself"
POOR_IMAGERY: Final = "hardly any road around is found at the newer date"

_FEWEST_AROUND: Final = 50
"""Samples around a road from which they tell something of the imagery."""


@dataclass(frozen=True, slots=True)
class View:
    """The roads of one date, and what both dates show along them."""

    side: Side
    others: Side
    """Roads of the other date."""

    found: Counterparts
    """In the roads of the other date."""

    own: NDArray[np.float32]
    other: NDArray[np.float32]
    """Probability of either date along and beside the roads, see
    :func:`~roadex.network.probability_along.probability_beside`."""

    def ratio(self) -> float:
        """Return how much more of the roads both have this date shows; 1 where there are none."""
        is_same = self.found.found
        own, other = (values[:, is_same].max(axis=0) for values in (self.own, self.other))
        known = (own > 0) & (other > 0)
        return float(np.median(own[known] / other[known])) if known.any() else 1.0


def look(
    side: Side, others: Side, sources: tuple[ProbabilitySource, ProbabilitySource],
    shift: NDArray[np.float64], config: ChangeConfig,
) -> View:  # fmt: skip
    """Look at the roads of one date in both.

    Parameters
    ----------
    side, others
        Roads of this date and of the other, in one metric CRS.
    sources
        Probability of this date and of the other.
    shift
        From this date to the other, shape ``(2,)``.
    config
        Distances.
    """
    found = counterparts(side, others, shift, search_m=config.search_m, angle_deg=config.angle_deg)
    own, other = (
        probability_beside(
            moved_samples(side.samples, by), side.frame.crs, source, tolerance_m=config.tolerance_m
        )
        for source, by in zip(sources, (np.zeros(2), shift), strict=True)
    )
    return View(side, others, found, own, other)


def changed_pieces(view: View, date: str, ratio: float, config: ChangeConfig) -> gpd.GeoDataFrame:
    """Cut the roads of one date where their class changes.

    Parameters
    ----------
    view
        What both dates show along the roads.
    date
        :data:`OLD` or :data:`NEW`: whose roads they are.
    ratio
        Probability of roads that stayed at this date over that at the other one. The thresholds of
        a date that shows all roads less well are less by that factor.
    config
        Distances and thresholds.

    Returns
    -------
    pieces
        Columns of the roads, and ``class, reason, date, prob_old, prob_new, confidence, other_id,
        roads_around``.
    """
    gone = APPEARED if date == NEW else VANISHED
    absent, sure = config.absent * min(1.0, 1 / ratio), config.sure * min(1.0, ratio)
    label = without_slivers(_labels(view, gone, absent, config), view.side, config.min_piece_m)
    cut = cut_pieces(view.side, label)
    piece, n = cut.run_of_sample, len(cut.frame)
    frame = cut.frame.assign(
        **{
            f"prob_{date}": best_means(view.own, piece, n).round(4),
            f"prob_{OLD if date == NEW else NEW}": best_means(view.other, piece, n).round(4),
        },
        date=date,
        other_id=_other_ids(view, cut),
        confidence=how_sure(cut.frame),
        roads_around=_roads_around(cut, view.side, label, gone, config.around_m).round(3),
    )
    is_faint = frame[["confidence", f"prob_{date}"]].min(axis=1) < sure
    is_poor = (frame["roads_around"] < config.around) & (gone == VANISHED)
    reason = np.select(
        [frame["class"] == UNSURE, is_faint, is_poor],
        [SHOWN_TOO, LITTLE_CERTAIN, POOR_IMAGERY],
        default="",
    )
    is_unsure = frame["class"].isin([gone, UNSURE]) & (reason != "")
    frame["reason"] = pd.Series(reason, dtype=object).where(is_unsure, None)
    frame["class"] = frame["class"].mask(is_unsure, UNSURE)
    return frame


def _labels(view: View, gone: str, absent: float, config: ChangeConfig) -> NDArray[np.object_]:
    """Return the class of each sample, as far as it alone tells."""
    reach = int(config.min_piece_m / config.spacing_m / 2)
    is_half = local_means(view.other, view.side.samples.line, reach) >= absent
    is_seen = np.isfinite(view.other[MIDDLE])
    return np.select(
        [view.found.found, ~is_seen, is_half], [SAME, NOT_SEEN, UNSURE], default=gone
    ).astype(object)


def _other_ids(view: View, cut: Pieces) -> pd.Series:
    """Return the edge of the other date that most of each piece that stayed has as counterpart."""
    result = pd.Series(pd.NA, index=cut.frame.index, dtype="Int64")
    is_same = (cut.frame["class"] == SAME).to_numpy()[cut.run_of_sample] & view.found.found
    if is_same.any() and "edge_id" in view.others.frame:
        line = view.others.samples.line[view.found.index[is_same]]
        edge = view.others.frame["edge_id"].to_numpy()[line]
        votes = pd.DataFrame({"piece": cut.run_of_sample[is_same], "edge": edge})
        most = votes.value_counts().reset_index().drop_duplicates("piece")
        result[most["piece"]] = most["edge"].to_numpy()
    return result


def _roads_around(
    cut: Pieces, side: Side, label: NDArray[np.object_], gone: str, around_m: float
) -> NDArray[np.float64]:
    """Return what share of the other roads around each changed piece stayed; NaN if too few."""
    share = np.full(len(cut.frame), np.nan)
    changed = np.flatnonzero((cut.frame["class"] == gone).to_numpy())
    if not len(changed):
        return share
    seen = np.flatnonzero(label != NOT_SEEN)
    tree = cKDTree(side.samples.xy[seen])
    lines = cut.frame.geometry.to_numpy()[changed]
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    line_of = pd.Series(side.samples.line).groupby(cut.run_of_sample).first().to_numpy()
    for i, near in zip(changed, tree.query_ball_point(middle, around_m), strict=True):
        other = seen[near]
        other = other[side.samples.line[other] != line_of[i]]
        if len(other) >= _FEWEST_AROUND:
            share[i] = (label[other] == SAME).mean()
    return share
