"""Small loops: holes in the road probability (a tree, a car) that roads seem to go around.

A loop is a face of the drawn graph: walk along an edge, turn into the next one on the same side at
each node, until back. Faces with a short boundary lose their least probable side, and so do longer
ones that are hardly wider than the roads around them: holes in one road, not land between two.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.imagery.geodesy import PixelSize
from roadex.network.chains import COL_STEP, ROW_STEP
from roadex.network.compiled import kernel
from roadex.network.graph import RoadGraph, dissolve, select_edges
from roadex.network.measures import measure_edges

_THIN_LOOP_LENGTHS: Final = 3.0
"""Loops are opened for being thin up to this many times ``min_length_m``; longer ones are the land
between two carriageways."""


def open_small_loops(
    graph: RoadGraph, pixel: PixelSize, *, min_length_m: float, min_width_ratio: float = 0.0
) -> RoadGraph:
    """Open every loop with a boundary shorter than ``min_length_m``.

    Loops up to three times as long are opened as well where they are narrower, on the average, than
    ``min_width_ratio`` times the road around them, if more than one edge goes around them (the turn
    at the end of a road is one edge).

    Of each loop the edge with the lowest mean probability goes, among equals the longest. Edges
    with the same face on both sides are no boundary and stay. Loops that would be opened into each
    other are so one after the other, because the boundary of what is left has changed; loops that
    are opened into the same large face are opened at once, which never takes a network apart: what
    is cut joins faces to a large one like leaves to a star, and never encloses anything.
    """
    while True:
        face = find_faces(graph)
        removed = _weakest_sides(graph, face, pixel, min_length_m, min_width_ratio)
        if not removed.any():
            return graph
        graph = dissolve(select_edges(graph, ~removed))


def find_faces(graph: RoadGraph) -> NDArray[np.int64]:
    """Return the face on the same side of each edge in both directions, shape ``(n_edges, 2)``.

    Column 0 belongs to the direction from ``u`` to ``v``.

    1. Around a node, edges follow each other by the angle at which they leave it.
    2. A face goes on from the end of an edge with the edge that follows the way back.
    3. The cycles of this are the faces.
    """
    angles = np.zeros((graph.n_edges, 2))
    nodes = np.stack([graph.node_row, graph.node_col], axis=1)
    chains = graph.chains
    _leaving_angles(
        graph.u, graph.v, nodes, chains.start, chains.end, chains.offsets, chains.codes,
        chains.width, angles,
    )  # fmt: skip
    origin = np.stack([graph.u, graph.v], axis=1).reshape(-1)
    # Rule 1.
    order = np.lexsort((np.arange(len(origin)), angles.reshape(-1), origin))
    sorted_origin = origin[order]
    following = np.empty(len(order), dtype=np.int64)
    is_last = np.r_[sorted_origin[1:] != sorted_origin[:-1], True][: len(order)]
    position = np.arange(1, len(order) + 1)
    position[is_last] = np.searchsorted(sorted_origin, sorted_origin[is_last])
    following[order] = order[position]
    # Rules 2 and 3: arriving along h, the way back is h ^ 1.
    faces: NDArray[np.int64] = _cycles(following[np.arange(len(order)) ^ 1]).reshape(-1, 2)
    return faces


def face_areas(graph: RoadGraph, face: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the area of each face in pixels; of outer faces, minus that of all they surround."""
    swept = np.zeros(graph.n_edges)
    nodes = np.stack([graph.node_row, graph.node_col], axis=1)
    chains = graph.chains
    _swept_areas(
        graph.u, graph.v, nodes, chains.start, chains.offsets, chains.codes, chains.width, swept
    )
    n_faces = int(face.max()) + 1 if len(face) else 0
    there, back = (np.bincount(face[:, side], swept, n_faces) for side in (0, 1))
    areas: NDArray[np.float64] = np.asarray(there - back, dtype=np.float64)
    return areas


def _is_thin(
    graph: RoadGraph,
    face: NDArray[np.int64],
    pixel: PixelSize,
    max_length_m: float,
    min_width_ratio: float,
) -> NDArray[np.bool_]:
    """Return which faces are narrow for the roads around them; dead ends inside do not count."""
    measures, n_faces = measure_edges(graph, pixel), int(face.max()) + 1
    separates = np.repeat(face[:, 0] != face[:, 1], 2)
    sides, length_m = face.ravel()[separates], np.repeat(measures.length_m, 2)[separates]
    width_m = np.repeat(2 * pixel.gsd_m * np.nan_to_num(measures.half_width), 2)[separates]
    boundary_m = np.bincount(sides, length_m, n_faces)
    area_m2 = face_areas(graph, face) * pixel.row_m * pixel.col_m
    # A long strip is as wide as twice its area over its boundary.
    thin = 2 * area_m2 < min_width_ratio * np.bincount(sides, length_m * width_m, n_faces)
    thin &= (area_m2 > 0) & (boundary_m < max_length_m)
    thin &= np.bincount(sides, minlength=n_faces) > 1
    return thin


def _weakest_sides(
    graph: RoadGraph,
    face: NDArray[np.int64],
    pixel: PixelSize,
    min_length_m: float,
    min_width_ratio: float,
) -> NDArray[np.bool_]:
    """Choose one edge of each small face, no two of them of the same small face."""
    measures = measure_edges(graph, pixel)
    removed = np.zeros(graph.n_edges, dtype=np.bool_)
    n_faces = int(face.max()) + 1 if len(face) else 0
    boundary_m = np.bincount(face.ravel(), np.repeat(measures.length_m, 2), n_faces)
    is_small = boundary_m < min_length_m
    if len(face):
        longest_m = _THIN_LOOP_LENGTHS * min_length_m
        is_small |= _is_thin(graph, face, pixel, longest_m, min_width_ratio)
    separates = face[:, 0] != face[:, 1]
    around = np.flatnonzero(separates & is_small[face].any(axis=1))
    rank = np.lexsort((-around, -measures.length_m[around], measures.probability_mean[around]))
    sides: dict[int, list[int]] = {}
    for edge in around[rank]:
        for side in face[edge]:
            if is_small[side]:
                sides.setdefault(int(side), []).append(int(edge))
    touched: set[int] = set()
    for side in sorted(sides, key=lambda key: (boundary_m[key], key)):
        edge = sides[side][0]
        opened = [other for other in face[edge].tolist() if is_small[other]]
        if touched.isdisjoint(opened):
            removed[edge] = True
            touched.update(opened)
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
def _swept_areas(u, v, nodes, start, offsets, codes, width, swept):  # type: ignore[no-untyped-def]
    """Return the signed area between each edge, from node to node, and the first pixel."""
    for i in range(len(u)):
        row0, col0 = nodes[u[i], 0], nodes[u[i], 1]
        row, col = start[i] // width, start[i] % width
        before_row, before_col = row0, col0
        total = 0.0
        for k in range(offsets[i], offsets[i + 1] + 1):
            total += (before_row - row0) * (col - col0) - (row - row0) * (before_col - col0)
            before_row, before_col = float(row), float(col)
            if k < offsets[i + 1]:
                row += ROW_STEP[codes[k]]
                col += COL_STEP[codes[k]]
        row1, col1 = nodes[v[i], 0], nodes[v[i], 1]
        total += (before_row - row0) * (col1 - col0) - (row1 - row0) * (before_col - col0)
        # From the chord to the origin, so that the edges around a face add up.
        swept[i] = 0.5 * (total + row0 * col1 - row1 * col0)


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
