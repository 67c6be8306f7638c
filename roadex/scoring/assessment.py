"""Completeness and correctness of a network, from windows in which a person drew the true roads.

What is missing, or drawn beside the roads, is told as ``roadex score`` does, with the parts of
lines in the squares of the windows, compared with all lines of the other side. Squares stand for
the imaged area of their stratum: with A its area, a that of its windows, y a length in each,

    total = sum over strata of A / a * sum of y,    completeness = total found / total true,

and the same of correctness. The standard error is from the bootstrap of Rao and Wu, which draws
windows within strata and is right for few of them and for many out of few squares. Intervals are
those of Student's t on the logit of a share and the logarithm of a length: percentiles of the
resamples hold a completeness of 0.98 from 50 windows in 71 of 100 cases instead of 95, these in 94.

References
----------
.. [1] W. G. Cochran, "Sampling Techniques", 3rd edition, 1977, chapter 6 (ratio estimators).
.. [2] J. N. K. Rao and C. F. J. Wu, "Resampling inference with complex survey data", JASA 83, 1988.
.. [3] E. L. Korn and B. I. Graubard, "Analysis of Health Surveys", 1999, chapter 2 (intervals of
   shares that are nearly 0 or 1; degrees of freedom: windows less strata).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.special import expit, logit, stdtrit

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.scoring.marked_windows import DONE, UNCLEAR, sound_windows
from roadex.scoring.metrics.completeness import LineMatch, match_lines
from roadex.scoring.metrics.lines import LineNetwork
from roadex.scoring.sample_windows import MARGIN_M

_LENGTHS: Final = ("true", "found", "predicted", "right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A share or a length, and the interval that holds it with the given confidence.

    All None where the windows cannot say it: there is no road in any of them.
    """

    value: float | None
    low: float | None
    high: float | None


_UNKNOWN: Final = Estimate(value=None, low=None, high=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What a network is worth on all of the imagery it was drawn from."""

    completeness: Estimate
    """Share of the true roads that the network has."""

    correctness: Estimate
    """Share of the network that is true roads."""

    true_km: Estimate
    """Length of the true roads in the imaged area."""

    confidence: float
    tolerance_m: float
    windows: int
    done: int
    unclear: int
    notes: tuple[str, ...]
    """What does not count, and why."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def assess(
    roads: gpd.GeoSeries,
    windows: gpd.GeoDataFrame,
    truth: gpd.GeoSeries,
    config: ScoreConfig | None = None,
) -> Assessment:
    """Estimate how complete and how correct a network is.

    Parameters
    ----------
    roads
        Lines of the network. It need not be the one the windows were drawn for.
    windows
        As :func:`~roadex.scoring.sample_windows.draw_windows` made them, with ``state`` filled in;
        only those that are ``done`` count.
    truth
        Lines a person drew: all true roads of the windows that are done.
    config
        ``line_buffer_m`` is the tolerance.

    Raises
    ------
    ScoreError
        If too few windows are done, they were changed, or the tolerance is wider than their margin.
    """
    config = config or ScoreConfig()
    windows = sound_windows(windows, config)
    state, crs = windows["state"], windows.crs
    done = windows[state == DONE]
    strata = list(_strata(done, windows))
    drawn = truth.to_crs(crs)
    sums = _lengths(roads.to_crs(crs), done, drawn, config)
    totals = _resampled_totals(sums, done["imaged_m2"].to_numpy(), strata, config)
    quantile = _quantile(strata, config)
    return Assessment(
        completeness=_share(totals, sums, quantile, "found", "true", config),
        correctness=_share(totals, sums, quantile, "right", "predicted", config),
        true_km=_length_km(totals["true"], quantile),
        confidence=config.confidence,
        tolerance_m=config.line_buffer_m,
        windows=len(windows),
        done=len(done),
        unclear=int((state == UNCLEAR).sum()),
        notes=tuple(_notes(drawn, windows[state == ""], windows)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Stratum:
    rows: NDArray[np.int64]
    """Its windows that are done."""

    n_squares: int
    area_m2: float

    @property
    def is_whole(self) -> bool:
        """Whether all of it was looked at."""
        return len(self.rows) >= self.n_squares


def _strata(done: gpd.GeoDataFrame, windows: gpd.GeoDataFrame) -> Iterator[_Stratum]:
    for name, drawn in windows.groupby("stratum"):
        rows = np.flatnonzero(done["stratum"].to_numpy() == name)
        n_squares = int(drawn["stratum_squares"].iloc[0])
        least = min(2, n_squares)
        if len(rows) < least:
            msg = (
                f"{len(rows)} windows of the kind {name!r} are {DONE}, at least {least} must be: "
                f"draw their roads in the layer truth and set state to {DONE} in the layer windows"
            )
            raise ScoreError(msg)
        yield _Stratum(rows, n_squares, float(drawn["stratum_m2"].iloc[0]))


def _lengths(
    roads: gpd.GeoSeries, windows: gpd.GeoDataFrame, truth: gpd.GeoSeries, config: ScoreConfig
) -> dict[str, NDArray[np.float64]]:
    """Return the metres of each kind in the square of each window."""
    outer = windows.geometry.to_numpy()
    near, _ = shapely.STRtree(outer).query(roads.to_numpy(), predicate="intersects")
    sides = truth.to_numpy(), roads.to_numpy()[np.unique(near)]
    true, network = (LineNetwork.from_lines(lines) for lines in sides)
    tree = shapely.STRtree(shapely.buffer(outer, -MARGIN_M, join_style="mitre"))
    true_inside, network_inside = (LineNetwork.from_lines(_cut(lines, tree)) for lines in sides)
    theirs = match_lines(true_inside, network, config)
    ours = match_lines(network_inside, true, config)
    sums = (*_in_squares(theirs, tree), *_in_squares(ours, tree))
    return dict(zip(_LENGTHS, sums, strict=True))


def _cut(lines: NDArray[np.object_], squares: shapely.STRtree) -> NDArray[np.object_]:
    """Return the parts of lines inside squares, so that no piece lies half in one."""
    line, square = squares.query(lines, predicate="intersects")
    inside = shapely.intersection(lines[line], squares.geometries[square])
    parts = shapely.get_parts(inside)
    kept: NDArray[np.object_] = parts[shapely.length(parts) > 0]
    return kept


def _in_squares(
    match: LineMatch, tree: shapely.STRtree
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the length of all pieces and of those that are matched in each square."""
    piece, square = tree.query(shapely.points(match.xy), predicate="within")
    n_squares, metres = len(tree.geometries), match.length_m[piece]
    total = np.bincount(square, metres, n_squares)
    matched = np.bincount(square, metres * match.is_matched[piece], n_squares)
    return np.asarray(total, np.float64), np.asarray(matched, np.float64)


def _resampled_totals(
    sums: dict[str, NDArray[np.float64]],
    area_m2: NDArray[np.float64],
    strata: list[_Stratum],
    config: ScoreConfig,
) -> dict[str, NDArray[np.float64]]:
    """Return totals of the imaged area, shape ``(1 + samples,)``: the estimate, then resamples."""
    rng = np.random.default_rng(config.seed)
    totals = {name: np.zeros(1 + config.bootstrap_samples) for name in _LENGTHS}
    for stratum in strata:
        factors = np.vstack(
            [np.ones(len(stratum.rows)), _rao_wu(stratum, config.bootstrap_samples, rng)]
        )
        expansion = stratum.area_m2 / (factors @ area_m2[stratum.rows])
        for name in _LENGTHS:
            totals[name] += expansion * (factors @ sums[name][stratum.rows])
    return totals


def _rao_wu(stratum: _Stratum, n_samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return factors of the windows in each resample, shape ``(samples, windows)``; [2], section 2.

    Of n windows n - 1 are drawn, so that the variance is that of the mean, and the factors are
    drawn together as far as the windows are not a sample but most of the stratum.
    """
    n = len(stratum.rows)
    if stratum.is_whole or n < 2:
        return np.ones((n_samples, n))
    counts = rng.multinomial(n - 1, np.full(n, 1 / n), size=n_samples)
    unseen = np.sqrt(1 - n / stratum.n_squares)
    factors: NDArray[np.float64] = 1 - unseen + unseen * n / (n - 1) * counts
    return factors


def _share(
    totals: dict[str, NDArray[np.float64]],
    sums: dict[str, NDArray[np.float64]],
    quantile: float,
    part: str,
    whole: str,
    config: ScoreConfig,
) -> Estimate:
    """Return a ratio of totals with its interval."""
    if totals[whole][0] == 0:
        return _UNKNOWN
    known = totals[whole] > 0
    share, *resampled = totals[part][known] / totals[whole][known]
    if 0 < share < 1:
        width = quantile * float(np.std(resampled)) / (share * (1 - share))
        return _estimate(
            share, float(expit(logit(share) - width)), float(expit(logit(share) + width))
        )
    low, high = _where_all_agree(share, int(np.count_nonzero(sums[whole])), config)
    return _estimate(share, low, high) if quantile else _estimate(share, share, share)


def _where_all_agree(share: float, n_windows: int, config: ScoreConfig) -> tuple[float, float]:
    """Return the interval of a share of 0 or 1, of which resampling makes a certainty.

    As if each window with roads were right or wrong as a whole (C. Clopper and E. Pearson, 1934).
    """
    least = ((1 - config.confidence) / 2) ** (1 / n_windows)
    return (least, 1.0) if share == 1 else (0.0, 1 - least)


def _length_km(totals: NDArray[np.float64], quantile: float) -> Estimate:
    km, *resampled = totals / 1000
    if km == 0:
        return _UNKNOWN
    factor = float(np.exp(quantile * np.std(resampled) / km))
    return _estimate(km, km / factor, km * factor)


def _quantile(strata: list[_Stratum], config: ScoreConfig) -> float:
    """Return how many standard errors an interval reaches to each side; 0 where all was seen."""
    sampled = [stratum for stratum in strata if not stratum.is_whole]
    degrees = sum(len(stratum.rows) - 1 for stratum in sampled)
    return float(stdtrit(degrees, (1 + config.confidence) / 2)) if degrees else 0.0


def _estimate(value: float, low: float, high: float) -> Estimate:
    rounded = (round(float(number), 4) for number in (value, low, high))
    return Estimate(**dict(zip(("value", "low", "high"), rounded, strict=True)))


def _notes(
    truth: gpd.GeoSeries, untouched: gpd.GeoDataFrame, windows: gpd.GeoDataFrame
) -> Iterator[str]:
    """Yield what a person may have overlooked."""
    lines = shapely.STRtree(truth.to_numpy())
    # Lines of a neighbour that is done reach twice the margin into a window.
    own = untouched.geometry.buffer(-2 * MARGIN_M, join_style="mitre")
    n_drawn = len(pd.unique(lines.query(own.to_numpy(), predicate="intersects")[0]))
    if n_drawn:
        yield f"windows with drawn roads but no state, which do not count: {n_drawn}"
    inside = pd.unique(lines.query(windows.geometry.to_numpy(), predicate="intersects")[1])
    if len(inside) < len(truth):
        yield f"drawn lines outside of all windows: {len(truth) - len(inside)}"
