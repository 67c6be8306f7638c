"""What each cleaning step is worth: APLS, TOPO and quality after each, and without each.

    python benchmarks/cleaning.py probability.tif truth.gpkg
    python benchmarks/cleaning.py probability.tif mask.tif --try max_gap_m=20,40,60

The truth is a file of lines, or a mask whose centre lines are traced the same way. The first table
follows the steps in order; the second switches one step off at a time; ``--try`` adds a row for
each value of a setting. Values of one run compare with each other only: the same truth, the same
control points.
"""

import argparse
import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from roadex.config import ScoreConfig, VectorConfig
from roadex.imagery.geodesy import pixel_size
from roadex.network.cleaning.steps import plan_steps
from roadex.network.graph import RoadGraph, build_graph, in_fixed_order
from roadex.network.imagery_edge import imagery_edge_nodes
from roadex.network.line_reader import read_lines
from roadex.network.road_network import build_network
from roadex.network.vectorize import trace_scene, vectorize
from roadex.probability.source import RasterSource
from roadex.scoring.metrics import load_metric
from roadex.scoring.metrics.lines import LineNetwork

METRICS = {
    "apls": ("apls",),
    "topo": ("topo_f1", "topo_precision", "topo_recall"),
    "completeness": ("completeness", "correctness", "quality"),
}
COLUMNS = [name for names in METRICS.values() for name in names]

TRUTH = VectorConfig(
    low=0.5, high=0.5, spur_width_ratio=1.0, min_spur_m=15.0, min_loop_m=50.0, max_gap_m=0,
    junction_width_ratio=1.0, max_junction_m=25.0, min_component_m=0,
)  # fmt: skip
"""How a mask becomes lines: nothing bridged or dropped but hairs, whatever the defaults are."""

SWITCHES = {
    "easier gaps to dead ends ahead": {"facing_gap_probability": VectorConfig().gap_probability},
    "short gaps closed whatever is in them": {"snap_gap_m": 0.0},
    "thin loops": {"thin_loop_width_ratio": 0.0},
    "width of the road in spurs": {"spur_width_ratio": 0.0},
    "corners": {"corner_deg": 180.0},
    "smoothing": {"smoothing": 0.0},
    "simplification": {"simplify_px": 0.0},
}
"""What can be switched off besides the steps themselves."""


class Bench:
    """One probability raster and its truth."""

    def __init__(self, probability: str, truth: str, config: ScoreConfig) -> None:
        self.source = RasterSource.open(probability)
        self.pixel = pixel_size(self.source.transform, self.source.crs, self.source.shape)
        self.config = config
        self.truth = self._read_truth(truth).merge_degree_2()

    def _read_truth(self, path: str) -> LineNetwork:
        if Path(path).suffix.lower() not in (".tif", ".tiff", ".vrt", ".png"):
            return LineNetwork.from_lines(read_lines(path).to(self.source.crs))
        network = vectorize(RasterSource.open(path), config=TRUTH)
        return LineNetwork.from_frame(network.edges)

    def score(self, graph: RoadGraph, settings: VectorConfig) -> dict[str, float]:
        """Draw a graph and compare it with the truth."""
        graph = in_fixed_order(graph)
        network = build_network(
            graph, imagery_edge_nodes(graph, self.source), self.source.transform, self.source.crs,
            self.pixel, settings,
        )  # fmt: skip
        predicted = LineNetwork.from_frame(network.edges).merge_degree_2()
        values: dict[str, float] = {
            "km": network.summary["length_km"],
            "dead ends": int((network.nodes.kind == "end").sum()),
        }
        for metric in METRICS:
            values |= load_metric(metric).measure(predicted, self.truth, self.config)
        return values

    def after_each_step(self, settings: VectorConfig) -> Iterator[tuple[str, dict[str, float]]]:
        """Score the graph as traced and after each step."""
        lines = trace_scene(self.source, self.pixel, settings)
        graph = build_graph(lines, self.source.shape[0])
        yield "traced", self.score(graph, settings)
        for name, step in plan_steps(self.pixel, settings, self.source):
            graph = step(graph)
            yield name, self.score(graph, settings)

    def final(self, settings: VectorConfig, without: str = "") -> dict[str, float]:
        """Score the finished network, with one step left out if told so."""
        graph = build_graph(trace_scene(self.source, self.pixel, settings), self.source.shape[0])
        for name, step in plan_steps(self.pixel, settings, self.source):
            if name != without:
                graph = step(graph)
        return self.score(graph, settings)

    def leave_one_out(self, settings: VectorConfig) -> Iterator[tuple[str, dict[str, float]]]:
        """Score the finished network with all steps, and without each."""
        yield "all", self.final(settings)
        for name, _ in plan_steps(self.pixel, settings, self.source):
            yield f"without {name}", self.final(settings, without=name)
        one = dataclasses.replace(settings, low=settings.thresholds[1])
        yield "with the high threshold only", self.final(one)
        for name, change in SWITCHES.items():
            yield f"without {name}", self.final(dataclasses.replace(settings, **change))


def print_table(title: str, rows: Iterable[tuple[str, dict[str, float]]]) -> None:
    """Print scores as a table in Markdown."""
    heading = ["", "km", "dead ends", *COLUMNS]
    print(f"\n{title}\n\n| {' | '.join(heading)} |\n|---|{'--:|' * (len(heading) - 1)}")
    for name, values in rows:
        scores = " | ".join(f"{values[column]:.4f}" for column in COLUMNS)
        print(f"| {name} | {values['km']:.1f} | {values['dead ends']} | {scores} |", flush=True)


def trials(arguments: list[str]) -> list[tuple[str, dict[str, float]]]:
    """Return the changed settings of each ``name=value,value``."""
    changes = []
    for argument in arguments:
        name, _, values = argument.partition("=")
        changes += [(f"{name}={value}", {name: float(value)}) for value in values.split(",")]
    return changes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("probability")
    parser.add_argument("truth")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--try", nargs="*", default=[], dest="trials", metavar="NAME=V,V,...")
    parser.add_argument("--only-trials", action="store_true")
    options = parser.parse_args()
    settings = VectorConfig(
        **{k: v for _, change in trials(options.set) for k, v in change.items()}
    )
    everything = ScoreConfig(apls_sources=1_000_000, topo_starts=1_000_000)  # no sampling noise
    bench = Bench(options.probability, options.truth, everything)
    if bench.source.thresholds is not None:
        settings = settings.with_thresholds(*bench.source.thresholds)
    length_km = np.sum(bench.truth.lengths_m) / 1000
    print(f"truth: {length_km:.1f} km, {len(bench.truth.u)} edges; {settings}", flush=True)
    if not options.only_trials:
        print_table("After each step", bench.after_each_step(settings))
        print_table("Without one step", bench.leave_one_out(settings))
    if options.trials:
        rows = [
            (name, bench.final(dataclasses.replace(settings, **change)))
            for name, change in trials(options.trials)
        ]
        print_table("Other settings", rows)


if __name__ == "__main__":
    main()
