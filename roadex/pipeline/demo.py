"""The demonstration: a generated scene with known roads through the whole program, then scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from roadex.config import DemoConfig, RunConfig
from roadex.errors import OutputError
from roadex.outputs.own_files import check_replaceable
from roadex.pipeline.result import ResultPaths, RunResult
from roadex.pipeline.run import run
from roadex.progress import Display
from roadex.scoring import score
from roadex.synthetic import generate_scene, write_scene

STYLE = "mixed"
"""The style that has everything: town, fields, dual carriageway, roundabout, river and lake."""

PIXEL_METRICS = ("iou",)
LINE_METRICS = ("completeness", "apls", "junctions")

SCENE_FOLDER = "truth"
"""Folder of the generated scene inside the output folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What a demonstration made and how well it did."""

    scene: Mapping[str, Path]
    """``scene``, ``roads`` and ``mask``: the generated image and what is true of it."""

    true_km: float
    """Length of the true roads."""

    run: RunResult
    scores: Mapping[str, Mapping[str, float]]
    """Metric to its scores by name, against the true roads."""


def run_demo(
    output: str | Path,
    *,
    demo: DemoConfig | None = None,
    config: RunConfig | None = None,
    overwrite: bool = False,
    progress: Display | None = None,
) -> DemoResult:
    """Make a scene, extract its roads, and compare them with the known ones.

    Parameters
    ----------
    output
        Folder for the results of the run; the scene and its true roads go into ``truth`` in it.
    demo, config
        Settings of the scene and of the run; None is the defaults.
    overwrite
        Replace the results of an earlier demonstration in ``output``.
    progress
        Told of the progress; None shows nothing.

    Raises
    ------
    OutputError
        If there are results already, or ``output`` cannot be written to.
    RoadexError
        Whatever a run or a comparison can raise.
    """
    demo = demo or DemoConfig()
    for path in ResultPaths(Path(output)).all:
        check_replaceable(path, overwrite=overwrite)
    scene = generate_scene(shape=(demo.size, demo.size), seed=demo.seed, style=STYLE)
    folder = Path(output) / SCENE_FOLDER
    try:
        paths = write_scene(scene, folder)
    except OSError as error:
        msg = f"cannot write the generated scene to {folder}: {error}"
        raise OutputError(msg) from error
    result = run(paths["scene"], output, config=config, overwrite=overwrite, progress=progress)
    lines = score(result.paths.network, paths["roads"], metrics=LINE_METRICS)
    pixels = score(result.paths.probability, paths["mask"], metrics=PIXEL_METRICS)
    return DemoResult(
        scene=MappingProxyType(paths),
        true_km=sum(road.line.length for road in scene.roads) * scene.gsd_m / 1000,
        run=result,
        scores=MappingProxyType({**pixels.scores, **lines.scores}),
    )
