"""Small loops: holes in the road probability (a tree, a car) that roads seem to go around.

A loop is a face of the drawn graph: walk along an edge, turn into the next one on the same side at
each node, until back. Faces with a short boundary lose their least probable side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.chains import COL_STEP, ROW_STEP
from roadex.graph import RoadGraph, dissolve, select_edges
from roadex.ground import PixelSize
from roadex.kernel import kernel
from roadex.measure import measure_edges


def open_small_loops(graph: RoadGraph, pixel: PixelSize, *, min_length_m: float) -> RoadGraph:
    """Open every loop with a boundary shorter than ``min_length_m``.

    Of each loop the edge with the lowest mean probability goes, among equals the longest. Edges
    with the same face on both sides are no boundary and stay. Neighbouring loops are opened one
    after the other, because the boundary of what is left has changed.
    """
    while True:
        face = find_faces(graph)
        removed = _weakest_sides(graph, face, pixel, min_length_m)
        if not removed.any():
            return graph
        graph = dissolve(select_edges(graph, ~removed))


def find_faces(graph: RoadGraph) -> NDArray[np.int64]:
    """Return the face on the same side of each edge in both directions, shape ``(n_edges, 2)``.

    Column 0 belongs to the direction from ``u`` to ``v``.
    """
    angles = np.zeros((graph.n_edges, 2))
    nodes = np.stack([graph.node_row, graph.node_col], axis=1)
    chains = graph.chains
    _leaving_angles(
        graph.u, graph.v, nodes, chains.start, chains.end, chains.offsets, chains.codes,
        chains.width, angles,
    )  # fmt: skip
    origin = np.stack([graph.u, graph.v], axis=1).reshape(-1)
    order = np.lexsort((np.arange(len(origin)), angles.reshape(-1), origin))
    sorted_origin = origin[order]
    following = np.empty(len(order), dtype=np.int64)
    is_last = np.r_[sorted_origin[1:] != sorted_origin[:-1], True][: len(order)]
    position = np.arange(1, len(order) + 1)
    position[is_last] = np.searchsorted(sorted_origin, sorted_origin[is_last])
    following[order] = order[position]
    # Arriving along h, the way back is h ^ 1; the face goes on with what follows it.
    faces: NDArray[np.int64] = _cycles(following[np.arange(len(order)) ^ 1]).reshape(-1, 2)
    return faces


def _weakest_sides(
    graph: RoadGraph, face: NDArray[np.int64], pixel: PixelSize, min_length_m: float
) -> NDArray[np.bool_]:
    """Choose one edge of each small face, no two of them in touching faces."""
    measures = measure_edges(graph, pixel)
    removed = np.zeros(graph.n_edges, dtype=np.bool_)
    n_faces = int(face.max()) + 1 if len(face) else 0
    boundary_m = np.bincount(face.ravel(), np.repeat(measures.length_m, 2), n_faces)
    separates = face[:, 0] != face[:, 1]
    small = np.flatnonzero(separates & (boundary_m[face] < min_length_m).any(axis=1))
    rank = np.lexsort((-small, -measures.length_m[small], measures.probability_mean[small]))
    sides: dict[int, list[int]] = {}
    for edge in small[rank]:
        for side in face[edge]:
            if boundary_m[side] < min_length_m:
                sides.setdefault(int(side), []).append(int(edge))
    touched: set[int] = set()
    for side in sorted(sides, key=lambda key: (boundary_m[key], key)):
        edge = sides[side][0]
        if touched.isdisjoint(face[edge].tolist()):
            removed[edge] = True
            touched.update(face[edge].tolist())
    return removed


@kernel
def _leaving_angles(  # type: ignore[no-untyped-def]
    u, v, nodes, start, end, offsets, codes, width, angles
):
    """Return the direction of the first pixel of each edge outside its nodes.

    Only the first pixel keeps the true order: farther on, edges may have curled around.
    """
    for i in range(len(u)):
        if offsets[i + 1] == offsets[i]:
            continue
        first, last = codes[offsets[i]], codes[offsets[i + 1] - 1]
        row, col = start[i] // width + ROW_STEP[first], start[i] % width + COL_STEP[first]
        angles[i, 0] = np.arctan2(row - nodes[u[i], 0], col - nodes[u[i], 1])
        row, col = end[i] // width - ROW_STEP[last], end[i] % width - COL_STEP[last]
        angles[i, 1] = np.arctan2(row - nodes[v[i], 0], col - nodes[v[i], 1])


@kernel
def _cycles(following):  # type: ignore[no-untyped-def]
    """Return the number of the cycle of each element of a permutation."""
    label = np.full(len(following), -1, dtype=np.int64)
    n = 0
    for first in range(len(following)):
        if label[first] >= 0:
            continue
        at = first
        while label[at] < 0:
            label[at] = n
            at = following[at]
        n += 1
    return label
