"""Prediction of one tile, on a worker or in the calling process; a process loads a model once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import rasterio

from roadex.config import INT8
from roadex.errors import RoadexError
from roadex.imagery.area import Area
from roadex.imagery.locations import READING
from roadex.imagery.reader import GridReader, open_grid
from roadex.imagery.scene import Scene
from roadex.imagery.tiling import Tile, Tiles
from roadex.imagery.work_grid import WorkGrid
from roadex.inference.allocator import tune_allocator
from roadex.pipeline.model_transfer import SharedModel
from roadex.probability.encoding import encode
from roadex.probability.tile_store import TileStore

if TYPE_CHECKING:
    from roadex.inference.engine import Predictor

_OPEN_SCENES = 2
"""Scenes a thread keeps open: those of a batch that are worked on at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictJob:
    """What a process must know to predict any tile of a run."""

    key: str
    scene: Scene
    grid: WorkGrid
    chips: Tiles
    area: Area | None
    model: SharedModel
    tta: str
    store: TileStore
    device: str | None = None
    """Where the network computes, as torch names it; None is a GPU where the process sees one."""


@dataclass(frozen=True, slots=True)
class TileResult:
    """What a task returns; the pixels stay in the store."""

    n_valid: int
    """Pixels with imagery in the core."""

    n_parts: int = 1
    """Into how many parts the model's input was cut because memory was short."""


def add_job(job: PredictJob) -> None:
    """Keep a job where the tasks of this process find it."""
    tune_allocator()
    _JOBS[job.key] = job


def remove_job(job: PredictJob) -> None:
    """Forget a job."""
    _JOBS.pop(job.key, None)


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
    predictor = predictor_of(job.model, job.tta, job.device)
    with rasterio.Env(**READING):
        probability, valid, n_parts = predictor.predict_window(
            _reader(job), tile.core, job.chips, job.area
        )
    job.store.write(tile, encode(probability, valid))
    return TileResult(int(valid.sum()), n_parts)


_JOBS: dict[str, PredictJob] = {}
_LOADED: dict[tuple[SharedModel, str, str | None], Predictor] = {}
_LOADING = threading.Lock()
_LOCAL = threading.local()


def predictor_of(model: SharedModel, tta: str, device: str | None) -> Predictor:
    """Return a model, loaded once per process; one used earlier is dropped."""
    from roadex.inference.engine import Predictor

    if model.precision != INT8:
        from roadex.inference.float_form import compute_in_one_thread  # integers need no torch

        compute_in_one_thread()
    which = (model, tta, device)
    with _LOADING:
        if which not in _LOADED:
            _LOADED.clear()
            _LOADED[which] = Predictor.load(
                model.locate(), tta=tta, device=device, precision=model.precision
            )
        return _LOADED[which]


def _reader(job: PredictJob) -> GridReader:
    """Return the scene of a job, opened once per thread: a GDAL handle belongs to one."""
    if not hasattr(_LOCAL, "readers"):
        _LOCAL.readers = OrderedDict()
    readers: OrderedDict[str, tuple[GridReader, ExitStack]] = _LOCAL.readers
    if job.key not in readers:
        if len(readers) == _OPEN_SCENES:
            _, (_, oldest) = readers.popitem(last=False)
            oldest.close()
        with ExitStack() as stack:
            reader = stack.enter_context(open_grid(job.scene, job.grid))
            readers[job.key] = (reader, stack.pop_all())
    readers.move_to_end(job.key)
    return readers[job.key][0]
