"""Completeness, correctness, quality and redundancy of extracted road lines.

With w the buffer width, a piece of line is *matched* if a line of the other side lies within w and
its heading differs by at most ``line_heading_deg``:

- completeness = matched length of the truth / length of the truth;
- correctness = matched length of the prediction / length of the prediction;
- quality = matched prediction / (prediction + unmatched truth);
- redundancy = (matched prediction - matched truth) / prediction, negative where less is predicted;
- lines_per_road = matched prediction / matched truth: 1 is one line on each road found, 2 two;
- rms_m = root of the mean squared distance of matched predicted pieces from the truth;
- gaps_per_km, mean_gap_m = unmatched stretches of the truth, counted edge by edge.

Lines are compared in equal pieces of at most ``line_step_m``, by their middles. All shares are in
[0, 1] except redundancy and lines_per_road. Nothing on either side: all shares 1; on one side
only: 0.

References
----------
.. [1] C. Heipke, H. Mayer, C. Wiedemann, O. Jamet, "Evaluation of automatic road extraction",
   ISPRS Archives 32, 1997.
.. [2] C. Wiedemann, "External evaluation of road networks", ISPRS Archives 34, 2003.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from roadex.config import ScoreConfig
from roadex.scoring.metrics.confusion import ratio
from roadex.scoring.metrics.lines import LineNetwork, Segments

QUERY_SIZE = 100_000
"""Pieces that are looked up at a time; bounds the memory, changes no value."""


@dataclass(frozen=True, slots=True, eq=False)
class LineMatch:
    """The pieces of one side and whether the other side has a line there."""

    edge: NDArray[np.int64]
    """Edge of each piece; pieces come in order along their edge."""

    xy: NDArray[np.float64]
    """Middle of each piece, shape ``(P, 2)``, metres."""

    length_m: NDArray[np.float64]
    """Length of each piece."""

    distance_m: NDArray[np.float64]
    """Distance of each piece from the line it matches, ``inf`` where it matches none."""

    @property
    def is_matched(self) -> NDArray[np.bool_]:
        """Whether each piece is matched."""
        return np.isfinite(self.distance_m)

    @property
    def total_m(self) -> float:
        """Length of all pieces."""
        return float(self.length_m.sum())

    @property
    def matched_m(self) -> float:
        """Length of the matched pieces."""
        return float(self.length_m[self.is_matched].sum())


def measure(
    prediction: LineNetwork, truth: LineNetwork, config: ScoreConfig
) -> dict[str, float]:  # fmt: skip
    """Return the scores of the module's description, by name."""
    predicted = match_lines(prediction, truth, config)
    true = match_lines(truth, prediction, config)
    unmatched_true = true.total_m - true.matched_m
    nothing = predicted.total_m == 0 and true.total_m == 0
    n_gaps = _count_gaps(true)
    return {
        "completeness": ratio(true.matched_m, true.total_m, nothing_wrong=nothing),
        "correctness": ratio(predicted.matched_m, predicted.total_m, nothing_wrong=nothing),
        "quality": ratio(
            predicted.matched_m, predicted.total_m + unmatched_true, nothing_wrong=nothing
        ),
        "redundancy": ratio(
            predicted.matched_m - true.matched_m, predicted.total_m, nothing_wrong=False
        ),
        "lines_per_road": ratio(predicted.matched_m, true.matched_m, nothing_wrong=nothing),
        "rms_m": _rms(predicted),
        "gaps_per_km": ratio(1000 * n_gaps, true.total_m, nothing_wrong=False),
        "mean_gap_m": ratio(unmatched_true, n_gaps, nothing_wrong=False),
        "predicted_km": predicted.total_m / 1000,
        "true_km": true.total_m / 1000,
    }


def match_lines(network: LineNetwork, other: LineNetwork, config: ScoreConfig) -> LineMatch:
    """Find for each piece of ``network`` the nearest line of ``other`` that it matches."""
    edge, xy, heading, length = pieces(network, config.line_step_m)
    theirs = Segments.of(other)
    segments = theirs.geometries()
    distance = np.full(len(xy), np.inf)
    tree = shapely.STRtree(segments)
    limit = np.cos(np.radians(config.line_heading_deg)) - 1e-12
    for start in range(0, len(xy) if len(segments) else 0, QUERY_SIZE):
        part = slice(start, start + QUERY_SIZE)
        points = shapely.points(xy[part])
        piece, segment = tree.query(points, predicate="dwithin", distance=config.line_buffer_m)
        cosine = np.abs((heading[part][piece] * theirs.heading[segment]).sum(axis=1))
        is_parallel = cosine >= limit
        piece, segment = piece[is_parallel], segment[is_parallel]
        found = shapely.distance(points[piece], segments[segment])
        np.minimum.at(distance[part], piece, found)
    return LineMatch(edge, xy, length, distance)


def pieces(
    network: LineNetwork, step_m: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return edge, middle, heading (unit vector) and length of equal pieces of each edge."""
    lengths = network.lengths_m
    n_pieces = np.maximum(1, np.ceil(lengths / step_m - 1e-9)).astype(np.int64)
    edge = np.repeat(np.arange(len(lengths)), n_pieces)
    nth = np.arange(len(edge)) - (np.cumsum(n_pieces) - n_pieces)[edge]
    length = lengths[edge] / n_pieces[edge]
    xy, heading = Segments.of(network).at(edge, (nth + 0.5) * length)
    return edge, xy, heading, length


def _count_gaps(match: LineMatch) -> int:
    """Count unmatched stretches, each within one edge."""
    is_open = ~match.is_matched
    goes_on = np.zeros(len(is_open), dtype=bool)
    goes_on[1:] = is_open[:-1] & (np.diff(match.edge) == 0)
    return int(np.count_nonzero(is_open & ~goes_on))


def _rms(match: LineMatch) -> float:
    distance = match.distance_m[match.is_matched]
    weight = match.length_m[match.is_matched]
    return float(np.sqrt((weight * distance**2).sum() / weight.sum())) if len(weight) else 0.0
