"""Tiles of a run into its store, on Dask or in this process: those that are not there yet."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from roadex.config import RunConfig
from roadex.errors import IncompleteError, OutputError, RoadexError, RunError
from roadex.imagery.tiling import Tile
from roadex.pipeline.ahead import ahead
from roadex.pipeline.crew import CallingProcess, Crew
from roadex.pipeline.model_transfer import SharedModel
from roadex.pipeline.plan import RunPlan
from roadex.pipeline.tasks import run_tasks
from roadex.pipeline.worker import PredictJob, add_job, predict_tile, remove_job
from roadex.probability.tile_store import TileStore
from roadex.progress import Stopwatch


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
        for tile, is_sound in zip(candidates, ahead(store.has, candidates), strict=True)
        if is_sound
    }
    return [tile for tile in plan.wanted if tile.key not in sound]


def _store_trouble(error: OutputError, n_done: int, n_tiles: int) -> OutputError:
    return OutputError(
        f"{error}. {n_done} of {n_tiles} tiles are done and kept; run the same command again for "
        f"the other {n_tiles - n_done}"
    )
