"""Masks of plain images without georeference, as benchmarks ask for them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from roadex.config import PROBABILITY_MAX, RunConfig
from roadex.errors import DatasetError, IncompleteError
from roadex.inference.allocator import release_free_memory
from roadex.models import require_torch
from roadex.models.modelfile import model_path, read_metadata
from roadex.pipeline.crew import open_crew
from roadex.pipeline.predict import make_folder
from roadex.pipeline.tasks import run_tasks
from roadex.progress import Display, Stopwatch, default_display
from roadex.training.datasets.deepglobe import GSD_M, image_ids

if TYPE_CHECKING:
    from roadex.inference.engine import Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageJob:
    """What a worker must know to predict any image of a folder."""

    folder: Path
    output: Path
    model: str
    tta: str
    threshold: float
    factor: float
    """Pixels of the model per pixel of the images."""

    with_probability: bool


def predict_deepglobe(
    folder: Path,
    output: Path,
    *,
    config: RunConfig | None = None,
    with_probability: bool = False,
    overwrite: bool = False,
    progress: Display | None = None,
) -> list[Path]:
    """Write a mask in the format of the DeepGlobe challenge for every image of a folder.

    Parameters
    ----------
    folder
        Holds ``<id>_sat.jpg``, at 0.5 m.
    output
        Folder for ``<id>_mask.png``: three equal bands, 0 and 255, the size of the image.
    config
        Model, test-time augmentation and workers. The threshold is the model's.
    with_probability
        Also write ``<id>_probability.png``, 0 to 254, for threshold sweeps.
    overwrite
        Do images again whose mask is there already; else they are skipped.
    progress
        Told of the progress.

    Raises
    ------
    DatasetError
        If the folder has no such image.
    IncompleteError
        If images failed; the masks of all others are there.
    """
    config = config or RunConfig()
    watch = Stopwatch(progress or default_display(), release_free_memory)
    if not config.cluster.is_remote:
        require_torch()
    path = model_path(config.predict.model)
    metadata = read_metadata(path)
    job = ImageJob(
        folder=folder.absolute(),
        output=output.absolute(),
        model=str(path.absolute()),
        tta=config.predict.tta,
        threshold=metadata.threshold_high,
        factor=1.0 if config.predict.native_gsd else GSD_M / metadata.gsd_m,
        with_probability=with_probability,
    )
    ids = image_ids(folder)
    if not ids:
        msg = f"no image <id>_sat.jpg in {folder}"
        raise DatasetError(msg)
    make_folder(output)
    todo = [name for name in ids if overwrite or not mask_path(output, name).exists()]
    failed = {}
    with watch.stage("predict", len(ids)), open_crew(config.cluster) as crew:
        watch.advance("predict", len(ids) - len(todo))
        for outcome in run_tasks(
            crew, partial(predict_image, job=job), todo, config=config.cluster
        ):
            watch.advance("predict")
            if outcome.error is not None:
                failed[outcome.item] = outcome.error
    if failed:
        name, error = next(iter(failed.items()))
        msg = (
            f"{len(failed)} of {len(ids)} images failed, the first is {name}: {error}. Run the "
            "same command again to retry them"
        )
        raise IncompleteError(msg)
    return [mask_path(output, name) for name in ids]


def mask_path(folder: Path, name: str) -> Path:
    """Return where the mask of an image goes."""
    return folder / f"{name}_mask.png"


def predict_image(name: str, *, job: ImageJob) -> None:
    """Predict one image and write its mask. Runs on a worker."""
    try:
        with Image.open(job.folder / f"{name}_sat.jpg") as file:
            image = file.convert("RGB")
    except OSError as error:
        msg = f"cannot read {job.folder / name}_sat.jpg: {error}"
        raise DatasetError(msg) from None
    width, height = (max(1, round(side * job.factor)) for side in image.size)
    scaled = image.resize((width, height), Image.Resampling.BOX)
    pixels = np.moveaxis(np.asarray(scaled, dtype=np.float32), -1, 0)
    probability = _predictor(job).probability(np.ascontiguousarray(pixels))
    full_size = Image.fromarray(probability).resize(image.size, Image.Resampling.BILINEAR)
    values = np.asarray(full_size)
    mask = np.where(values >= job.threshold, 255, 0).astype(np.uint8)
    _save(np.repeat(mask[..., None], 3, axis=2), mask_path(job.output, name))
    if job.with_probability:
        stored = np.rint(values * PROBABILITY_MAX).astype(np.uint8)
        _save(stored, job.output / f"{name}_probability.png")


_LOCAL = threading.local()


def _predictor(job: ImageJob) -> Predictor:
    from roadex.inference.engine import Predictor  # torch is for workers: the client does without

    held: Any = getattr(_LOCAL, "held", None)
    if held is None or held[0] != (job.model, job.tta):
        held = ((job.model, job.tta), Predictor(job.model, tta=job.tta))
        _LOCAL.held = held
    predictor: Predictor = held[1]
    return predictor


def _save(values: np.ndarray[Any, np.dtype[np.uint8]], path: Path) -> None:
    partial_path = path.with_name(f".{path.name}.partial")
    Image.fromarray(values).save(partial_path, format="PNG")
    partial_path.replace(path)
