"""The cleaning of a road graph, step by step, with an account of what each step did."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from roadex.config import PROBABILITY_MAX, VectorConfig
from roadex.extensions import Extension
from roadex.imagery.geodesy import PixelSize
from roadex.network.cleaning.added import AddedStep, added_steps, require_kind
from roadex.network.cleaning.areas import resolve_areas
from roadex.network.cleaning.borders import border_nodes, extend_to_border
from roadex.network.cleaning.bridge_search import MAX_GAP, BridgeSettings
from roadex.network.cleaning.bridges import MapTasks, bridge_gaps
from roadex.network.cleaning.components import drop_short_components, keep_sure_components
from roadex.network.cleaning.junctions import consolidate_junctions
from roadex.network.cleaning.leaps import cut_out_leaps
from roadex.network.cleaning.loops import open_small_loops
from roadex.network.cleaning.spurs import prune_spurs
from roadex.network.graph import RoadGraph, dissolve
from roadex.network.measures import measure_edges
from roadex.probability.source import ProbabilitySource

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


def plan_steps(
    pixel: PixelSize,
    config: VectorConfig,
    source: ProbabilitySource,
    map_tasks: MapTasks = map,
) -> list[tuple[str, Step]]:
    """Return the names and functions of the steps that the settings switch on, in order.

    Those of extensions come last. Arguments are those of :func:`all_steps`.
    """
    skipped = config.skip or ()
    own = [
        (name, step)
        for name, step, is_on in all_steps(pixel, config, source, map_tasks)
        if is_on and name not in skipped
    ]
    added = added_steps(config)
    return own + [(extension.name, _bound(extension, f, pixel, config)) for extension, f in added]


def all_steps(
    pixel: PixelSize,
    config: VectorConfig,
    source: ProbabilitySource,
    map_tasks: MapTasks = map,
) -> list[tuple[str, Step, bool]]:
    """Return name and function of each step of roadex, and whether the settings switch it on.

    They are in their order. The names are those of ``vector.skip`` and of the report:
    :data:`roadex.config.vector.CleaningStep`.

    Parameters
    ----------
    pixel
        Size of a pixel of the graph.
    config
        Thresholds and lengths.
    source
        The probability the graph was traced in; gaps are bridged along it.
    map_tasks
        Applies the search for bridges to parts of the scene, here or elsewhere.
    """
    low, high = config.thresholds
    bridging = bridge_settings(pixel, config)
    ring_m, component_m = 4 * config.max_road_width_m, config.min_component_m
    loops = {"min_length_m": config.min_loop_m, "min_width_ratio": config.thin_loop_width_ratio}
    junctions = {
        "width_ratio": config.junction_width_ratio,
        "max_distance_m": config.max_junction_m,
    }
    return [
        ("sure", lambda g: keep_sure_components(g, pixel, high=high), high > low),
        ("borders", lambda g: extend_to_border(dissolve(g)), True),
        ("areas", lambda g: resolve_areas(g, pixel, max_junction_m=ring_m), True),
        ("hairs", lambda g: _prune(g, pixel, config, 0), config.spur_width_ratio > 0),
        ("bridges", lambda g: bridge_gaps(g, source, bridging, map_tasks), config.max_gap_m > 0),
        ("loops", lambda g: open_small_loops(g, pixel, **loops), config.min_loop_m > 0),
        ("spurs", lambda g: _prune(g, pixel, config, config.min_spur_m), config.min_spur_m > 0),
        (
            "junctions",
            lambda g: consolidate_junctions(g, pixel, **junctions),
            config.junction_width_ratio > 0,
        ),
        (
            "components",
            lambda g: drop_short_components(g, pixel, min_length_m=component_m),
            component_m > 0,
        ),
        ("leaps", cut_out_leaps, config.max_gap_m > 0),
    ]


def _bound(
    extension: Extension, function: AddedStep, pixel: PixelSize, config: VectorConfig
) -> Step:
    """Return a step of an extension as one that takes a graph alone."""

    def step(graph: RoadGraph) -> RoadGraph:
        changed = function(graph, pixel, config)
        require_kind(changed, RoadGraph, extension)
        kept: RoadGraph = changed
        return kept

    return step


def clean_graph(
    graph: RoadGraph, pixel: PixelSize, steps: list[tuple[str, Step]]
) -> tuple[RoadGraph, list[StepReport]]:
    """Apply the steps; return the graph and what it was before and after each."""
    reports = [StepReport.of("traced", graph, pixel)]
    for name, step in steps:
        graph = step(graph)
        reports.append(StepReport.of(name, graph, pixel))
    return graph, reports


def bridge_settings(pixel: PixelSize, config: VectorConfig) -> BridgeSettings:
    """Return what the settings for gaps mean on a grid."""
    return BridgeSettings(
        max_gap=min(config.max_gap_m / pixel.gsd_m, MAX_GAP),
        snap_gap=config.snap_gap_m / pixel.gsd_m,
        empty_gap=config.empty_gap_m / pixel.gsd_m,
        threshold=road_threshold(config),
        gap_probability=float(config.gap_probability * PROBABILITY_MAX),
        facing_probability=float(config.facing_gap_probability * PROBABILITY_MAX),
        min_cosine=math.cos(math.radians(config.gap_angle_deg)),
    )


def road_threshold(config: VectorConfig) -> int:
    """Return the lowest stored probability of a road pixel."""
    return max(1, math.ceil(config.thresholds[0] * PROBABILITY_MAX - 1e-9))


def _prune(
    graph: RoadGraph, pixel: PixelSize, config: VectorConfig, min_length_m: float
) -> RoadGraph:
    return prune_spurs(
        graph,
        pixel,
        width_ratio=config.spur_width_ratio,
        min_length_m=min_length_m,
        is_border=border_nodes(graph),
    )
