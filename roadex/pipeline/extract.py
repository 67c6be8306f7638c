"""The main job, from scene to road network. This page explains the program.

    plan ──► predict tiles ──► stitch ──► vectorize ──► write
             (workers, into     (one       (workers,     (network, preview,
              the tile store)    COG)       merged)       report)

A tile is computed from its own window and owned by nobody else, so tiles can be done by any worker
in any order, again after a failure, and later after an interruption: what is in the tile store is
not done again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client
from pyproj import CRS

import roadex
from roadex.config import NODATA, ClusterConfig, RunConfig
from roadex.errors import OutputError, RoadexError, RunError
from roadex.outputs import write_network
from roadex.pipeline.cluster import connect, run_tasks
from roadex.pipeline.plan import RunPlan, plan_run
from roadex.pipeline.preview import write_preview
from roadex.pipeline.report import RunResult, provenance, write_report
from roadex.pipeline.watch import Display, MemoryMeter, Silent, Stopwatch
from roadex.pipeline.worker import JobPlugin, PredictJob, predict_tile
from roadex.probability import ProbabilityProfile, TileStore, probability_writer
from roadex.source import RasterSource
from roadex.tiles import Tile
from roadex.vectorize import MapTiles, vectorize

WORK_FOLDER = ".roadex"
"""Folder of unfinished work inside the output folder; gone when a run is complete."""


@dataclass(slots=True)
class Failures:
    """Tiles that could not be done, with the reason for each."""

    reasons: dict[str, str] = field(default_factory=dict)
    first: BaseException | None = None

    def add(self, tile: Tile, error: BaseException) -> None:
        """Note a failed tile."""
        self.reasons[tile.key] = f"{type(error).__name__}: {error}"
        self.first = self.first or error


def extract(
    scenes: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    config: RunConfig | None = None,
    overwrite: bool = False,
    display: Display | None = None,
) -> RunResult:
    """Extract the road network of a scene.

    Parameters
    ----------
    scenes
        A raster GDAL opens, or several that form one mosaic.
    output
        Folder for ``roads.gpkg``, ``probability.tif``, ``preview.png`` and ``report.json``.
    config
        All settings; None is the defaults.
    overwrite
        Replace the results of an earlier, complete run in ``output``.
    display
        Told of the progress; None shows nothing.

    Returns
    -------
    result
        Paths of the results, totals, times and warnings.

    Raises
    ------
    SceneError, ModelError, ConfigError, OutputError
        If the run cannot work; nothing is written then.
    RunError
        If tiles failed. All results are there, with holes where those tiles are; the same call
        does just the missing ones.
    """
    config = config or RunConfig()
    paths = [scenes] if isinstance(scenes, str | Path) else list(scenes)
    result = RunResult.in_folder(Path(output))
    watch = Stopwatch(display or Silent())
    began = time.time()
    with watch.stage("plan"):
        plan = plan_run(paths, config)
        store = TileStore(str((result.folder / WORK_FOLDER / plan.key).absolute()))
        result.claim(overwrite=overwrite or bool(store.keys()))
    with MemoryMeter() as memory, connect(config.cluster) as client:
        failures = predict_tiles(client, plan, store, config, watch)
        stitch(plan, store, result.probability, watch)
        with watch.stage("vectorize"):
            network = vectorize(
                RasterSource.open(str(result.probability)),
                config=config.vector,
                map_tiles=_on(client, config.cluster),
                output_crs=CRS.from_user_input(plan.scene.crs.to_wkt()),
            )
    with watch.stage("write"):
        described = provenance(plan, config)
        write_network(network, result.network, provenance=described, overwrite=True)
        write_preview(plan, result.probability, network, result.preview)
    result.complete(network, plan, watch.seconds, memory.peak_bytes, failures.reasons)
    write_report(result, plan, config, began=began)
    if failures.reasons:
        msg = (
            f"{len(failures.reasons)} of {len(plan.tiles)} tiles failed and are holes in the "
            f"result ({failures.first}). The same command does just those; {result.report} lists them"
        )
        raise RunError(msg)
    TileStore(str(result.folder / WORK_FOLDER)).remove()
    return result


def predict_tiles(
    client: Client, plan: RunPlan, store: TileStore, config: RunConfig, watch: Stopwatch
) -> Failures:
    """Predict all tiles that are not in the store yet.

    Raises
    ------
    RoadexError
        If not a single tile could be done: then something is wrong with all of them.
    """
    done = store.keys()
    todo = [tile for tile in plan.tiles if tile.key not in done or store.read(tile) is None]
    job = PredictJob(
        key=plan.key, scene=plan.scene, grid=plan.grid, model=str(plan.model_file.absolute()),
        tta=config.predict.tta, store=store,
    )  # fmt: skip
    client.register_plugin(JobPlugin(job))
    failures = Failures()
    with watch.stage("predict", len(plan.tiles)):
        for _ in range(len(plan.tiles) - len(todo)):
            watch.advance("predict")
        task = partial(predict_tile, key=plan.key)
        for outcome in run_tasks(client, task, todo, config=config.cluster):
            watch.advance("predict")
            if outcome.error is not None:
                failures.add(outcome.item, outcome.error)
    if failures.first is not None and len(failures.reasons) == len(plan.tiles):
        if isinstance(failures.first, RoadexError):
            raise failures.first
        msg = f"no tile could be predicted: {failures.first!r}"
        raise RunError(msg) from failures.first
    return failures


def stitch(plan: RunPlan, store: TileStore, path: Path, watch: Stopwatch) -> None:
    """Put the tiles of the store together into one probability raster; missing ones are nodata."""
    profile = ProbabilityProfile(
        plan.grid.shape,
        plan.grid.crs,
        plan.grid.transform,
        tags={"ROADEX_VERSION": roadex.__version__, "ROADEX_MODEL_SHA256": plan.model_sha256},
    )
    with watch.stage("stitch", len(plan.tiles)), probability_writer(path, profile) as raster:
        for tile in plan.tiles:
            stored = store.read(tile)
            if stored is None:
                stored = np.full((tile.core.height, tile.core.width), NODATA, dtype=np.uint8)
            raster.write(stored, 1, window=tile.core)
            watch.advance("stitch")


def _on(client: Client, config: ClusterConfig) -> MapTiles:
    """Return a ``map`` that runs on the workers; the first error ends it."""

    def map_tiles(function: Any, items: Iterable[Any]) -> Iterable[Any]:
        for outcome in run_tasks(client, function, items, config=config):
            if outcome.error is not None:
                raise outcome.error
            yield outcome.result

    return map_tiles
