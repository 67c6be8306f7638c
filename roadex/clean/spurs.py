"""Dead ends too short to be roads, pruned smallest first.

Pruning changes what else is a dead end: at a fork of two short arms the shorter goes, the longer
becomes the end of the road it prolongs and must stay. So edges are taken from a heap one by one,
and where two are left at a node they count as one edge from then on.
"""

from __future__ import annotations

from heapq import heappop, heappush

import numba
import numpy as np
from numpy.typing import NDArray

from roadex.graph import RoadGraph, dissolve, select_edges
from roadex.ground import PixelSize
from roadex.measure import end_half_widths, measure_edges


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
    graph_widths_m = 2 * end_half_widths(graph) * pixel.gsd_m
    removed = _prune(
        graph.u,
        graph.v,
        measure_edges(graph, pixel).length_m,
        graph_widths_m * width_ratio,
        is_border,
        float(min_length_m),
        graph.n_nodes,
    )
    return dissolve(select_edges(graph, ~removed))


@numba.njit(cache=True, nogil=True)
def _attach(edge, ends, head, follow, degree):  # type: ignore[no-untyped-def]
    """Put both ends of an edge into the lists of their nodes."""
    for side in range(2):
        node = ends[side, edge]
        follow[2 * edge + side] = head[node]
        head[node] = 2 * edge + side
        degree[node] += 1


@numba.njit(cache=True, nogil=True)
def _remove(edge, parts, removed):  # type: ignore[no-untyped-def]
    """Mark all the edges that a joined edge is made of."""
    stack = [edge]
    while len(stack) > 0:
        top = stack.pop()
        if parts[0, top] < 0:
            removed[top] = True
        else:
            stack.append(parts[0, top])
            stack.append(parts[1, top])


@numba.njit(cache=True, nogil=True)
def _prune(u, v, length_m, reach_m, is_border, min_length_m, n_nodes):  # type: ignore[no-untyped-def]
    """Return the edges to remove; ``reach_m`` is the length of a hair at each end's road."""
    n = len(u)
    ends = np.empty((2, 2 * n), dtype=np.int64)
    ends[0, :n], ends[1, :n] = u, v
    length = np.zeros(2 * n)
    length[:n] = length_m
    reach = np.zeros((2, 2 * n))
    reach[:, :n] = reach_m
    parts = np.full((2, 2 * n), -1, dtype=np.int64)
    alive = np.zeros(2 * n, dtype=np.bool_)
    alive[:n] = True
    follow = np.full(4 * n, -1, dtype=np.int64)
    head = np.full(n_nodes, -1, dtype=np.int64)
    degree = np.zeros(n_nodes, dtype=np.int64)
    for edge in range(n):
        _attach(edge, ends, head, follow, degree)
    heap = [(0.0, -1)]
    for edge in range(n):
        if min(degree[ends[0, edge]], degree[ends[1, edge]]) == 1:
            heappush(heap, (length[edge], edge))
    removed = np.zeros(n, dtype=np.bool_)
    while len(heap) > 0:
        _, edge = heappop(heap)
        if edge < 0 or not alive[edge]:
            continue
        side = 0 if degree[ends[1, edge]] == 1 else 1  # the end at the rest of the network
        junction, tip = ends[side, edge], ends[1 - side, edge]
        if degree[tip] != 1 or degree[junction] < 3:
            continue
        limit = reach[side, edge]
        if not is_border[tip]:
            limit = max(limit, min_length_m)
        if length[edge] >= limit:
            continue
        alive[edge] = False
        _remove(edge, parts, removed)
        degree[junction] -= 1
        degree[tip] = 0
        if degree[junction] == 2:
            n = _join_at(junction, n, ends, length, reach, parts, alive, follow, head, degree)
            if alive[n - 1] and min(degree[ends[0, n - 1]], degree[ends[1, n - 1]]) == 1:
                heappush(heap, (length[n - 1], n - 1))
    return removed


@numba.njit(cache=True, nogil=True)
def _join_at(  # type: ignore[no-untyped-def]
    node, n, ends, length, reach, parts, alive, follow, head, degree
):
    """Make one edge of the two left at a node; return the number of edges ever made."""
    one, other = -1, -1
    end = head[node]
    while end >= 0:
        if alive[end >> 1]:
            other = one
            one = end
        end = follow[end]
    if one >> 1 == other >> 1:
        return n  # a loop with nothing else at its node
    alive[one >> 1] = False
    alive[other >> 1] = False
    degree[node] = 0
    for side, end in ((0, one), (1, other)):
        far = 1 - (end & 1)
        parts[side, n] = end >> 1
        ends[side, n] = ends[far, end >> 1]
        reach[side, n] = reach[far, end >> 1]
        degree[ends[side, n]] -= 1
    length[n] = length[one >> 1] + length[other >> 1]
    alive[n] = True
    _attach(n, ends, head, follow, degree)
    return n + 1
