"""Moved labels of scenes with masks, written as a dataset of layout ``pairs``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from roadex.config import AlignConfig
from roadex.imagery.containers import without_georeference_warning
from roadex.models.modelfile import Model
from roadex.training.align.comparison import SceneShift, ShiftSums, compare_labels
from roadex.training.datasets.labelled import LabelledScene


def mask_path(folder: Path, scene: LabelledScene) -> Path:
    """Return the file that is there when a scene is done."""
    region, _, name = scene.name.rpartition("/")
    return folder / region / "mask" / f"{name}.tif"


def align_mask(scene: LabelledScene, folder: Path, model: Model, config: AlignConfig) -> SceneShift:
    """Write the moved mask of a scene, with its image and validity beside it."""
    found = compare_labels(scene, model, config)
    sums = ShiftSums()
    sums.add(found)
    mask = mask_path(folder, scene)
    region = mask.parent.parent
    for source, part in ((scene.image, "sat"), (scene.valid, "valid")):
        if source is not None:
            _link(source.resolve(), region / part / f"{mask.stem}{source.suffix}")
    (region / "gsd_m.txt").write_text(f"{scene.gsd_m!r}\n")
    _write(found.moved, scene, mask)
    return sums.moved(scene.name)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write(road: NDArray[np.bool_], scene: LabelledScene, path: Path) -> None:
    """Write a mask where its image is, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with without_georeference_warning(), rasterio.open(scene.mask) as source:
        profile = {"crs": source.crs, "transform": source.transform} if source.crs else {}
    height, width = road.shape
    with (
        without_georeference_warning(),
        rasterio.open(
            partial, "w", driver="GTiff", dtype="uint8", count=1, height=height, width=width,
            compress="deflate", **profile,
        ) as raster,
    ):  # fmt: skip
        raster.write(road.astype(np.uint8), 1)
    partial.replace(path)
