"""A cleaning step: roads that meet no other road go."""

from __future__ import annotations

from roadex.config import VectorConfig
from roadex.imagery.geodesy import PixelSize
from roadex.network.graph import RoadGraph, select_edges
from roadex.network.measures import measure_edges

SHORTEST_M = 200.0


def drop_lone_roads(graph: RoadGraph, pixel: PixelSize, config: VectorConfig) -> RoadGraph:  # noqa: ARG001
    """Drop edges shorter than 200 m with two dead ends; ``config`` has no setting for it."""
    is_lone = (graph.degree[graph.u] == 1) & (graph.degree[graph.v] == 1)
    length_m = measure_edges(graph, pixel).length_m
    return select_edges(graph, ~is_lone | (length_m >= SHORTEST_M))
