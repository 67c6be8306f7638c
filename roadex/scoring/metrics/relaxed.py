"""Precision, recall and F1 with slack: a pixel may be a few pixels off.

Relaxed precision is the share of predicted road pixels within ``radius`` of a true road pixel;
relaxed recall is the share of true road pixels within ``radius`` of a predicted one. Distances are
Euclidean between pixel centres, so ``radius`` 3 reaches the 29 pixels with dx^2 + dy^2 <= 9.
The share is of road *pixels*, not of centre-line pixels. Empty sides count as in
:mod:`~roadex.scoring.metrics.precision_recall`.

References
----------
.. [1] V. Mnih and G. Hinton, "Learning to detect roads in high-resolution aerial images",
   ECCV 2010 (3 pixels at 1 m; breakeven point: :mod:`~roadex.scoring.metrics.relaxed_curve`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from roadex.config import ScoreConfig
from roadex.scoring.metrics.confusion import harmonic_mean, ratio
from roadex.scoring.metrics.sums import Sums
from roadex.scoring.metrics.windows import PixelWindow

NEEDS_PROBABILITY = False

Level = TypeVar("Level", np.bool_, np.uint8)


@dataclass(frozen=True, slots=True)
class RelaxedCounts(Sums):
    """Road pixels of both sides, and how many of them are near road of the other side."""

    n_predicted: int = 0
    n_predicted_near: int = 0
    n_true: int = 0
    n_true_near: int = 0

    def scores(self) -> dict[str, float]:
        """Return ``relaxed_precision``, ``relaxed_recall`` and ``relaxed_f1``, each in [0, 1]."""
        precision = ratio(self.n_predicted_near, self.n_predicted, nothing_wrong=self.n_true == 0)
        recall = ratio(self.n_true_near, self.n_true, nothing_wrong=self.n_predicted == 0)
        return {
            "relaxed_precision": precision,
            "relaxed_recall": recall,
            "relaxed_f1": harmonic_mean(precision, recall),
        }


def halo(config: ScoreConfig) -> int:
    """Return the context a window needs, in pixels: the slack."""
    return config.relaxed_radius_px


def count(window: PixelWindow, config: ScoreConfig) -> RelaxedCounts:
    """Count the core of a window."""
    core = window.core
    prediction, truth = window.prediction[core], window.truth[core]
    near_truth = dilate(window.truth, config.relaxed_radius_px)[core]
    near_prediction = dilate(window.prediction, config.relaxed_radius_px)[core]
    return RelaxedCounts(
        int(np.count_nonzero(prediction)),
        int(np.count_nonzero(prediction & near_truth)),
        int(np.count_nonzero(truth)),
        int(np.count_nonzero(truth & near_prediction)),
    )


def dilate(values: NDArray[Level], radius: int) -> NDArray[Level]:
    """Return the maximum over the disc of ``radius`` pixels around each pixel.

    Parameters
    ----------
    values
        Shape ``(H, W)``; outside it nothing is assumed.
    radius
        Pixels with dx^2 + dy^2 <= radius^2 belong to the disc.

    Returns
    -------
    dilated
        Shape ``(H, W)``, a new array.
    """
    # Strategy: the disc is a stack of horizontal runs. Widen the rows step by step from the
    # narrowest run (top and bottom of the disc) to the widest, and take each into its rows.
    result = values.copy()
    widened = values.copy()
    width = 0
    for dy in range(radius, -1, -1):
        for dx in range(width + 1, isqrt(radius * radius - dy * dy) + 1):
            np.maximum(widened[:, dx:], values[:, :-dx], out=widened[:, dx:])
            np.maximum(widened[:, :-dx], values[:, dx:], out=widened[:, :-dx])
            width = dx
        if dy < values.shape[0]:
            np.maximum(result[dy:], widened[: len(result) - dy], out=result[dy:])
            np.maximum(result[: len(result) - dy], widened[dy:], out=result[: len(result) - dy])
    return result
