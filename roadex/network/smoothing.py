"""From pixel stairs to lines: smoothed between pinned ends and corners, then simplified.

A chain of pixels is 13 % too long and its heading off by 8 degrees; smoothed with binomial weights
and simplified to half a pixel it is within 0.1 % and 3 degrees, with fewer vertices than a plain
simplification needs (measured on random curves).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from roadex.config import VectorConfig
from roadex.network.chains import COL_STEP, ROW_STEP, whole
from roadex.network.compiled import kernel
from roadex.network.corners import binomial, sharpen_corners
from roadex.network.graph import RoadGraph

MIN_PASSES: Final = 8
MAX_PASSES: Final = 64

_COL, _ROW, _REACH = range(3)
"""Columns of the table of nodes that kernels read."""

_EDGES_AT_A_TIME: Final = 20_000
"""Edges drawn at a time; bounds the memory, changes nothing."""


@dataclass(frozen=True, slots=True)
class Polylines:
    """Lines in pixel coordinates; line ``i`` owns ``points[offsets[i]:offsets[i + 1]]``."""

    points: NDArray[np.float64]
    """Shape ``(n, 2)``: column and row, 0.0 is the centre of the first pixel."""

    offsets: NDArray[np.int64]
    """Shape ``(n_lines + 1,)``."""


def draw_lines(
    graph: RoadGraph, half_width: NDArray[np.float64], config: VectorConfig
) -> tuple[NDArray[np.object_], int]:
    """Return the line of each edge in pixel coordinates, smoothed and simplified.

    Lines that come to cross another or themselves are drawn again nearer to their pixels.

    Parameters
    ----------
    graph
        Its nodes are where lines start and end, exactly.
    half_width
        Shape ``(n_edges,)``: half-width of each road in pixels; NaN where unknown.
    config
        Smoothing and simplification.

    Returns
    -------
    lines
        Shape ``(n_edges,)``.
    n_redrawn
        How many lines were drawn again.
    """
    drawn = np.empty(graph.n_edges, dtype=object)
    for first in range(0, graph.n_edges, _EDGES_AT_A_TIME):
        edges = np.arange(first, min(first + _EDGES_AT_A_TIME, graph.n_edges))
        drawn[edges] = _draw(raw_polylines(graph, edges), half_width[edges], config, closeness=1)
    redrawn: set[int] = set()
    for closeness in (4, 16, 0):
        crossing = find_crossing_lines(drawn)
        if len(crossing) == 0:
            break
        redrawn.update(crossing.tolist())
        raw = raw_polylines(graph, crossing)
        drawn[crossing] = _draw(raw, half_width[crossing], config, closeness=closeness)
    return drawn, len(redrawn)


def find_crossing_lines(lines: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the lines that cross or cover another one or themselves, or vanish; sorted."""
    one, other = shapely.STRtree(lines).query(lines, predicate="intersects")
    closed = shapely.is_closed(lines)
    # Rings have no end points: two of them at one node share what counts as inside of both.
    pairs = (one < other) & ~(closed[one] & closed[other])
    one, other = one[pairs], other[pairs]
    meet = shapely.relate_pattern(lines[one], lines[other], "T********")
    spoiled = ~shapely.is_simple(lines) | (shapely.length(lines) == 0)
    return np.unique(np.concatenate([one[meet], other[meet], np.flatnonzero(spoiled)]))


def _draw(
    lines: Polylines, half_width: NDArray[np.float64], config: VectorConfig, *, closeness: int
) -> NDArray[np.object_]:
    """Draw lines; a higher ``closeness`` is nearer to the pixels, 0 goes from pixel to pixel."""
    if closeness == 0:
        return to_linestrings(lines)
    if config.smoothing:
        lines = smooth(
            lines,
            half_width,
            smoothing=config.smoothing,
            corner_deg=config.corner_deg,
            max_passes=MAX_PASSES // closeness,
        )
    drawn = to_linestrings(lines)
    if config.simplify_px:
        tolerance = config.simplify_px / closeness
        drawn = shapely.simplify(drawn, tolerance, preserve_topology=False)
    return drawn


def raw_polylines(graph: RoadGraph, edges: NDArray[np.int64]) -> Polylines:
    """Return the pixel centres along chosen edges, between the positions of their two nodes."""
    chains = whole(graph.chains, edges)
    nodes = np.stack([graph.node_col, graph.node_row, graph.node_reach], axis=1)
    lines = (graph.u[edges], graph.v[edges], nodes, chains.start, chains.offsets, chains.codes)
    spans = own_spans(graph, edges)
    offsets = np.r_[0, np.cumsum(spans[:, 1] - spans[:, 0] + 2)]
    points = np.empty((offsets[-1], 2))
    _fill_points(*lines, chains.width, spans, offsets, points)
    return Polylines(points, offsets)


def own_spans(graph: RoadGraph, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which pixels of chosen edges are drawn: those beyond the reach of their two nodes.

    Shape ``(n, 2)``, half-open. Lines run straight from the node to the first and from the last.
    """
    chains = whole(graph.chains, edges)
    nodes = np.stack([graph.node_col, graph.node_row, graph.node_reach], axis=1)
    spans = np.empty((len(edges), 2), dtype=np.int64)
    _untouched_spans(
        graph.u[edges], graph.v[edges], nodes, chains.start, chains.offsets, chains.codes,
        chains.width, spans,
    )  # fmt: skip
    return spans


def smooth(
    lines: Polylines,
    half_width: NDArray[np.float64],
    *,
    smoothing: float,
    corner_deg: float,
    max_passes: int = MAX_PASSES,
) -> Polylines:
    """Smooth each line, with its ends and corners pinned.

    In one pass every vertex becomes a quarter of the previous, half of itself and a quarter of the
    next. Wide roads have ragged edges and get more passes.

    Parameters
    ----------
    lines
        One vertex per pixel.
    half_width
        Shape ``(n_lines,)``: half-width of the road in pixels; NaN where unknown.
    smoothing
        Passes per pixel of half-width.
    corner_deg
        Sharper turns are kept.
    max_passes
        Most passes of any line.
    """
    least = min(MIN_PASSES, max_passes)
    passes = np.nan_to_num(smoothing * half_width).clip(least, max_passes).astype(np.int64)
    points, pinned = sharpen_corners(lines.points, lines.offsets, half_width, corner_deg)
    _smooth_pinned(points, lines.offsets, passes, pinned)
    return Polylines(points, lines.offsets)


def to_linestrings(lines: Polylines) -> NDArray[np.object_]:
    """Return the lines as Shapely geometries."""
    index = np.repeat(np.arange(len(lines.offsets) - 1), np.diff(lines.offsets))
    geometries: NDArray[np.object_] = shapely.linestrings(lines.points, indices=index)
    return geometries


@kernel
def _untouched_spans(u, v, nodes, start, offsets, codes, width, spans):  # type: ignore[no-untyped-def]
    """Find the pixels of each edge between the reach of its two nodes (a half-open span)."""
    for i in range(len(u)):
        row, col = start[i] // width, start[i] % width
        n_pixels = offsets[i + 1] - offsets[i] + 1
        # A loop keeps its pixels: it may lie within the reach of its node altogether.
        reach_u = max(nodes[u[i], _REACH], 0.5) if u[i] != v[i] else 0.5
        reach_v = max(nodes[v[i], _REACH], 0.5) if u[i] != v[i] else 0.5
        first, last = 0, n_pixels
        leaving, arrived = True, False
        for k in range(n_pixels):
            from_u = np.hypot(col - nodes[u[i], _COL], row - nodes[u[i], _ROW])
            to_v = np.hypot(col - nodes[v[i], _COL], row - nodes[v[i], _ROW])
            if leaving and from_u <= reach_u:
                first = k + 1
            else:
                leaving = False
            if not leaving and to_v <= reach_v:
                if not arrived:
                    last = k
                arrived = True
            else:
                arrived = False
                last = k + 1
            if k < n_pixels - 1:
                row += ROW_STEP[codes[offsets[i] + k]]
                col += COL_STEP[codes[offsets[i] + k]]
        spans[i, 0] = first
        spans[i, 1] = max(first, last)


@kernel
def _fill_points(  # type: ignore[no-untyped-def]
    u, v, nodes, start, offsets, codes, width, spans, point_offsets, points
):
    for i in range(len(u)):
        to = point_offsets[i]
        points[to, 0], points[to, 1] = nodes[u[i], _COL], nodes[u[i], _ROW]
        to += 1
        row, col = start[i] // width, start[i] % width
        for k in range(spans[i, 1]):
            if k >= spans[i, 0]:
                points[to, 0], points[to, 1] = col, row
                to += 1
            if k < offsets[i + 1] - offsets[i]:
                row += ROW_STEP[codes[offsets[i] + k]]
                col += COL_STEP[codes[offsets[i] + k]]
        points[to, 0], points[to, 1] = nodes[v[i], _COL], nodes[v[i], _ROW]


@kernel
def _smooth_pinned(points, offsets, passes, pinned):  # type: ignore[no-untyped-def]
    for line in range(len(offsets) - 1):
        begin = offsets[line]
        for i in range(offsets[line] + 1, offsets[line + 1]):
            if pinned[i]:
                binomial(points[begin : i + 1], passes[line])
                begin = i
