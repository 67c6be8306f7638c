"""Precision, recall and F1 of road pixels, without slack.

Precision = TP / (TP + FP), recall = TP / (TP + FN), F1 = their harmonic mean. Where neither side
has road all three are 1; where only one side has, all are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from roadex.config import ScoreConfig
from roadex.scoring.metrics.confusion import Confusion
from roadex.scoring.metrics.sums import Sums
from roadex.scoring.metrics.windows import PixelWindow

NEEDS_PROBABILITY = False


@dataclass(frozen=True, slots=True)
class PrecisionRecallCounts(Sums):
    """Pixels right and wrong."""

    confusion: Confusion

    def scores(self) -> dict[str, float]:
        """Return ``precision``, ``recall`` and ``f1``, each in [0, 1]."""
        pixels = self.confusion
        return {"precision": pixels.precision, "recall": pixels.recall, "f1": pixels.f1}


def halo(_config: ScoreConfig) -> int:
    """Return the context a window needs: none."""
    return 0


def count(window: PixelWindow, _config: ScoreConfig) -> PrecisionRecallCounts:
    """Count the core of a window."""
    return PrecisionRecallCounts(Confusion.of_window(window))
