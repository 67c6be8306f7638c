"""The raster half on Dask: tiles into the store, and from the store into one raster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from distributed import Client

import roadex
from roadex.config import NODATA, RunConfig
from roadex.errors import OutputError, RoadexError, RunError
from roadex.pipeline.cluster import connect, run_tasks
from roadex.pipeline.plan import RunPlan, plan_run
from roadex.pipeline.watch import Display, Silent, Stopwatch
from roadex.pipeline.worker import JobPlugin, PredictJob, predict_tile
from roadex.probability import ProbabilityProfile, TileStore, probability_writer
from roadex.tiles import Tile

WORK_FOLDER = ".roadex"
"""Folder of unfinished work beside the results; gone when a run is complete."""


@dataclass(slots=True)
class Failures:
    """Tiles that could not be done, with the reason for each."""

    reasons: dict[str, str] = field(default_factory=dict)
    first: BaseException | None = None

    def add(self, tile: Tile, error: BaseException) -> None:
        """Note a failed tile."""
        self.reasons[tile.key] = f"{type(error).__name__}: {error}"
        self.first = self.first or error

    def raise_if_any(self, n_tiles: int) -> None:
        """Say what is missing from the results that have been written.

        Raises
        ------
        RunError
            If any tile failed.
        """
        if self.first is None:
            return
        msg = (
            f"{len(self.reasons)} of {n_tiles} tiles failed and are holes in the result: "
            f"{', '.join(sorted(self.reasons)[:5])} ({self.first}). The same command does those"
        )
        raise RunError(msg)


def predict_scene(
    scenes: Sequence[str | Path],
    path: Path,
    *,
    config: RunConfig | None = None,
    overwrite: bool = False,
    display: Display | None = None,
) -> RunPlan:
    """Compute the road probability of a scene and write it as one raster.

    Parameters
    ----------
    scenes
        A raster GDAL opens, or several that form one mosaic.
    path
        Cloud Optimized GeoTIFF to write, see :mod:`roadex.probability`.
    config, overwrite, display
        As in :func:`roadex.extract`.

    Returns
    -------
    plan
        What was done, with the warnings about the input.

    Raises
    ------
    SceneError, ModelError, ConfigError, OutputError
        If the run cannot work; nothing is written then.
    RunError
        If tiles failed; the raster has holes there.
    """
    config = config or RunConfig()
    watch = Stopwatch(display or Silent())
    with watch.stage("plan"):
        plan = plan_run(scenes, config)
        store = store_beside(path, plan)
        if path.exists() and not (overwrite or store.keys()):
            msg = f"{path} exists; choose another -o or add --overwrite"
            raise OutputError(msg)
        make_folder(path.parent)
    with connect(config.cluster) as client:
        failures = predict_tiles(client, plan, store, config, watch)
    stitch(plan, store, path, watch)
    failures.raise_if_any(len(plan.tiles))
    remove_store(path)
    return plan


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
        key=plan.key,
        scene=plan.scene,
        grid=plan.grid,
        model=str(plan.model_file.absolute()),
        tta=config.predict.tta,
        store=store,
    )
    failures = Failures()
    with watch.stage("predict", len(plan.tiles)):
        client.register_plugin(JobPlugin(job))
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


def store_beside(path: Path, plan: RunPlan) -> TileStore:
    """Return the tile store of a run whose results go beside ``path``."""
    return TileStore(str((path.parent / WORK_FOLDER / plan.key).absolute()))


def remove_store(path: Path) -> None:
    """Delete the unfinished work of all runs whose results go beside ``path``."""
    TileStore(str((path.parent / WORK_FOLDER).absolute())).remove()


def make_folder(folder: Path) -> None:
    """Make a folder and see that it can be written to.

    Raises
    ------
    OutputError
        If that cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".roadex-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        msg = f"cannot write to {folder}: {error.strerror}. Choose another place with -o"
        raise OutputError(msg) from error
