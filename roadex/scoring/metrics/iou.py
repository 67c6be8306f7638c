"""Road IoU, accumulated over a set and as the mean over its images.

For one image IoU = TP / (TP + FP + FN), road class only (background is never averaged in).

- ``iou`` adds up the pixels of all images first: what most papers report.
- ``iou_mean`` is the mean of the images' IoU: what the DeepGlobe challenge defines.

An image without road on either side has IoU 1; the challenge paper leaves it open, its winner's
script and segmentation_models_pytorch do the same.

A table can be checked for which of the two it holds: F1 = 2 IoU / (1 + IoU) is an identity of
accumulated pixels and fails for means over images. A mean over *batches* is neither.

References
----------
.. [1] I. Demir et al., "DeepGlobe 2018", CVPR Workshops 2018, eq. 1-2 (mean over images).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roadex.config import ScoreConfig
from roadex.scoring.metrics.confusion import Confusion
from roadex.scoring.metrics.sums import Sums
from roadex.scoring.metrics.windows import PixelWindow

NEEDS_PROBABILITY = False


@dataclass(frozen=True, slots=True)
class IouCounts(Sums):
    """Pixels right and wrong; the score is the accumulated IoU."""

    confusion: Confusion

    def scores(self) -> dict[str, float]:
        """Return ``iou``, in [0, 1]."""
        return {"iou": self.confusion.iou}


def halo(_config: ScoreConfig) -> int:
    """Return the context a window needs: none."""
    return 0


def count(window: PixelWindow, _config: ScoreConfig) -> IouCounts:
    """Count the core of a window."""
    return IouCounts(Confusion.of_window(window))


def accumulated_iou(images: Sequence[Confusion]) -> float:
    """Return the road IoU of all pixels of the images together (1 for no images)."""
    return sum(images, start=Confusion()).iou


def mean_iou(images: Sequence[Confusion]) -> float:
    """Return the mean of the road IoU of each image (1 for no images)."""
    return sum(image.iou for image in images) / len(images) if images else 1.0
