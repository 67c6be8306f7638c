"""Which connected parts of a network stay: those sure enough and long enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.config import PROBABILITY_MAX
from roadex.imagery.geodesy import PixelSize
from roadex.network.graph import RoadGraph, group, select_edges
from roadex.network.measures import measure_edges


def edge_components(graph: RoadGraph) -> NDArray[np.int64]:
    """Return the number of the connected component of each edge, by its first node."""
    return group(graph.n_nodes, graph.u, graph.v)[graph.u]


def keep_sure_components(graph: RoadGraph, pixel: PixelSize, *, high: float) -> RoadGraph:
    """Drop components whose probability reaches ``high`` nowhere.

    Together with the lower threshold of the mask this is thresholding with hysteresis along the
    skeleton, without labelling a raster.
    """
    component = edge_components(graph)
    highest = np.zeros(graph.n_nodes, dtype=np.uint8)
    np.maximum.at(highest, component, measure_edges(graph, pixel).probability_max)
    return select_edges(graph, highest[component] >= high * PROBABILITY_MAX - 1e-9)


def drop_short_components(graph: RoadGraph, pixel: PixelSize, *, min_length_m: float) -> RoadGraph:
    """Drop components whose edges together are shorter than ``min_length_m``."""
    component = edge_components(graph)
    length = np.bincount(component, measure_edges(graph, pixel).length_m, graph.n_nodes)
    return select_edges(graph, length[component] >= min_length_m)
