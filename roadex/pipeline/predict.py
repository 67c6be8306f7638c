"""The raster half: road probability of scenes and of images in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from roadex.config import RunConfig
from roadex.inference.allocator import release_free_memory
from roadex.pipeline.arrays import AnyCRS, probability_on, refuse_place, write_image
from roadex.pipeline.crew import open_crew
from roadex.pipeline.plan import RunPlan, Scenes, plan_run
from roadex.pipeline.precision import require_what_computes
from roadex.pipeline.predict_tiles import predict_tiles
from roadex.pipeline.result import TemporaryFolder, open_raster
from roadex.pipeline.resume import claim
from roadex.pipeline.stitch import stitch
from roadex.progress import Display, Stopwatch, default_display


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
