"""How good a network is on labelled scenes it has not been trained on.

One pass over the scenes gives the accumulated road IoU at every threshold, so the threshold that a
model file carries is chosen, not guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from roadex.config import PROBABILITY_MAX
from roadex.imagery.work_grid import plan_grid
from roadex.inference.engine import Predictor
from roadex.inference.on_grid import predict_on_grid
from roadex.models.base import SegmentationNetwork
from roadex.models.scaling import Scaling
from roadex.probability.encoding import encode
from roadex.scoring.metrics.thresholds import LevelCounts
from roadex.training.datasets.labelled import Chip, Labelled

THRESHOLD_RANGE = (0.1, 0.95)
"""Thresholds that a model may carry."""

_LOW_SHARE = 0.6
"""Low hysteresis threshold of a model as a share of its high one."""


def evaluate(
    network: SegmentationNetwork,
    scenes: Sequence[Labelled],
    *,
    scaling: Scaling,
    gsd_m: float,
    tta: str = "none",
) -> LevelCounts:
    """Predict every scene as a run does, at the pixel size of the model, and count.

    The probability is brought to the grid of the labels, which stay as they were drawn.
    """
    found = predict_scenes(network, scenes, scaling=scaling, gsd_m=gsd_m, tta=tta)
    return sum(
        (LevelCounts.of(stored, chip.road, chip.valid) for stored, chip in found),
        start=LevelCounts.none(),
    )


def predict_scenes(
    network: SegmentationNetwork,
    scenes: Iterable[Labelled],
    *,
    scaling: Scaling,
    gsd_m: float,
    tta: str = "none",
) -> Iterator[tuple[NDArray[np.uint8], Chip]]:
    """Yield the stored probability of every scene, on the grid of its labels, and the scene."""
    predictor = Predictor.of(network.eval(), scaling, tta=tta)
    for scene in scenes:
        yield encode(predict_labelled(predictor, scene, gsd_m=gsd_m)), scene.read()


def predict_labelled(
    predictor: Predictor, labelled: Labelled, *, gsd_m: float, window: Window | None = None
) -> NDArray[np.float32]:
    """Return road probability of a labelled scene, or a window of it, on the grid of its labels.

    The network looks at the scene at ``gsd_m`` metres per pixel, as in a run.
    """
    scene = labelled.scene
    grid = plan_grid(scene, gsd_m=gsd_m, gsd_range_m=(0.0, math.inf))
    return predict_on_grid(predictor, scene, grid, labelled.grid, window=window)


def evaluate_datasets(
    network: SegmentationNetwork,
    validation: Mapping[str, Sequence[Labelled]],
    *,
    scaling: Scaling,
    gsd_m: float,
    tta: str = "none",
) -> dict[str, LevelCounts]:
    """Count each dataset of ``validation``, a mapping of name to scenes."""
    return {
        name: evaluate(network, scenes, scaling=scaling, gsd_m=gsd_m, tta=tta)
        for name, scenes in validation.items()
    }


def common_figures(counts: Mapping[str, LevelCounts]) -> dict[str, float]:
    """Mean IoU over the datasets at the threshold that is best for it, and IoU of each at 0.5.

    Returns
    -------
    figures
        ``iou``, ``threshold`` and ``iou_NAME`` for every dataset.
    """
    threshold = best_common_threshold(list(counts.values()))
    ious = [iou_at(count, threshold) for count in counts.values()]
    figures = {"iou": sum(ious) / len(ious), "threshold": threshold}
    return figures | {f"iou_{name}": iou_at(count, 0.5) for name, count in counts.items()}


def thresholds_of(figures: Mapping[str, float]) -> tuple[float, float]:
    """Return the low and the high hysteresis threshold of a model with these common figures."""
    high = figures.get("threshold", 0.5)
    return round(_LOW_SHARE * high, 3), round(high, 3)


def iou_at(counts: LevelCounts, threshold: float) -> float:
    """Return the accumulated road IoU with ``probability >= threshold`` taken as road."""
    level = int(np.ceil(threshold * PROBABILITY_MAX - 1e-9))
    return float(counts.curve().iou[level])


def best_common_threshold(counts: Sequence[LevelCounts]) -> float:
    """Return the threshold with the highest mean IoU over several datasets.

    It is sought within :data:`THRESHOLD_RANGE`: for a model that has learned nothing the best is to
    call everything road, and a threshold of 0 is none.
    """
    mean_iou = np.mean([count.curve().iou for count in counts], axis=0)
    first, last = (round(bound * PROBABILITY_MAX) for bound in THRESHOLD_RANGE)
    return (first + int(mean_iou[first : last + 1].argmax())) / PROBABILITY_MAX
