"""DeepGlobe road scores: one or several predictions against the masks of the challenge.

Truth masks are road from 128 (they are not purely 0 and 255; masks of 0 and 1 are taken as such).
Two IoU are given, always both:

- ``iou_mean``: mean over images of the road IoU of each, as the challenge defines it;
- ``iou``: all pixels together, as most papers on the 4696 / 1530 split report it.

An image without road on either side has IoU 1. Intervals are bootstraps over images.

References
----------
.. [1] I. Demir et al., "DeepGlobe 2018", CVPR Workshops 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.progress import Display, Labelled, Silent
from roadex.scoring.bootstrap import ConfusionTable, percentile_interval, resample
from roadex.scoring.image_pairs import find_pairs
from roadex.scoring.inputs import Side, recognise_side, subset
from roadex.scoring.metrics.confusion import Confusion
from roadex.scoring.pixel_scores import score_pixels
from roadex.scoring.report import ScoreReport
from roadex.scoring.splits import split_ids

METRICS = ("iou", "precision_recall", "relaxed", "relaxed_curve", "thresholds", "calibration")
"""What is computed by default; clDice and Betti errors take longer than all of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much better a prediction is than the first one, on the same images."""

    prediction: str
    iou_mean: float
    iou_mean_interval: tuple[float, float]
    iou: float
    iou_interval: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepGlobeReport:
    """Scores of one or several predictions on one set of images."""

    split: str
    n_images: int
    reports: list[ScoreReport]
    """One per prediction, in the order given."""

    differences: list[Difference] = field(default_factory=list)
    """One per prediction but the first."""

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def score_deepglobe(
    predictions: Sequence[str | Path],
    truth: str | Path,
    config: ScoreConfig | None = None,
    *,
    split: str = "all",
    metrics: Sequence[str] = METRICS,
    progress: Display | None = None,
) -> DeepGlobeReport:
    """Score folders of masks or probability against a folder of DeepGlobe masks.

    Parameters
    ----------
    predictions
        Folders of ``{id}_mask.png``, ``{id}.png``, ``{id}.tif`` ...; the others are compared with
        the first, image by image (as with and without test-time augmentation).
    truth
        Folder of ``{id}_mask.png``; ``{id}_sat.jpg`` beside them is ignored.
    config
        Settings; the defaults if None.
    split
        ``all`` images of ``truth``, a name of :data:`~roadex.scoring.splits.SPLITS`, or a file
        with one identifier per line.
    metrics
        Names of pixel metrics.
    progress
        Shows the images done of each of the predictions; None shows nothing.

    Raises
    ------
    ScoreError
        If images are missing, differ in size, or hold something else than masks or probability.
    DatasetError
        If there is no such split.
    """
    config = config or ScoreConfig()
    true = _folder(truth)
    if split != "all":
        true = subset(true, split_ids(split), what=f"split {split}")
    reports = []
    for i, folder in enumerate(predictions):
        pairs = find_pairs(_folder(folder), true, config)
        shown = Labelled(progress or Silent(), f"{i + 1}/{len(predictions)}")
        report = _with_mean(score_pixels(pairs, config, metrics=metrics, progress=shown))
        reports.append(replace(report, prediction=str(folder), truth=str(truth)))
    return DeepGlobeReport(
        split=split,
        n_images=len(true.tiles),
        reports=reports,
        differences=[_difference(reports[0], report, config) for report in reports[1:]],
    )


def _folder(path: str | Path) -> Side:
    side = recognise_side(path)
    if side.kind != "tiles":
        msg = f"{path} is a single file; DeepGlobe scores compare folders of images"
        raise ScoreError(msg)
    return side


def _with_mean(report: ScoreReport) -> ScoreReport:
    """Give a set of one image its mean too: it is that image's IoU."""
    iou = {"iou_mean": report.value("iou"), **report.scores["iou"]}
    return replace(report, scores={**report.scores, "iou": iou})


def _images(report: ScoreReport) -> list[Confusion]:
    return [tile.confusion for tile in sorted(report.tiles, key=lambda tile: tile.name)]


def _difference(first: ScoreReport, other: ScoreReport, config: ScoreConfig) -> Difference:
    before, after = (resample(_images(report), config) for report in (first, other))

    def gain(statistic: Callable[[ConfusionTable], Any]) -> tuple[float, float]:
        return percentile_interval(statistic(after) - statistic(before), config)

    return Difference(
        prediction=other.prediction,
        iou_mean=other.value("iou_mean") - first.value("iou_mean"),
        iou_mean_interval=gain(ConfusionTable.mean_iou),
        iou=other.value("iou") - first.value("iou"),
        iou_interval=gain(ConfusionTable.iou),
    )
