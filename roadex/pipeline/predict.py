"""The raster half on Dask: tiles into the store, and from the store into one raster."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

import roadex
from roadex.config import NODATA, THRESHOLDS_TAG, RunConfig
from roadex.errors import IncompleteError, OutputError, RoadexError, RunError
from roadex.imagery.tiling import Tile
from roadex.inference.allocator import release_free_memory
from roadex.pipeline.arrays import AnyCRS, probability_on, refuse_place, write_image
from roadex.pipeline.crew import CallingProcess, Crew, open_crew
from roadex.pipeline.model_transfer import SharedModel
from roadex.pipeline.plan import RunPlan, Scenes, plan_run
from roadex.pipeline.precision import require_what_computes
from roadex.pipeline.result import TemporaryFolder, open_raster
from roadex.pipeline.resume import claim
from roadex.pipeline.tasks import run_tasks
from roadex.pipeline.worker import PredictJob, add_job, predict_tile, remove_job
from roadex.probability.raster import ProbabilityProfile, probability_writer
from roadex.probability.store_source import LeftOut
from roadex.probability.tile_store import TileStore
from roadex.progress import Display, Stopwatch, default_display

_READ_AHEAD = 16

Result = TypeVar("Result")


@dataclass(slots=True)
class Failures:
    """Tiles that could not be done, with the reason for each."""

    reasons: dict[str, str] = field(default_factory=dict)
    first: BaseException | None = None
    n_cut: int = 0
    """Tiles that were computed in parts because memory was short."""

    def add(self, tile: Tile, error: BaseException | None) -> None:
        """Note a failed tile."""
        self.reasons[tile.key] = f"{type(error).__name__}: {error}"
        self.first = self.first or error

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is doubtful about the tiles that were done."""
        if not self.n_cut:
            return ()
        return (
            f"GPU memory ran out on {self.n_cut} tiles; they were computed in smaller parts. A "
            "smaller --tile-size avoids that",
        )

    def raise_if_any(self, n_tiles: int) -> None:
        """Say what is missing from the results that have been written.

        Raises
        ------
        IncompleteError
            If any tile failed.
        """
        if self.first is None:
            return
        msg = (
            f"{len(self.reasons)} of {n_tiles} tiles failed and are missing from the result: "
            f"{', '.join(sorted(self.reasons)[:5])} ({self.first}). Run the same command again to "
            "retry them"
        )
        raise IncompleteError(msg)


def predict(
    scenes: Scenes | NDArray[Any],
    output: str | Path | None = None,
    *,
    transform: Affine | None = None,
    crs: AnyCRS | None = None,
    model: str | Path | None = None,
    config: RunConfig | None = None,
    overwrite: bool = False,
    progress: Display | None = None,
) -> rasterio.DatasetReader | NDArray[np.float32]:
    """Compute road probability.

    Parameters
    ----------
    scenes
        As in :func:`roadex.run`, or an image in memory: an array ``(bands, rows, columns)`` or
        ``(rows, columns)`` with the model's bands; NaN is nodata.
    output
        Raster to write. None is a temporary one.
    transform, crs
        Where an array is; a raster says it itself.
    model
        Name of a packaged model or path of a model file; None is the one of ``config``.
    config, overwrite, progress
        As in :func:`roadex.run`.

    Returns
    -------
    probability
        Of a raster: the result, open, uint8, probability times 254, 255 is nodata, in pixels of the
        model's size. Of an array: float32 ``(rows, columns)`` on its own pixels, in [0, 1], NaN
        where there is no imagery.

    Raises
    ------
    SceneError, ModelError, ConfigError, OutputError, RunError
        As :func:`roadex.run`.
    TypeError
        If an array is no image or has no place.

    Examples
    --------
    >>> with rasterio.open("scene.tif") as scene:
    ...     image, transform, crs = scene.read(), scene.transform, scene.crs
    >>> probability = roadex.predict(image, transform=transform, crs=crs)
    >>> probability.shape == image.shape[1:]
    True
    """
    config = config or RunConfig()
    if model is not None:
        config = replace(config, predict=replace(config.predict, model=str(model)))
    options: _Options = {"config": config, "overwrite": overwrite, "progress": progress}
    folder = TemporaryFolder()
    path = folder.path / "probability.tif" if output is None else Path(output)
    if isinstance(scenes, np.ndarray):
        image = folder.path / "image.tif"
        write_image(scenes, transform, crs, image)
        predict_scene(image, path, **options)
        with open_raster(path) as raster:
            return probability_on(raster, scenes.shape[-2:], transform, crs)
    refuse_place(transform, crs)
    predict_scene(scenes, path, **options)
    raster = open_raster(path)
    raster.roadex_folder = folder  # a temporary raster goes away with the object
    return raster


class _Options(TypedDict):
    config: RunConfig
    overwrite: bool
    progress: Display | None


def predict_scene(
    scenes: Scenes,
    path: Path,
    *,
    config: RunConfig | None = None,
    overwrite: bool = False,
    progress: Display | None = None,
) -> RunPlan:
    """Compute the road probability of a scene and write it as one raster.

    Parameters
    ----------
    scenes
        As in :func:`roadex.run`.
    path
        Cloud Optimized GeoTIFF to write, see :mod:`roadex.probability.tile_store`.
    config, overwrite, progress
        As in :func:`roadex.run`.

    Returns
    -------
    plan
        What was done, with the warnings about the input.

    Raises
    ------
    SceneError, ModelError, ConfigError, OutputError
        If the run cannot work; nothing is written then.
    IncompleteError
        If tiles failed; the raster has no data there.
    """
    config = config or RunConfig()
    watch = Stopwatch(progress or default_display(), release_free_memory)
    require_what_computes(config.predict, config.cluster)
    with watch.stage("plan"):
        plan = plan_run(scenes, config)
    with claim(path, plan, config.cluster, overwrite=overwrite) as mine:
        with open_crew(config.cluster, plan.load(config)) as crew:
            failures = predict_tiles(crew, plan, mine.store, config, watch)
        stitch(plan, mine.store, failures, path, watch)
        failures.raise_if_any(len(plan.wanted))
        mine.finish()
    return plan


def predict_tiles(
    crew: Crew, plan: RunPlan, store: TileStore, config: RunConfig, watch: Stopwatch
) -> Failures:
    """Predict all tiles that are not in the store yet.

    Raises
    ------
    OutputError
        If the store cannot be written to: what follows could not be kept either.
    RoadexError
        If not a single tile could be done: then something is wrong with all of them.
    """
    failures = Failures()
    with (
        watch.stage("predict", len(plan.wanted)),
        _job_of(crew, plan, store, config) as key,
    ):
        todo = _missing(plan, store)
        n_done = len(plan.wanted) - len(todo)
        watch.advance("predict", n_done)
        task = partial(predict_tile, key=key)
        for outcome in run_tasks(crew, task, todo, config=config.cluster, is_inference=True):
            if isinstance(outcome.error, OutputError):
                raise _store_trouble(outcome.error, n_done, len(plan.wanted)) from outcome.error
            watch.advance("predict")
            if outcome.result is None:
                failures.add(outcome.item, outcome.error)
            else:
                n_done += 1
                failures.n_cut += outcome.result.n_parts > 1
    if failures.first is not None and len(failures.reasons) == len(plan.wanted):
        if isinstance(failures.first, RoadexError):
            raise failures.first
        msg = f"no tile could be predicted: {failures.first!r}"
        raise RunError(msg) from failures.first
    return failures


def stitch(
    plan: RunPlan, store: TileStore, failures: Failures, path: Path, watch: Stopwatch
) -> None:
    """Put the tiles of the store together into one probability raster; failed ones are nodata.

    Raises
    ------
    RunError
        If a tile was lost from the store meanwhile.
    OutputError
        If the raster cannot be written.
    """
    profile = ProbabilityProfile(
        plan.grid.shape,
        plan.grid.crs,
        plan.grid.transform,
        tags={
            "ROADEX_VERSION": roadex.__version__,
            "ROADEX_MODEL_SHA256": plan.model_sha256,
            THRESHOLDS_TAG: f"{plan.model.threshold_low:g} {plan.model.threshold_high:g}",
        },
    )

    left_out = without_tiles(plan, failures)

    def stored(tile: Tile) -> NDArray[np.uint8]:
        if left_out(tile):
            return np.full((int(tile.core.height), int(tile.core.width)), NODATA, dtype=np.uint8)
        found = store.read(tile)
        if found is None:
            msg = f"tile {tile.key} disappeared from {store.url}; run the same command again"
            raise RunError(msg)
        return found

    with watch.stage("stitch", len(plan.tiles)), probability_writer(path, profile) as raster:
        for tile, values in zip(plan.tiles, _ahead(stored, plan.tiles), strict=True):
            raster.write(values, 1, window=tile.core)
            watch.advance("stitch")


def without_tiles(plan: RunPlan, failures: Failures) -> LeftOut:
    """Return what says which tiles are nodata: those that failed or were not asked for."""
    wanted = None if plan.area is None else frozenset(tile.key for tile in plan.wanted)
    return LeftOut(frozenset(failures.reasons), wanted)


@contextmanager
def _job_of(crew: Crew, plan: RunPlan, store: TileStore, config: RunConfig) -> Iterator[str]:
    """Tell those who work what the job is, also those who join later; and that it is over.

    Yields the key under which tasks find it. No two runs share one, not even of the same plan.
    """
    job = PredictJob(
        key=f"{plan.key}-{uuid.uuid4().hex[:8]}",
        scene=plan.scene,
        grid=plan.grid,
        chips=plan.chips,
        area=plan.area,
        model=SharedModel.of(plan.model_file, plan.model_sha256, plan.int8_sha256, plan.precision),
        tta=config.predict.tta,
        store=store,
        device=crew.device if isinstance(crew, CallingProcess) else None,
    )
    if isinstance(crew, CallingProcess):
        add_job(job)
        try:
            yield job.key
        finally:
            remove_job(job)
        return
    from roadex.pipeline.plugins import job_on_cluster

    with job_on_cluster(crew, job, config.cluster):
        yield job.key


def _missing(plan: RunPlan, store: TileStore) -> list[Tile]:
    """Return the tiles that are not in the store, or damaged there."""
    listed = store.keys()
    candidates = [tile for tile in plan.wanted if tile.key in listed]
    sound = {
        tile.key
        for tile, is_sound in zip(candidates, _ahead(store.has, candidates), strict=True)
        if is_sound
    }
    return [tile for tile in plan.wanted if tile.key not in sound]


def _ahead(function: Callable[[Tile], Result], tiles: Sequence[Tile]) -> Iterator[Result]:
    """Apply a function that waits for a store, in order, a few tiles ahead of the consumer."""
    with ThreadPoolExecutor(_READ_AHEAD) as pool:
        waiting: deque[Future[Result]] = deque()
        for tile in tiles:
            if len(waiting) == _READ_AHEAD:
                yield waiting.popleft().result()
            waiting.append(pool.submit(function, tile))
        while waiting:
            yield waiting.popleft().result()


def _store_trouble(error: OutputError, n_done: int, n_tiles: int) -> OutputError:
    return OutputError(
        f"{error}. {n_done} of {n_tiles} tiles are done and kept; run the same command again for "
        f"the other {n_tiles - n_done}"
    )
