"""The cleaning of a road graph, step by step, with an account of what each step did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from roadex.clean.borders import border_nodes, extend_to_border
from roadex.clean.components import drop_short_components, keep_sure_components
from roadex.clean.spurs import prune_spurs
from roadex.config import VectorConfig
from roadex.graph import RoadGraph, dissolve
from roadex.ground import PixelSize
from roadex.measure import measure_edges

Step = Callable[[RoadGraph], RoadGraph]


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a graph was after a cleaning step."""

    step: str
    n_edges: int
    n_nodes: int
    length_km: float

    @classmethod
    def of(cls, step: str, graph: RoadGraph, pixel: PixelSize) -> StepReport:
        """Measure a graph."""
        length_km = float(measure_edges(graph, pixel).length_m.sum()) / 1000
        return cls(step, graph.n_edges, graph.n_nodes, round(length_km, 6))


def plan_steps(pixel: PixelSize, config: VectorConfig) -> list[tuple[str, Step]]:
    """Return the names and functions of the steps that the settings switch on, in order."""
    steps: list[tuple[str, Step]] = []
    if config.high > config.low:
        steps.append(("hysteresis", partial(keep_sure_components, pixel=pixel, high=config.high)))
    steps.append(("borders", _reach_borders))
    if config.spur_width_ratio or config.min_spur_m:
        steps.append(("spurs", partial(_prune, pixel=pixel, config=config)))
    if config.min_component_m:
        drop = partial(drop_short_components, pixel=pixel, min_length_m=config.min_component_m)
        steps.append(("components", drop))
    return steps


def clean_graph(
    graph: RoadGraph, pixel: PixelSize, steps: list[tuple[str, Step]]
) -> tuple[RoadGraph, list[StepReport]]:
    """Apply the steps; return the graph and what it was before and after each."""
    reports = [StepReport.of("traced", graph, pixel)]
    for name, step in steps:
        graph = step(graph)
        reports.append(StepReport.of(name, graph, pixel))
    return graph, reports


def _reach_borders(graph: RoadGraph) -> RoadGraph:
    return extend_to_border(dissolve(graph))


def _prune(graph: RoadGraph, *, pixel: PixelSize, config: VectorConfig) -> RoadGraph:
    return prune_spurs(
        graph,
        pixel,
        width_ratio=config.spur_width_ratio,
        min_length_m=config.min_spur_m,
        is_border=border_nodes(graph),
    )
