"""Confidence intervals by drawing images with replacement.

References
----------
.. [1] B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993 (percentile interval).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadex.config import ScoreConfig
from roadex.scoring.metrics.confusion import Confusion


@dataclass(frozen=True, slots=True, eq=False)
class ConfusionTable:
    """Pixels of many drawn samples of images, arrays of shape ``(samples, images)``."""

    true_positive: NDArray[np.int64]
    union: NDArray[np.int64]

    def iou(self) -> NDArray[np.float64]:
        """Return the accumulated IoU of each sample."""
        return _iou(self.true_positive.sum(axis=1), self.union.sum(axis=1))

    def mean_iou(self) -> NDArray[np.float64]:
        """Return the mean over images of each sample."""
        mean: NDArray[np.float64] = _iou(self.true_positive, self.union).mean(axis=1)
        return mean


def resample(images: Sequence[Confusion], config: ScoreConfig) -> ConfusionTable:
    """Draw ``bootstrap_samples`` samples of images with replacement.

    The draws depend on ``config.seed`` and the number of images only, so scores of two predictions
    of the same images are resampled alike, and their differences are paired.
    """
    draws = np.random.default_rng(config.seed).integers(
        0, len(images), size=(config.bootstrap_samples, len(images))
    )
    true_positive = np.array([image.true_positive for image in images], dtype=np.int64)
    union = true_positive + np.array(
        [image.false_positive + image.false_negative for image in images], dtype=np.int64
    )
    return ConfusionTable(true_positive[draws], union[draws])


def percentile_interval(values: NDArray[np.float64], config: ScoreConfig) -> tuple[float, float]:
    """Return the central interval that holds ``config.confidence`` of the values."""
    tail = (1 - config.confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _iou(true_positive: NDArray[np.int64], union: NDArray[np.int64]) -> NDArray[np.float64]:
    ones = np.ones(union.shape)
    return np.divide(true_positive, union, out=ones, where=union > 0)
