"""Junctions that belong together: the two T's into which thinning splits an X."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.imagery.geodesy import PixelSize
from roadex.network.graph import RoadGraph, dissolve, merge_nodes, select_edges
from roadex.network.measures import end_half_widths, measure_edges
from roadex.network.smoothing import own_spans


def consolidate_junctions(
    graph: RoadGraph, pixel: PixelSize, *, width_ratio: float, max_distance_m: float
) -> RoadGraph:
    """Make one node of junctions that are closer than their roads are wide.

    Parameters
    ----------
    graph
        Any network.
    pixel
        Size of a pixel.
    width_ratio
        Junctions are joined along an edge shorter than this many times the width at its ends.
    max_distance_m
        Junctions farther apart than this are never part of the same node, so a chain of close
        junctions is not drawn together without end.
    """
    length_m = measure_edges(graph, pixel).length_m
    width_m = 2 * end_half_widths(graph).max(axis=0, initial=0) * pixel.gsd_m
    is_junction = graph.degree >= 3
    close = (length_m < width_ratio * width_m) & (length_m <= max_distance_m)
    close &= is_junction[graph.u] & is_junction[graph.v] & (graph.u != graph.v)
    candidates = np.flatnonzero(close)
    if len(candidates) == 0:
        return graph
    candidates = candidates[np.argsort(length_m[candidates], kind="stable")]
    place = np.stack([graph.node_row * pixel.row_m, graph.node_col * pixel.col_m], axis=1)
    label = _join_within(graph, candidates, place, max_distance_m)
    inside = (label[graph.u] == label[graph.v]) & (graph.u != graph.v)
    inside &= length_m <= max_distance_m
    moved = _move_together(graph, label, ~inside)
    return dissolve(drop_hidden_edges(moved, pixel))


def drop_hidden_edges(graph: RoadGraph, pixel: PixelSize) -> RoadGraph:
    """Drop edges that would be drawn on top of another one, or as a point.

    Lines are straight within the reach of their nodes: of all edges between two nodes that lie
    within it altogether only the most probable can be seen, and of loops none. A loop needs two
    pixels besides its node.
    """
    n_steps, is_loop = graph.chains.n_steps, graph.u == graph.v
    n_drawn = np.diff(own_spans(graph, np.arange(graph.n_edges)))[:, 0]
    hidden = n_drawn == 0
    # Other edges run straight through the reach of the node, and so through a loop around there.
    within_reach = n_steps <= 4 * graph.node_reach[graph.u]
    hidden[is_loop] = (within_reach | (n_drawn < 2))[is_loop]
    low, high = np.minimum(graph.u, graph.v), np.maximum(graph.u, graph.v)
    probability = measure_edges(graph, pixel).probability_mean
    order = np.lexsort((np.arange(graph.n_edges), n_steps, -probability, ~hidden, high, low))
    repeats = np.zeros(graph.n_edges, dtype=np.bool_)
    repeats[order[1:]] = (low[order[1:]] == low[order[:-1]]) & (high[order[1:]] == high[order[:-1]])
    return select_edges(graph, ~(hidden & (repeats | is_loop)))


def _join_within(
    graph: RoadGraph,
    candidates: NDArray[np.int64],
    place: NDArray[np.float64],
    max_distance_m: float,
) -> NDArray[np.int64]:
    """Return the group of each node, joined along edges while a group stays small enough."""
    parent = list(range(graph.n_nodes))
    low, high = place.copy(), place.copy()

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for edge in candidates.tolist():
        a, b = sorted((root(int(graph.u[edge])), root(int(graph.v[edge]))))
        lower, upper = np.minimum(low[a], low[b]), np.maximum(high[a], high[b])
        if a != b and np.hypot(*(upper - lower)) <= max_distance_m:
            parent[b], low[a], high[a] = a, lower, upper
    roots = np.array([root(node) for node in range(graph.n_nodes)], dtype=np.int64)
    return np.unique(roots, return_inverse=True)[1]


def _move_together(
    graph: RoadGraph, label: NDArray[np.int64], keep: NDArray[np.bool_]
) -> RoadGraph:
    """Put each group of nodes at its mean; lines run straight to it from its farthest member."""
    size = np.bincount(label)
    row = np.bincount(label, graph.node_row) / size
    col = np.bincount(label, graph.node_col) / size
    distance = np.hypot(graph.node_row - row[label], graph.node_col - col[label])
    reach = np.zeros(len(size))
    np.maximum.at(reach, label, distance + graph.node_reach)
    return merge_nodes(graph, label, row, col, reach, keep)
