"""Masks of plain images without georeference, as benchmarks ask for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roadex.config import TTA_VIEWS, RunConfig
from roadex.errors import DatasetError, IncompleteError, OutputError, RoadexError
from roadex.files import changes_of_origin, whole_file, write_origin
from roadex.imagery.scene import open_scene
from roadex.imagery.work_grid import own_grid, plan_grid
from roadex.inference.allocator import release_free_memory
from roadex.models.modelfile import model_path, read_metadata, read_sha256
from roadex.pipeline.crew import CallingProcess, Load, open_crew
from roadex.pipeline.model_transfer import SharedModel
from roadex.pipeline.plan import SECONDS_PER_MPX
from roadex.pipeline.precision import (
    int8_form_to_use,
    precision_to_use,
    require_what_computes,
    values_key,
)
from roadex.pipeline.resume import make_folder
from roadex.pipeline.tasks import run_tasks
from roadex.pipeline.worker import predictor_of
from roadex.probability.encoding import encode
from roadex.progress import Display, Stopwatch, default_display
from roadex.training.datasets.deepglobe import GSD_M, IMAGE_SUFFIX, image_ids

IMAGE_PX = 1024
"""Side of the images of the challenge."""

ORIGIN_NAME = "predicted.json"
"""File beside the masks that says what they are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageJob:
    """What a worker must know to predict any image of a folder."""

    folder: Path
    output: Path
    model: SharedModel
    tta: str
    threshold: float
    gsd_m: float
    """Metres per pixel at which the network looks at the images."""

    bands: tuple[str, ...]
    """Names of the bands the network takes."""

    with_probability: bool
    device: str | None = None
    """Where the network computes, as torch names it; None is a GPU where the process sees one."""


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
        Do all images again. Without it masks that are there are kept if they come from the same
        images, model and settings, and are an error if not.
    progress
        Told of the progress.

    Raises
    ------
    DatasetError
        If the folder has no such image.
    OutputError
        If ``output`` holds masks that were made otherwise.
    IncompleteError
        If images failed; the masks of all others are there.
    """
    config = config or RunConfig()
    require_what_computes(config.predict, config.cluster)
    ids = image_ids(folder)
    if not ids:
        msg = f"no image <id>_sat.jpg in {folder}"
        raise DatasetError(msg)
    make_folder(output)
    job = _job(folder, output, config, with_probability=with_probability)
    _begin(job, ids, overwrite=overwrite)
    kinds = (mask_path, probability_path) if with_probability else (mask_path,)
    todo = [name for name in ids if not all(kind(output, name).exists() for kind in kinds)]
    failed = _predict_all(job, todo, len(ids), config, progress or default_display())
    if failed:
        name, error = next(iter(failed.items()))
        msg = (
            f"{len(failed)} of {len(ids)} images failed, first {name}: {error}. Run the "
            "same command again to retry them"
        )
        raise IncompleteError(msg)
    return [mask_path(output, name) for name in ids]


def _job(folder: Path, output: Path, config: RunConfig, *, with_probability: bool) -> ImageJob:
    path = model_path(config.predict.model)
    model = read_metadata(path)
    wanted = config.predict.precision
    int8_form = int8_form_to_use(wanted, path, config.cluster)
    return ImageJob(
        folder=folder.absolute(),
        output=output.absolute(),
        model=SharedModel.of(
            path, read_sha256(path), int8_form, precision_to_use(wanted, int8_form)
        ),
        tta=config.predict.tta,
        threshold=model.threshold_high,
        gsd_m=GSD_M if config.predict.native_gsd else model.gsd_m,
        bands=tuple(model.bands),
        with_probability=with_probability,
    )


def _predict_all(
    job: ImageJob, todo: Sequence[str], n_images: int, config: RunConfig, display: Display
) -> dict[str, BaseException]:
    """Predict images; return the errors of those that failed."""
    watch = Stopwatch(display, release_free_memory)
    mpx = (IMAGE_PX * GSD_M / job.gsd_m) ** 2 / 1e6
    seconds = mpx * TTA_VIEWS[job.tta] * SECONDS_PER_MPX[job.model.precision]
    load = Load(n_tasks=len(todo), core_seconds=len(todo) * seconds)
    failed = {}
    with watch.stage("predict", n_images), open_crew(config.cluster, load) as crew:
        if isinstance(crew, CallingProcess):
            job = replace(job, device=crew.device)
        else:
            from roadex.pipeline.plugins import send_model  # Dask takes half a second to import

            send_model(crew, job.model, config.cluster)
        watch.advance("predict", n_images - len(todo))
        for outcome in run_tasks(
            crew, partial(predict_image, job=job), todo, config=config.cluster, is_inference=True
        ):
            watch.advance("predict")
            if outcome.error is not None:
                failed[outcome.item] = outcome.error
    return failed


def mask_path(folder: Path, name: str) -> Path:
    """Return where the mask of an image goes."""
    return folder / f"{name}_mask.png"


def probability_path(folder: Path, name: str) -> Path:
    """Return where the probability of an image goes."""
    return folder / f"{name}_probability.png"


def _begin(job: ImageJob, ids: Sequence[str], *, overwrite: bool) -> None:
    """Keep masks of the same origin, refuse others; with ``overwrite`` begin anew."""
    origin = {
        "images": str(job.folder),
        "model": values_key(job.model.sha256, job.model.int8_sha256, job.model.precision),
        "tta": job.tta,
        "gsd_m": job.gsd_m,
        "threshold": job.threshold,
    }
    paths = [kind(job.output, name) for kind in (mask_path, probability_path) for name in ids]
    there = [path for path in paths if path.exists()]
    changes = changes_of_origin(job.output / ORIGIN_NAME, origin)
    if there and not overwrite and changes != ():
        why = f"made otherwise ({', '.join(changes)})" if changes else "of unknown origin"
        msg = f"{job.output} holds masks {why}. Choose another folder, or add --overwrite"
        raise OutputError(msg)
    for path in there if overwrite else ():
        path.unlink()
    write_origin(job.output / ORIGIN_NAME, origin)


def predict_image(name: str, *, job: ImageJob) -> None:
    """Predict one image and write its mask. Runs on a worker.

    Raises
    ------
    RoadexError
        Of the kind that occurred, with the name of the image.
    """
    try:
        values = _probability(job.folder / f"{name}{IMAGE_SUFFIX}", job)
    except RoadexError as error:
        plain = type(error)(f"{name}: {error}")
    else:
        mask = np.where(values >= job.threshold, 255, 0).astype(np.uint8)
        _save(np.repeat(mask[..., None], 3, axis=2), mask_path(job.output, name))
        if job.with_probability:
            _save(encode(values), probability_path(job.output, name))
        return
    raise plain


def _probability(path: Path, job: ImageJob) -> NDArray[np.float32]:
    """Return road probability on the pixels of an image."""
    from roadex.inference.on_grid import predict_on_grid  # torch is for workers

    scene = open_scene([path], wanted=job.bands, unplaced_gsd_m=GSD_M)
    grid = plan_grid(scene, gsd_m=job.gsd_m, gsd_range_m=(0.0, math.inf))
    predictor = predictor_of(job.model, job.tta, job.device)
    return predict_on_grid(predictor, scene, grid, own_grid(scene))


def _save(values: NDArray[Any], path: Path) -> None:
    with whole_file(path) as place:
        Image.fromarray(values).save(place, format="PNG")
