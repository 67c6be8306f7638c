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
from roadex.network.cleaning.areas import contract
from roadex.network.cleaning.junctions import drop_hidden_edges
from roadex.network.faces import face_areas, find_faces
from roadex.network.graph import RoadGraph, dissolve, group, select_edges
from roadex.network.measures import measure_edges

_THIN_LOOP_LENGTHS: Final = 3.0
"""Loops are opened for being thin up to this many times ``min_length_m``; longer ones are the land
between two carriageways."""


_ROUND: Final = 0.7
"""Least area of a roundabout over that of a circle of the same boundary."""

_ARMS: Final = 3
"""Fewest arms of a roundabout."""


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

    Round loops with three arms or more are roundabouts, never opened: those shorter than
    ``min_length_m``, or with an island narrower than their road, become one junction, others stay.
    """
    graph = _close_roundabouts(graph, pixel, min_length_m, min_width_ratio)
    while True:
        face = find_faces(graph)
        removed = _weakest_sides(graph, face, pixel, min_length_m, min_width_ratio)
        if not removed.any():
            return graph
        graph = dissolve(select_edges(graph, ~removed))


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


def _small_faces(
    graph: RoadGraph,
    face: NDArray[np.int64],
    pixel: PixelSize,
    min_length_m: float,
    min_width_ratio: float,
) -> NDArray[np.bool_]:
    """Return which faces are short or thin."""
    small = _boundaries_m(graph, face, pixel) < min_length_m
    if len(face):
        small |= _is_thin(graph, face, pixel, _THIN_LOOP_LENGTHS * min_length_m, min_width_ratio)
    return small


def _is_roundabout(
    graph: RoadGraph, face: NDArray[np.int64], pixel: PixelSize, small: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which small faces are round and have three arms or more.

    One beside another small face is a link of a chain of holes instead, and one that has the same
    edge on both sides has a dead end inside.
    """
    n_faces = len(small)
    boundary_m = _boundaries_m(graph, face, pixel)
    area_m2 = face_areas(graph, face) * pixel.row_m * pixel.col_m
    round_enough = 4 * np.pi * area_m2 >= _ROUND * boundary_m**2
    alone = np.ones(n_faces, dtype=np.bool_)
    alone[face[small[face].all(axis=1)]] = False
    enough_arms = np.bincount(face.ravel(), minlength=n_faces) >= _ARMS
    chosen: NDArray[np.bool_] = small & round_enough & alone & enough_arms
    return chosen


def _boundaries_m(
    graph: RoadGraph, face: NDArray[np.int64], pixel: PixelSize
) -> NDArray[np.float64]:
    """Return the length of the boundary of each face."""
    length_m = np.repeat(measure_edges(graph, pixel).length_m, 2)
    boundaries: NDArray[np.float64] = np.bincount(face.ravel(), length_m).astype(float)
    return boundaries


def _close_roundabouts(
    graph: RoadGraph, pixel: PixelSize, min_length_m: float, min_width_ratio: float
) -> RoadGraph:
    """Make one junction of each roundabout that is short or has a narrow island."""
    face = find_faces(graph)
    if len(face) == 0:
        return graph
    boundary_m = _boundaries_m(graph, face, pixel)
    half_width = np.repeat(np.nan_to_num(measure_edges(graph, pixel).half_width), 2)
    width_m = 2 * pixel.gsd_m * np.bincount(face.ravel(), half_width) / np.bincount(face.ravel())
    small = _small_faces(graph, face, pixel, min_length_m, min_width_ratio)
    # The middle of the ring is half a road's width from the island.
    closed = (boundary_m < min_length_m) | (boundary_m < 2 * np.pi * width_m)
    closed &= _is_roundabout(graph, face, pixel, small)
    ring: NDArray[np.bool_] = np.any(closed[face], axis=1)
    ring &= _are_single(graph, face, closed, ring)
    if not ring.any():
        return graph
    joined = contract(graph, ring, ~ring, straight_inside=True)
    return dissolve(drop_hidden_edges(joined, pixel))


def _are_single(
    graph: RoadGraph, face: NDArray[np.int64], closed: NDArray[np.bool_], ring: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which edges are of rings that share no node with another one."""
    label = group(graph.n_nodes, graph.u[ring], graph.v[ring])[graph.u]
    side, edge = np.nonzero(closed[face.T])
    pairs = np.unique(np.stack([label[edge], face[edge, side]]), axis=1)
    single: NDArray[np.bool_] = np.bincount(pairs[0], minlength=graph.n_nodes)[label] == 1
    return single


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
    boundary_m = _boundaries_m(graph, face, pixel)
    is_small = _small_faces(graph, face, pixel, min_length_m, min_width_ratio)
    if len(face):
        kept = boundary_m >= min_length_m
        is_small &= ~(kept & _is_roundabout(graph, face, pixel, is_small))
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
