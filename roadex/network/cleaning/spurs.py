"""Dead ends too short to be roads, pruned smallest first.

Pruning changes what else is a dead end: at a fork of two short arms the shorter goes, the longer
becomes the end of the road it prolongs and must stay. So edges are taken from a heap one by one,
and where two are left at a node they count as one edge from then on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.imagery.geodesy import PixelSize
from roadex.network.compiled import kernel
from roadex.network.graph import RoadGraph, dissolve, select_edges
from roadex.network.measures import end_half_widths, measure_edges
from roadex.network.priority_queue import heap_pop, heap_push


def prune_spurs(
    graph: RoadGraph,
    pixel: PixelSize,
    *,
    width_ratio: float,
    min_length_m: float,
    is_border: NDArray[np.bool_],
) -> RoadGraph:
    """Remove short dead ends, then join the edges that are left two by two.

    Parameters
    ----------
    graph
        Network with any nodes.
    pixel
        Size of a pixel.
    width_ratio
        Dead ends shorter than this many widths of the road they leave are removed.
    min_length_m
        Other dead ends shorter than this are removed as well, except at the border of the scene.
    is_border
        Shape ``(n_nodes,)``: nodes where the scene ends, not the road.
    """
    n = graph.n_edges
    # Joined edges are numbered on from the given ones: there are fewer of them than of those.
    ends = np.zeros((2, 2 * n), dtype=np.int64)
    length_m, hair_m = np.zeros(2 * n), np.zeros((2, 2 * n))
    ends[0, :n], ends[1, :n] = graph.u, graph.v
    length_m[:n] = measure_edges(graph, pixel).length_m
    hair_m[:, :n] = 2 * end_half_widths(graph) * pixel.gsd_m * width_ratio
    removed = _prune(n, ends, length_m, hair_m, is_border, float(min_length_m))
    return dissolve(select_edges(graph, ~removed))


@kernel
def _attach(edge, ends, head, follow, degree):  # type: ignore[no-untyped-def]
    """Put both ends of an edge into the lists of their nodes."""
    for side in range(2):
        node = ends[side, edge]
        follow[2 * edge + side] = head[node]
        head[node] = 2 * edge + side
        degree[node] += 1


@kernel
def _remove(edge, parts, removed):  # type: ignore[no-untyped-def]
    """Mark all the edges that a joined edge is made of."""
    if parts[0, edge] < 0:
        removed[edge] = True
        return
    stack = np.empty(len(removed) + 1, dtype=np.int64)
    stack[0] = edge
    n = 1
    while n > 0:
        n -= 1
        top = stack[n]
        if parts[0, top] < 0:
            removed[top] = True
        else:
            stack[n], stack[n + 1] = parts[0, top], parts[1, top]
            n += 2


@kernel
def _prune(n, ends, length, hair, is_border, min_length_m):  # type: ignore[no-untyped-def]
    """Return which of the first ``n`` edges to remove; ``hair`` is the length of one there.

    1. The shortest dead end goes first, if it is shorter than a hair of the road it leaves or,
       away from the border of the scene, than ``min_length_m``.
    2. An edge free at both ends is no dead end of a road: it stays.
    3. Where two edges are left at a node, they count as one from then on.
    """
    parts = np.full((2, 2 * n), -1, dtype=np.int64)
    alive = np.ones(2 * n, dtype=np.bool_)
    follow = np.full(4 * n, -1, dtype=np.int64)
    head = np.full(len(is_border), -1, dtype=np.int64)
    degree = np.zeros(len(is_border), dtype=np.int64)
    for edge in range(n):
        _attach(edge, ends, head, follow, degree)
    removed = np.zeros(n, dtype=np.bool_)
    keys, waiting, n_waiting = np.empty(2 * n), np.empty(2 * n, dtype=np.int64), 0
    for edge in range(n):
        if min(degree[ends[0, edge]], degree[ends[1, edge]]) == 1:
            n_waiting = heap_push(keys, waiting, n_waiting, length[edge], edge)
    while n_waiting > 0:
        _, edge, n_waiting = heap_pop(keys, waiting, n_waiting)
        if not alive[edge]:
            continue
        side = 0 if degree[ends[1, edge]] == 1 else 1  # the end at the rest of the network
        junction, tip = ends[side, edge], ends[1 - side, edge]
        if degree[tip] != 1 or degree[junction] < 3:
            continue  # rule 2
        limit = hair[side, edge]
        if not is_border[tip]:
            limit = max(limit, min_length_m)
        if length[edge] >= limit:
            continue  # rule 1
        alive[edge] = False
        _remove(edge, parts, removed)
        degree[junction] -= 1
        degree[tip] = 0
        if degree[junction] == 2 and _join_at(  # rule 3
            junction, n, ends, length, hair, parts, alive, follow, head, degree
        ):
            if min(degree[ends[0, n]], degree[ends[1, n]]) == 1:
                n_waiting = heap_push(keys, waiting, n_waiting, length[n], n)
            n += 1
    return removed


@kernel
def _join_at(  # type: ignore[no-untyped-def]
    node, n, ends, length, hair, parts, alive, follow, head, degree
):
    """Make edge ``n`` of the two left at a node; return False if they are one, a loop."""
    one, other = -1, -1
    end = head[node]
    while end >= 0:
        if alive[end >> 1]:
            other = one
            one = end
        end = follow[end]
    if one >> 1 == other >> 1:
        return False
    alive[one >> 1] = False
    alive[other >> 1] = False
    degree[node] = 0
    for side, end in ((0, one), (1, other)):
        far = 1 - (end & 1)
        parts[side, n] = end >> 1
        ends[side, n] = ends[far, end >> 1]
        hair[side, n] = hair[far, end >> 1]
        degree[ends[side, n]] -= 1
    length[n] = length[one >> 1] + length[other >> 1]
    _attach(n, ends, head, follow, degree)
    return True
