"""Whether a probability means what it says.

Pixels are put into bins of equal width by their probability p. In bin k, ``confidence`` is the mean
p and ``road_share`` the share of true road; the reliability curve is one against the other.

- ECE (expected calibration error) = sum over bins of n_k / N |road_share_k - confidence_k|;
- Brier score = mean of (p - road)^2.

Probabilities are whole steps of 1/254. No pixels at all give 0 for both.

References
----------
.. [1] C. Guo et al., "On calibration of modern neural networks", ICML 2017 (ECE).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from roadex.config import PROBABILITY_MAX, ScoreConfig
from roadex.scoring.metrics import thresholds
from roadex.scoring.metrics.thresholds import N_LEVELS, LevelCounts
from roadex.scoring.metrics.windows import PixelWindow

NEEDS_PROBABILITY = True


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationCounts:
    """Pixels by level, and the number of bins of the reliability curve."""

    levels: LevelCounts
    n_bins: int

    def __add__(self, other: Self) -> Self:
        return type(self)(self.levels + other.levels, self.n_bins)

    def reliability(self) -> ReliabilityCurve:
        """Return the reliability curve over the bins that hold pixels."""
        p = np.arange(N_LEVELS) / PROBABILITY_MAX
        bins = np.minimum((p * self.n_bins).astype(np.int64), self.n_bins - 1)
        pixels = self.levels.road + self.levels.background
        n, n_road, sum_p = (
            np.bincount(bins, weights=weights, minlength=self.n_bins)
            for weights in (pixels, self.levels.road, pixels * p)
        )
        held = n > 0
        return ReliabilityCurve(
            n_pixels=n[held].astype(np.int64),
            confidence=sum_p[held] / n[held],
            road_share=n_road[held] / n[held],
        )

    def scores(self) -> dict[str, float]:
        """Return ``ece`` and ``brier``, each in [0, 1], 0 is best."""
        curve = self.reliability()
        total = max(int(curve.n_pixels.sum()), 1)
        gap = np.abs(curve.road_share - curve.confidence)
        p = np.arange(N_LEVELS) / PROBABILITY_MAX
        squares = self.levels.road * (1 - p) ** 2 + self.levels.background * p**2
        return {
            "ece": float((curve.n_pixels * gap).sum() / total),
            "brier": float(squares.sum() / total),
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReliabilityCurve:
    """Arrays with one entry per bin that holds pixels, by rising probability."""

    n_pixels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    road_share: NDArray[np.float64]


def halo(_config: ScoreConfig) -> int:
    """Return the context a window needs: none."""
    return 0


def count(window: PixelWindow, config: ScoreConfig) -> CalibrationCounts:
    """Count the core of a window that has probability; ``ValueError`` if it has none."""
    return CalibrationCounts(thresholds.count(window, config), config.calibration_bins)
