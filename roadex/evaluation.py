"""How good a network is on labelled scenes it has not been trained on.

One pass over the scenes gives the accumulated road IoU at every threshold, so the threshold that a
model file carries is chosen, not guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from roadex.config import PROBABILITY_MAX
from roadex.datasets.labelled import Chip, LabelledScene
from roadex.datasets.sampling import resample
from roadex.models.scaling import Scaling
from roadex.tta import predict_with_tta

N_LEVELS = PROBABILITY_MAX + 1


@dataclass(frozen=True, slots=True)
class ThresholdCounts:
    """Pixels by stored probability, apart for road and background; counts of scenes add up."""

    road: NDArray[np.int64]
    """Shape ``(255,)``: road pixels whose probability rounds to ``i / 254``."""

    background: NDArray[np.int64]

    @classmethod
    def of(cls, probability: NDArray[np.float32], chip: Chip) -> ThresholdCounts:
        """Count one scene; ``probability`` has the shape of the chip and is in [0, 1]."""
        level = np.rint(probability * PROBABILITY_MAX).astype(np.int64)
        road, background = chip.road & chip.valid, ~chip.road & chip.valid
        return cls(
            np.bincount(level[road], minlength=N_LEVELS),
            np.bincount(level[background], minlength=N_LEVELS),
        )

    def __add__(self, other: ThresholdCounts) -> ThresholdCounts:
        return ThresholdCounts(self.road + other.road, self.background + other.background)

    def iou(self) -> NDArray[np.float64]:
        """Accumulated road IoU with ``probability >= i / 254`` taken as road, for each ``i``.

        1 where neither side has road.
        """
        true_positive = self.road[::-1].cumsum()[::-1]
        false_positive = self.background[::-1].cumsum()[::-1]
        union = false_positive + self.road.sum()
        iou: NDArray[np.float64] = np.ones(N_LEVELS)
        np.divide(true_positive, union, out=iou, where=union > 0)
        return iou

    def iou_at(self, threshold: float) -> float:
        """Accumulated road IoU with ``probability >= threshold`` taken as road."""
        return float(self.iou()[int(np.ceil(threshold * PROBABILITY_MAX - 1e-9))])


def best_common_threshold(counts: Sequence[ThresholdCounts]) -> float:
    """Return the threshold in [0, 1] with the highest mean IoU over several datasets."""
    mean_iou = np.mean([count.iou() for count in counts], axis=0)
    return int(mean_iou.argmax()) / PROBABILITY_MAX


def evaluate(
    network: nn.Module,
    scenes: Sequence[LabelledScene],
    *,
    scaling: Scaling,
    gsd_m: float,
    tta: str = "none",
) -> ThresholdCounts:
    """Predict every scene whole, at the ground sample distance of the model, and count.

    Meant for scenes of a few megapixels, as datasets consist of; a large scene is a case for
    ``roadex run`` and ``roadex score``.
    """
    network.eval()
    return sum(
        (_count(network, scene, scaling=scaling, gsd_m=gsd_m, tta=tta) for scene in scenes),
        start=ThresholdCounts(np.zeros(N_LEVELS, np.int64), np.zeros(N_LEVELS, np.int64)),
    )


@torch.inference_mode()
def _count(
    network: nn.Module, scene: LabelledScene, *, scaling: Scaling, gsd_m: float, tta: str
) -> ThresholdCounts:
    chip = scene.read()
    shape = chip.road.shape
    image = torch.from_numpy(chip.image).float()
    factor = scene.gsd_m / gsd_m
    if factor != 1:
        image = resample(image, [max(1, round(n * factor)) for n in shape])
    device = next(network.parameters()).device
    probability = predict_with_tta(network, scaling.apply(image.to(device)), tta)
    if probability.shape != shape:
        probability = resample(probability[None], shape)[0].clamp(0, 1)
    return ThresholdCounts.of(probability.cpu().numpy(), chip)
