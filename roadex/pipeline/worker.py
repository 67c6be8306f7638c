"""What runs on a worker: prediction of one tile, with model and scene opened once per thread."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rasterio
from distributed import Worker, WorkerPlugin

from roadex.config import NODATA
from roadex.errors import RoadexError
from roadex.grid import GridReader, WorkGrid, open_grid
from roadex.probability import GDAL_CACHE_BYTES, TileStore
from roadex.runtime import tune_allocator
from roadex.scene import Scene
from roadex.tiles import Tile

if TYPE_CHECKING:
    from roadex.predict import Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictJob:
    """What a worker must know to predict any tile of a run."""

    key: str
    scene: Scene
    grid: WorkGrid
    model: str
    tta: str
    store: TileStore


@dataclass(frozen=True, slots=True)
class TileResult:
    """What comes back from a worker; the pixels stay in the store."""

    n_valid: int
    """Pixels with imagery in the core."""


class JobPlugin(WorkerPlugin):
    """Brings a job to every worker, also to those that join or restart later."""

    def __init__(self, job: PredictJob) -> None:
        self.name = f"roadex-{job.key}"
        self._job = job

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's interface
        """Keep the job where tasks find it."""
        tune_allocator()
        _JOBS[self._job.key] = self._job

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's interface
        """Forget the job."""
        _JOBS.pop(self._job.key, None)


def predict_tile(tile: Tile, *, key: str) -> TileResult:
    """Predict a tile of the job ``key`` and put it into the store.

    Raises
    ------
    RoadexError
        Of the kind that occurred. It is made anew: the error of a library it came from may not
        survive the way back to the client, and would take this one with it.
    """
    try:
        return _predict_tile(tile, _JOBS[key])
    except RoadexError as error:
        plain = type(error)(f"tile {tile.key}: {error}")
    raise plain


def _predict_tile(tile: Tile, job: PredictJob) -> TileResult:
    predictor, reader = _open(job)
    stored = predictor.predict_tile(reader, tile)
    job.store.write(tile, stored)
    return TileResult(int((stored != NODATA).sum()))


_JOBS: dict[str, PredictJob] = {}
_LOCAL = threading.local()


def _open(job: PredictJob) -> tuple[Predictor, GridReader]:
    """Return model and reader of a job; those of an earlier job in this thread are closed."""
    from roadex.predict import Predictor  # torch is for workers: the client does without

    held: Any = getattr(_LOCAL, "held", None)
    if held is None or held[0] != job.key:
        if held is not None:
            held[1].close()
        stack = ExitStack()
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES))
        reader = stack.enter_context(open_grid(job.scene, job.grid))
        held = (job.key, stack, Predictor(job.model, tta=job.tta), reader)
        _LOCAL.held = held
    return held[2], held[3]
