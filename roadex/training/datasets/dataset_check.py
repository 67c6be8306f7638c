"""What is wrong with a dataset, said before a training has taken hours to show it.

Sizes and georeferences of all files are compared; pixels are looked at in windows spread over a
sample of the scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from roadex.errors import DatasetError, SceneError
from roadex.imagery.containers import without_georeference_warning
from roadex.training.datasets.labelled import Chip, Labelled, LabelledScene
from roadex.training.datasets.line_scene import LineScene
from roadex.training.datasets.shift_check import AlignmentSearch

N_SCENES, N_WINDOWS, WINDOW_PX = 24, 4, 256
"""Scenes looked at per dataset, windows per scene, and their side."""

MAX_SHIFT_PX = 0.5
"""Image and mask whose corners differ by more are shifted."""

SUSPECT_SHIFT_PX, SUSPECT_GAIN = 2.5, 3.0
"""From which shift, and which gain by it, labels seem shifted against the roads of the image.
Measured: Massachusetts and Dubai as they are have shifts of at most 1.5 px, or gains of at most 2.1
where there are few roads; shifted by 4 or 8 px in both directions, gains of 2.8 to 6.5."""

_OUTSIDE_SHARE = 0.02
_COARSE_FACTOR = 2.0


class Level(Enum):
    """How bad a finding is."""

    ERROR = "error"
    """Training cannot start."""
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found."""

    level: Level
    place: str
    text: str


@dataclass(slots=True)
class DatasetReport:
    """What a dataset holds, and what was found in it."""

    name: str
    n_scenes: int
    megapixels: float = 0.0
    gsd_m: tuple[float, float] = (0.0, 0.0)
    """Smallest and largest."""

    road_share: float = 0.0
    """Of the valid pixels looked at."""

    valid_share: float = 0.0
    """Of the pixels looked at."""

    findings: list[Finding] = field(default_factory=list)

    def add(self, level: Level, place: str, text: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(level, place, text))


def check_dataset(
    name: str, scenes: Sequence[Labelled], *, gsd_m: float, unmatched_labels: Sequence[Path] = ()
) -> DatasetReport:
    """Look at all scenes of a dataset.

    Parameters
    ----------
    name
        What the report calls the dataset.
    scenes
        Its scenes.
    gsd_m
        Ground sample distance the model is trained for.
    unmatched_labels
        Label files that belong to no imagery.
    """
    report = DatasetReport(name, len(scenes))
    if unmatched_labels:
        listed = ", ".join(path.name for path in unmatched_labels[:3])
        text = f"{len(unmatched_labels)} label file(s) have no imagery and are not used: {listed}"
        report.add(Level.WARNING, name, text)
    sound = [scene for scene in scenes if _check_files(scene, report)]
    gsds = [scene.gsd_m for scene in scenes]
    report.gsd_m = (min(gsds), max(gsds))
    if max(gsds) > gsd_m * _COARSE_FACTOR:
        text = f"pixels of {max(gsds):.2g} m are much larger than the model's {gsd_m:.2g} m"
        report.add(Level.WARNING, name, text)
    n_looked_at = min(N_SCENES, len(sound))
    chosen = {round(i) for i in np.linspace(0, len(sound) - 1, n_looked_at)}
    search = AlignmentSearch()
    counts = [_check_pixels(sound[i], report, search) for i in sorted(chosen)]
    _summarise(counts, report)
    _check_alignment(search, report)
    return report


def check_overlap(training: Sequence[Labelled], validation: Sequence[Labelled]) -> list[Finding]:
    """Return a finding for every validation scene that is trained on too."""
    trained = {scene.files()[0].resolve() for scene in training}
    return [
        Finding(Level.WARNING, scene.name, "is in both the validation and the training data")
        for scene in validation
        if scene.files()[0].resolve() in trained
    ]


def _check_files(scene: Labelled, report: DatasetReport) -> bool:
    """Compare the headers of a scene's files; return whether its pixels can be looked at."""
    try:
        height, width = scene.shape()
        report.megapixels += height * width / 1e6
        if isinstance(scene, LabelledScene):
            return _check_headers(scene, report)
    except (DatasetError, RasterioIOError) as error:
        report.add(Level.ERROR, scene.name, str(error))
        return False
    if isinstance(scene, LineScene) and not scene.grid.is_native:
        text = (
            "is warped to metres while read, which is slow; `gdalwarp -t_srs "
            f"{scene.grid.crs}` writes a file that trains several times as fast"
        )
        report.add(Level.NOTE, scene.name, text)
    return True


def _check_headers(scene: LabelledScene, report: DatasetReport) -> bool:
    with without_georeference_warning(), rasterio.open(scene.image) as image:
        for path in scene.files()[1:]:
            with rasterio.open(path) as label:
                if label.shape != image.shape:
                    text = f"{path.name} is {label.shape}, the image {image.shape} pixels"
                    report.add(Level.ERROR, scene.name, text)
                    return False
                shift = _shift_px(image, label)
                if shift > MAX_SHIFT_PX:
                    text = f"{path.name} is {shift:.1f} pixels off the image"
                    report.add(Level.ERROR, scene.name, text)
                    return False
    return True


def _shift_px(image: rasterio.DatasetReader, label: rasterio.DatasetReader) -> float:
    """Return the largest distance between corners; 0 where either has no georeference."""
    if image.crs is None or label.crs is None or image.crs != label.crs:
        return 0.0
    corners = [(0, 0), (image.width, 0), (0, image.height), (image.width, image.height)]
    moved = [~image.transform @ (label.transform @ corner) for corner in corners]
    return float(np.abs(np.array(moved) - np.array(corners)).max())


@dataclass(frozen=True, slots=True)
class _Counts:
    """Pixels looked at in a scene."""

    total: int
    valid: int
    road: int


def _check_pixels(scene: Labelled, report: DatasetReport, search: AlignmentSearch) -> _Counts:
    try:
        chips = [scene.read(window) for window in _windows(scene.shape())]
    except (DatasetError, SceneError) as error:
        report.add(Level.ERROR, scene.name, str(error))
        return _Counts(0, 0, 0)
    for chip in chips:
        search.add(chip)
    counts = _Counts(
        total=sum(chip.valid.size for chip in chips),
        valid=sum(int(chip.valid.sum()) for chip in chips),
        road=sum(int((chip.road & chip.valid).sum()) for chip in chips),
    )
    if counts.valid == 0:
        report.add(Level.WARNING, scene.name, "has no valid pixel in the windows looked at")
    elif counts.road > 0.5 * counts.valid:
        text = f"{counts.road / counts.valid:.0%} of it is road: are road and background swapped?"
        report.add(Level.WARNING, scene.name, text)
    outside = sum(int((chip.road & chip.valid & _blank(chip)).sum()) for chip in chips)
    if outside > _OUTSIDE_SHARE * max(1, counts.road):
        text = (
            f"{outside / counts.road:.0%} of the road label lies where the image is blank; say "
            "where imagery is with a file in valid/"
        )
        report.add(Level.WARNING, scene.name, text)
    return counts


def _check_alignment(search: AlignmentSearch, report: DatasetReport) -> None:
    found = search.best()
    if found is None or found.gain < SUSPECT_GAIN or found.distance_px < SUSPECT_SHIFT_PX:
        return
    rows, cols = (
        f"{abs(n)} {unit} {sign[n > 0]}"
        for n, unit, sign in (
            (found.rows, "rows", ("up", "down")),
            (found.cols, "columns", ("to the left", "to the right")),
        )
    )
    text = (
        f"labels seem shifted: they would fit the road edges better {rows} and {cols}. Look at "
        "some in a GIS before training"
    )
    report.add(Level.WARNING, report.name, text)


def _blank(chip: Chip) -> NDArray[np.bool_]:
    """Return where all bands are black or all are white."""
    black, white = (chip.image == 0).all(axis=0), (chip.image == 255).all(axis=0)
    blank: NDArray[np.bool_] = black | white
    return blank


def _windows(shape: tuple[int, int]) -> list[Window]:
    """Return windows on a regular grid, fewer where the scene is small."""
    n_side = round(N_WINDOWS**0.5)
    size = [min(n, WINDOW_PX) for n in shape]
    starts = [
        sorted({round(i * (n - s) / (n_side - 1)) for i in range(n_side)})
        for n, s in zip(shape, size, strict=True)
    ]
    return [Window(col, row, size[1], size[0]) for row in starts[0] for col in starts[1]]


def _summarise(counts: Sequence[_Counts], report: DatasetReport) -> None:
    total, valid, road = (
        sum(values) for values in zip(*((c.total, c.valid, c.road) for c in counts), strict=True)
    ) if counts else (0, 0, 0)  # fmt: skip
    report.valid_share = valid / max(1, total)
    report.road_share = road / max(1, valid)
    if counts and road == 0:
        text = "no road in any window looked at: which value do the masks have on roads?"
        report.add(Level.ERROR, report.name, text)
        return
    n_empty = sum(1 for c in counts if c.road == 0)
    if n_empty:
        text = f"{n_empty} of {len(counts)} scenes looked at have no road"
        report.add(Level.NOTE, report.name, text)
