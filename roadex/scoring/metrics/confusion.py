"""Counts of right and wrong pixels, which add up over windows, tiles, images and batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from roadex.scoring.metrics.sums import Sums
from roadex.scoring.metrics.windows import PixelWindow


@dataclass(frozen=True, slots=True)
class Confusion(Sums):
    """The 2 x 2 table of road and background pixels."""

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0
    true_negative: int = 0

    @classmethod
    def of(
        cls,
        prediction: NDArray[np.bool_],
        truth: NDArray[np.bool_],
        valid: NDArray[np.bool_] | None = None,
    ) -> Self:
        """Count two masks of one shape (any shape; True is road), where ``valid`` is True."""
        if valid is not None:
            prediction, truth = prediction & valid, truth & valid
        n_pixels = truth.size if valid is None else int(np.count_nonzero(valid))
        n_both = int(np.count_nonzero(prediction & truth))
        n_predicted, n_true = int(np.count_nonzero(prediction)), int(np.count_nonzero(truth))
        return cls(
            n_both, n_predicted - n_both, n_true - n_both, n_pixels - n_predicted - n_true + n_both
        )

    @classmethod
    def of_window(cls, window: PixelWindow) -> Self:
        """Count the core of a window."""
        core = window.core
        return cls.of(window.prediction[core], window.truth[core], window.valid[core])

    @property
    def n_pixels(self) -> int:
        """Pixels counted."""
        return (
            self.true_positive + self.false_positive + self.false_negative + self.true_negative
        )  # fmt: skip

    @property
    def iou(self) -> float:
        """Road IoU, TP / (TP + FP + FN); 1 where neither side has road."""
        wrong = self.false_positive + self.false_negative
        return ratio(self.true_positive, self.true_positive + wrong, nothing_wrong=wrong == 0)

    @property
    def precision(self) -> float:
        """TP / (TP + FP); where nothing is predicted 1 if there is no road, else 0."""
        return ratio(
            self.true_positive,
            self.true_positive + self.false_positive,
            nothing_wrong=self.false_negative == 0,
        )

    @property
    def recall(self) -> float:
        """TP / (TP + FN); where there is no road 1 if nothing is predicted, else 0."""
        return ratio(
            self.true_positive,
            self.true_positive + self.false_negative,
            nothing_wrong=self.false_positive == 0,
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN) = 2 IoU / (1 + IoU)."""
        return harmonic_mean(self.precision, self.recall)


def ratio(part: float, whole: float, *, nothing_wrong: bool) -> float:
    """Return ``part / whole``; where ``whole`` is 0, 1 if nothing is wrong and 0 otherwise."""
    if whole > 0:
        return part / whole
    return 1.0 if nothing_wrong else 0.0


def harmonic_mean(a: float, b: float) -> float:
    """Return 2 a b / (a + b), and 0 where both are 0."""
    return 2 * a * b / (a + b) if a + b > 0 else 0.0
