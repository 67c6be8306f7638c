"""Regions wider than any road: parking lots, junction plains, water taken for road.

Tracing cut their inside out, so each is a ring of edges marked as area. What it becomes depends on
the roads that lead to it: nothing, a junction, or a way around.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.imagery.geodesy import PixelSize
from roadex.network.chains import pixel_ids, whole
from roadex.network.graph import RoadGraph, dissolve, group, merge_nodes, select_edges
from roadex.network.measures import measure_edges


def resolve_areas(graph: RoadGraph, pixel: PixelSize, *, max_junction_m: float) -> RoadGraph:
    """Resolve the rings around wide regions.

    * No road or one leads to it: the ring goes, the road ends there.
    * Several, and the ring is at most ``max_junction_m`` long: it becomes one junction.
    * Several, and it is longer: the ring stays, as the way around.
    """
    graph = _drop_dead_ends(graph)
    is_area = _is_area(graph)
    if not is_area.any():
        return graph
    cluster = group(graph.n_nodes, graph.u[is_area], graph.v[is_area])
    length_m = measure_edges(graph, pixel).length_m
    ring_m = np.bincount(cluster[graph.u[is_area]], length_m[is_area], graph.n_nodes)
    roads = np.r_[graph.u[~is_area], graph.v[~is_area]]
    n_roads = np.bincount(cluster[roads], minlength=graph.n_nodes)
    contracted = is_area & (n_roads >= 2)[cluster[graph.u]]
    contracted &= (ring_m <= max_junction_m)[cluster[graph.u]]
    removed = is_area & (n_roads < 2)[cluster[graph.u]]
    return dissolve(_contract(graph, contracted, ~(removed | contracted)))


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


def _contract(
    graph: RoadGraph, contracted: NDArray[np.bool_], keep: NDArray[np.bool_]
) -> RoadGraph:
    """Make one node of each ring, at the mean of its pixels."""
    label = group(graph.n_nodes, graph.u[contracted], graph.v[contracted])
    row, col = _means(graph.node_row, label), _means(graph.node_col, label)
    rings = whole(graph.chains, np.flatnonzero(contracted))
    ids, at = pixel_ids(rings), np.repeat(label[graph.u[contracted]], rings.n_steps + 1)
    ring = np.unique(at)
    row[ring] = _means((ids // graph.chains.width).astype(np.float64), at)[ring]
    col[ring] = _means((ids % graph.chains.width).astype(np.float64), at)[ring]
    reach = np.zeros(len(row))
    np.maximum.at(reach, label, graph.node_reach)
    return merge_nodes(graph, label, row, col, reach, keep)


def _means(values: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of the values with each label; 0 for labels without any."""
    return np.bincount(label, values) / np.maximum(np.bincount(label), 1)
