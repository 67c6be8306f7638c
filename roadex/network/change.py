"""Roads of two dates: what appeared, what vanished, what stayed, and what cannot be told.

    network OLD ─┐  one shift of the     ┌─ same        at both dates
                 ├─ scene taken off, ──► ├─ appeared    in NEW; OLD was seen there and shows none
    network NEW ─┘  pieces of roads      ├─ vanished    in OLD; NEW was seen there and shows none
                                         ├─ not seen    the other date has no imagery there
    probability of both dates ─────────► └─ unsure      half seen, little certain, or poor imagery

Two networks alone do not tell: a road that the network of one date lacks may lie just below its
threshold. So the probability of both dates is read along every road.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from roadex.config import ChangeConfig
from roadex.errors import NetworkError
from roadex.imagery.geodesy import place
from roadex.network.change_pieces import (
    APPEARED,
    NEW,
    NOT_SEEN,
    OLD,
    SAME,
    UNSURE,
    VANISHED,
    changed_pieces,
    look,
)
from roadex.network.pieces import Side, metric_crs, review_layer, shift_between
from roadex.network.sound_lines import single_lines
from roadex.probability.source import ProbabilitySource

CLASSES: Final = (APPEARED, VANISHED, UNSURE, NOT_SEEN, SAME)

_MUCH_WORSE: Final = 2 / 3
"""Ratio of the probabilities of roads that stayed, below which the dates can hardly be compared."""

_KEPT: Final = (
    "edge_id", "other_id", "date", "reason", "prob_old", "prob_new", "confidence", "width_m",
    "surface", "roads_around",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Survey:
    """What a run found at one date."""

    edges: gpd.GeoDataFrame
    """Edges of its network."""

    probability: ProbabilitySource
    """Its road probability; where that has no data, nothing was seen."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed between two dates."""

    layers: dict[str, gpd.GeoDataFrame]
    """A layer for each of :data:`CLASSES`: single lines in the CRS of the newer network, where the
    newer imagery has them; lines of the older network are moved by the shift between both. ``date``
    says of which network a line is and ``edge_id`` which edge there; ``other_id`` is the edge of
    the other network where it is the same. ``prob_old`` and ``prob_new`` are means along the line
    (NaN where not seen), ``reason`` says why a road is unsure, and ``roads_around`` is the share of
    the other roads around it that are the same at both dates. ``review_order`` counts from 1, the
    surest and longest first. A column of which nothing is known is left out."""

    summary: dict[str, Any]
    """Kilometres of each class and of both networks, the shift, the ratio of the probabilities of
    roads that stayed, notes."""


def find_changes(old: Survey, new: Survey, config: ChangeConfig | None = None) -> Changes:
    """Tell what changed between two surveys of one place.

    1. Estimate the one shift between both networks.
    2. Find the counterpart of each place along each road, and read the other date's probability.
    3. Cut roads where that changes: there, not there, not seen.
    4. Of what the other network lacks, believe those whose probability tells a change.

    Parameters
    ----------
    old, new
        The two dates, in any CRS.
    config
        Distances and thresholds; the defaults if None.

    Raises
    ------
    NetworkError
        If the imagery of the two dates has no place in common.
    """
    config = config or ChangeConfig()
    _require_overlap(old.probability, new.probability)
    sides, crs, notes = _sides(old, new, config)
    shift = _shift(sides[NEW], sides[OLD], config)
    now = look(sides[NEW], sides[OLD], (new.probability, old.probability), shift, config)
    then = look(sides[OLD], sides[NEW], (old.probability, new.probability), -shift, config)
    ratio = now.ratio()
    pieces = {
        NEW: changed_pieces(now, NEW, ratio, config),
        OLD: changed_pieces(then, OLD, 1 / ratio, config),
    }
    # Roads that stayed are those of the newer network, and all lie where the newer imagery is.
    before = pieces[OLD][pieces[OLD]["class"] != SAME]
    before = before.set_geometry(before.translate(*-shift))
    table = pd.concat([pieces[NEW], before], ignore_index=True)
    layers = {name: review_layer(table[table["class"] == name], _KEPT, crs) for name in CLASSES}
    return Changes(layers, _summary(layers, sides, shift, ratio, (*notes, *_doubts(ratio))))


def _require_overlap(old: ProbabilitySource, new: ProbabilitySource) -> None:
    boxes = []
    for source in (old, new):
        height, width = source.shape
        cols, rows = np.array([0.0, width, width, 0.0]), np.array([0.0, 0.0, height, height])
        outline = shapely.Polygon(np.stack(place(source.transform, cols, rows), axis=1))
        boxes.append(gpd.GeoSeries([outline], crs=source.crs))
    if not boxes[0].to_crs(boxes[1].crs).intersects(boxes[1]).any():
        msg = "the two results have no place in common: they are not of the same area"
        raise NetworkError(msg)


def _sides(
    old: Survey, new: Survey, config: ChangeConfig
) -> tuple[dict[str, Side], CRS, tuple[str, ...]]:
    """Return both networks in one metric CRS, the CRS of the newer one, and what was left out."""
    lines, left_out = single_lines(new.edges, "the newer network")
    before, left_out_before = single_lines(old.edges, "the older network")
    metric = metric_crs(before if lines.empty else lines)
    sides = {
        date: Side.of(frame.to_crs(metric), config.spacing_m)
        for date, frame in ((NEW, lines), (OLD, before))
    }
    return sides, CRS.from_user_input(lines.crs), (*left_out_before, *left_out)


def _shift(new: Side, old: Side, config: ChangeConfig) -> NDArray[np.float64]:
    """Return the shift from the newer to the older network.

    The wide search finds it roughly, since neighbouring roads take part; a narrow one around what
    was found makes it exact.
    """
    shift = np.zeros(2)
    for search_m in (config.shift_search_m, config.search_m):
        shift = shift_between(
            new, old, search_m=search_m, angle_deg=config.angle_deg,
            tolerance_m=config.search_m / 4, around=shift,
        )  # fmt: skip
    return shift


def _doubts(ratio: float) -> Iterator[str]:
    """Yield what speaks against comparing the two dates."""
    worse, factor = ("older", 1 / ratio) if ratio > 1 else ("newer", ratio)
    if factor < _MUCH_WORSE:
        yield (
            f"The {worse} date shows roads that stayed with {factor:.0%} of the probability of the "
            "other one: its imagery, or its model, is less able to show roads, and what it lacks "
            "may be there"
        )


def _summary(
    layers: dict[str, gpd.GeoDataFrame], sides: dict[str, Side], shift: NDArray[np.float64],
    ratio: float, notes: tuple[str, ...],
) -> dict[str, Any]:  # fmt: skip
    length = {
        date: float(shapely.length(side.frame.geometry.to_numpy()).sum()) / 1000
        for date, side in sides.items()
    }
    return {
        "km": {
            name: round(float(layer["length_m"].sum()) / 1000, 3) for name, layer in layers.items()
        },
        "old_km": round(length[OLD], 3),
        "new_km": round(length[NEW], 3),
        "old_lies_m": [round(float(v), 2) for v in shift],
        "probability_ratio": round(ratio, 3),
        "notes": list(notes),
    }
