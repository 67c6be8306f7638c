"""Datasets with better labels, made of datasets there are: what ``roadex align`` does."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from roadex.config import AlignConfig
from roadex.datasets import find_labelled_scenes
from roadex.datasets.labelled import Labelled, LabelledScene
from roadex.datasets.local_shifts import find_local_shifts, move_labels
from roadex.errors import DatasetError, OutputError
from roadex.evaluation import predict_scenes
from roadex.models.modelfile import Model, load_model
from roadex.models.scaling import Scaling
from roadex.probability import decode
from roadex.runtime import tune_allocator
from roadex.scene import without_georeference_warning

MADE_OF_NAME = "aligned.json"
"""File in the folder that says what its labels were made of."""

MOVES_NAME = "moves.csv"
"""File in the folder with what became of each scene."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of the labels of a scene."""

    scene: str
    road_pixels: int
    down_m: float
    """Mean over the labels; negative is up."""
    right_m: float
    distance_m: float
    """Mean length of the moves."""
    iou_before: float
    """Of the labels with the roads the model finds."""
    iou_after: float


@dataclass(frozen=True, slots=True)
class LabelAlignment:
    """A dataset whose labels are moved to where a model sees the roads, while it is written."""

    scenes: tuple[LabelledScene, ...]
    """Those that are not there yet."""

    folder: Path
    model: Model
    config: AlignConfig

    @classmethod
    def begin(
        cls, dataset: str, folder: Path, config: AlignConfig, *, overwrite: bool = False
    ) -> LabelAlignment:
        """Read what there is to do; scenes that are in the folder already are not done again.

        Parameters
        ----------
        dataset
            As ``roadex train`` takes it, with masks; scenes of a few megapixels, read whole.
        folder
            Where to write. It gets the layout ``pairs``: ``sat/`` (hard links to the images, or
            copies), ``mask/`` (uint8, 1 = road) and, where there is one, ``valid/``; and
            ``moves.csv``.
        config
            The model, and how far labels may move.
        overwrite
            Begin anew in a folder that something else is in.

        Raises
        ------
        DatasetError
            If the dataset has lines instead of masks, or cannot be read.
        OutputError
            If something else is in the folder.
        """
        scenes = [_with_mask(scene) for scene in find_labelled_scenes(dataset)]
        model = load_model(config.model)
        made_of = {
            "dataset": dataset, "model": model.sha256, "tta": config.tta, "most_m": config.most_m
        }  # fmt: skip
        if overwrite or not _is_made_of(folder, made_of):
            _begin_anew(folder, scenes, made_of, overwrite)
        left = tuple(scene for scene in scenes if not _mask_path(folder, scene).exists())
        return cls(left, folder, model, config)

    def run(self) -> Iterator[Moved]:
        """Write scene after scene, and yield what became of each."""
        tune_allocator()
        metadata = self.model.metadata
        found = predict_scenes(
            self.model.network,
            self.scenes,
            scaling=Scaling.of(metadata),
            gsd_m=metadata.gsd_m,
            tta=self.config.tta,
        )
        for scene, (stored, chip) in zip(self.scenes, found, strict=True):
            probability = decode(stored) * chip.valid
            shifts = find_local_shifts(
                probability, chip.road, gsd_m=scene.gsd_m, most_m=self.config.most_m
            )
            road = move_labels(chip.road, shifts)
            seen = (probability >= metadata.threshold_high) & chip.valid
            moved = _moved(scene, shifts, seen, chip.road & chip.valid, road & chip.valid)
            _link_imagery(scene, self.folder)
            _note(moved, self.folder)
            _write_mask(road, scene, _mask_path(self.folder, scene))
            yield moved


def _with_mask(scene: Labelled) -> LabelledScene:
    if not isinstance(scene, LabelledScene):
        msg = "labels are moved in masks, and this dataset has lines"
        raise DatasetError(msg)
    return scene


def _is_made_of(folder: Path, made_of: Mapping[str, object]) -> bool:
    note = folder / MADE_OF_NAME
    return note.exists() and json.loads(note.read_text()) == made_of


def _begin_anew(
    folder: Path, scenes: Sequence[LabelledScene], made_of: Mapping[str, object], overwrite: bool
) -> None:
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        msg = f"{folder} is not empty; choose another folder or add --overwrite"
        raise OutputError(msg)
    for scene in scenes:
        _mask_path(folder, scene).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / MOVES_NAME).open("w", newline="") as file:
        csv.writer(file).writerow(field.name for field in fields(Moved))
    (folder / MADE_OF_NAME).write_text(json.dumps(made_of, indent=1) + "\n")


def _moved(
    scene: LabelledScene,
    shifts: NDArray[np.float32],
    seen: NDArray[np.bool_],
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
) -> Moved:
    n_road = int(before.sum())
    down_m, right_m = shifts[:, before].sum(axis=1) / max(1, n_road) * scene.gsd_m
    distance_m = np.hypot(*shifts)[before].sum() / max(1, n_road) * scene.gsd_m
    iou_before, iou_after = (
        float((seen & road).sum() / max(1, (seen | road).sum())) for road in (before, after)
    )
    return Moved(
        scene.name, n_road, float(down_m), float(right_m), float(distance_m), iou_before, iou_after
    )


def _note(moved: Moved, folder: Path) -> None:
    rounded = (round(v, 3) if isinstance(v, float) else v for v in astuple(moved))
    with (folder / MOVES_NAME).open("a", newline="") as file:
        csv.writer(file).writerow(rounded)


def _mask_path(folder: Path, scene: LabelledScene) -> Path:
    region, _, name = scene.name.rpartition("/")
    return folder / region / "mask" / f"{name}.tif"


def _link_imagery(scene: LabelledScene, folder: Path) -> None:
    mask = _mask_path(folder, scene)
    region = mask.parent.parent
    for source, part in ((scene.image, "sat"), (scene.valid, "valid")):
        if source is not None:
            _link(source.resolve(), region / part / f"{mask.stem}{source.suffix}")
    (region / "gsd_m.txt").write_text(f"{scene.gsd_m!r}\n")


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write_mask(road: NDArray[np.bool_], scene: LabelledScene, path: Path) -> None:
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
