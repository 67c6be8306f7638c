"""Regions wider than any road: parking lots, junction plains, water taken for road.

Tracing cut their inside out, so each is a ring of edges marked as area. What it becomes depends on
the roads that lead to it: nothing, a junction, or a way around.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.imagery.geodesy import PixelSize
from roadex.network.chains import pixel_ids, whole
from roadex.network.faces import face_areas, find_faces
from roadex.network.graph import RoadGraph, dissolve, group, merge_nodes, select_edges
from roadex.network.measures import measure_edges

_COMPACT: Final = 0.5
"""Least area of a plaza over that of a circle of the same boundary (1 by 4: 0.5)."""


def resolve_areas(graph: RoadGraph, pixel: PixelSize, *, max_junction_m: float) -> RoadGraph:
    """Resolve the rings around wide regions.

    * No road or one leads to it: the ring goes, the road ends there.
    * Several, and the ring is at most ``max_junction_m`` long, or twice that and compact (a plaza,
      a toll station): it becomes one junction, or the straight way between two roads.
    * Several, and it is longer: the ring stays, as the way around.
    """
    graph = _drop_dead_ends(graph)
    is_area = _is_area(graph)
    if not is_area.any():
        return graph
    cluster = group(graph.n_nodes, graph.u[is_area], graph.v[is_area])
    length_m = measure_edges(graph, pixel).length_m
    ring_m = np.bincount(cluster[graph.u[is_area]], length_m[is_area], graph.n_nodes).astype(float)
    roads = np.r_[graph.u[~is_area], graph.v[~is_area]]
    n_roads = np.bincount(cluster[roads], minlength=graph.n_nodes)
    contracted = is_area & (n_roads >= 2)[cluster[graph.u]]
    compact = _compactness(graph, is_area, cluster, ring_m, pixel) >= _COMPACT
    small = (ring_m <= max_junction_m) | (compact & (ring_m <= 2 * max_junction_m))
    contracted &= small[cluster[graph.u]]
    removed = is_area & (n_roads < 2)[cluster[graph.u]]
    return dissolve(contract(graph, contracted, ~(removed | contracted)))


def _compactness(
    graph: RoadGraph,
    is_area: NDArray[np.bool_],
    cluster: NDArray[np.int64],
    ring_m: NDArray[np.float64],
    pixel: PixelSize,
) -> NDArray[np.float64]:
    """Return, for each cluster of area edges, the area inside over that of a circle as long."""
    rings = select_edges(graph, is_area)
    face = find_faces(rings)
    area_m2 = face_areas(rings, face) * pixel.row_m * pixel.col_m
    owner = np.zeros(len(area_m2), dtype=np.int64)
    owner[face.ravel()] = np.repeat(cluster[graph.u[is_area]], 2)
    inside_m2 = np.bincount(owner, area_m2.clip(min=0), graph.n_nodes)
    compactness: NDArray[np.float64] = 4 * np.pi * inside_m2 / np.maximum(ring_m, 1e-9) ** 2
    return compactness


def _is_area(graph: RoadGraph) -> NDArray[np.bool_]:
    """Return which edges run through wide regions for at least half of their length."""
    return measure_edges(graph, PixelSize(1, 1)).area >= 0.5


def _drop_dead_ends(graph: RoadGraph) -> RoadGraph:
    """Remove area edges that lead nowhere: hairs of the rings."""
    while True:
        at_end = np.minimum(graph.degree[graph.u], graph.degree[graph.v]) == 1
        hairs = at_end & _is_area(graph)
        if not hairs.any():
            return graph
        graph = select_edges(graph, ~hairs)


def contract(
    graph: RoadGraph,
    contracted: NDArray[np.bool_],
    keep: NDArray[np.bool_],
    *,
    straight_inside: bool = False,
) -> RoadGraph:
    """Make one node of each ring, at the mean of its pixels.

    With ``straight_inside`` lines are drawn straight to it from its farthest old node on.
    """
    label = group(graph.n_nodes, graph.u[contracted], graph.v[contracted])
    row, col = _means(graph.node_row, label), _means(graph.node_col, label)
    rings = whole(graph.chains, np.flatnonzero(contracted))
    ids, at = pixel_ids(rings), np.repeat(label[graph.u[contracted]], rings.n_steps + 1)
    ring = np.unique(at)
    row[ring] = _means((ids // graph.chains.width).astype(np.float64), at)[ring]
    col[ring] = _means((ids % graph.chains.width).astype(np.float64), at)[ring]
    moved = np.hypot(graph.node_row - row[label], graph.node_col - col[label])
    reach = np.zeros(len(row))
    np.maximum.at(reach, label, graph.node_reach + (moved if straight_inside else 0))
    return merge_nodes(graph, label, row, col, reach, keep)


def _means(values: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of the values with each label; 0 for labels without any."""
    return np.bincount(label, values) / np.maximum(np.bincount(label), 1)
