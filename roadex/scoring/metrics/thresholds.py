"""IoU, precision and recall at every threshold, from one pass over the probability.

Thresholds are the 255 stored levels: at threshold i / 254 a pixel is road where its probability,
rounded to steps of 1/254, is at least i / 254. ``average_precision`` is the area under the
precision-recall curve as the sum of (R_i - R_{i+1}) P_i over falling thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from roadex.config import PROBABILITY_MAX, ScoreConfig
from roadex.scoring.metrics.sums import Sums
from roadex.scoring.metrics.windows import PixelWindow

NEEDS_PROBABILITY = True

N_LEVELS = PROBABILITY_MAX + 1


@dataclass(frozen=True, slots=True, eq=False)
class LevelCounts(Sums):
    """Pixels by level 0..254 = probability x 254, apart for road and background."""

    road: NDArray[np.int64]
    """Shape ``(255,)``."""

    background: NDArray[np.int64]
    """Shape ``(255,)``."""

    @classmethod
    def none(cls) -> Self:
        """Return counts of no pixels."""
        return cls(np.zeros(N_LEVELS, np.int64), np.zeros(N_LEVELS, np.int64))

    @classmethod
    def of(
        cls,
        level: NDArray[np.uint8],
        truth: NDArray[np.bool_],
        valid: NDArray[np.bool_],
    ) -> Self:
        """Count arrays of one shape, where ``valid`` is True."""
        # One bincount of level + 256 * truth is twice as fast as two boolean selections.
        joint = level.astype(np.uint16) + (truth.astype(np.uint16) << 8)
        pixels = joint.ravel() if valid.all() else joint[valid]
        histogram = np.bincount(pixels, minlength=512).astype(np.int64)
        return cls(histogram[256 : 256 + N_LEVELS], histogram[:N_LEVELS])

    def curve(self) -> ThresholdCurve:
        """Return the scores at every threshold."""
        found = self.road[::-1].cumsum()[::-1].astype(np.float64)
        false = self.background[::-1].cumsum()[::-1].astype(np.float64)
        n_road = found[0]
        union = n_road + false
        ones = np.ones(N_LEVELS)
        return ThresholdCurve(
            threshold=np.arange(N_LEVELS) / PROBABILITY_MAX,
            iou=np.divide(found, union, out=ones.copy(), where=union > 0),
            precision=np.divide(found, found + false, out=ones.copy(), where=found + false > 0),
            recall=found / n_road if n_road else ones,
        )

    def scores(self) -> dict[str, float]:
        """Return ``best_iou``, ``best_iou_threshold`` and ``average_precision``."""
        curve = self.curve()
        best = int(curve.iou.argmax())
        steps = curve.recall - np.append(curve.recall[1:], 0.0)
        has_road = bool(self.road.any())
        return {
            "best_iou": float(curve.iou[best]),
            "best_iou_threshold": float(curve.threshold[best]),
            "average_precision": float((steps * curve.precision).sum()) if has_road else 1.0,
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ThresholdCurve:
    """Scores by threshold, arrays of shape ``(255,)``, thresholds rising from 0 to 1.

    Where nothing is predicted precision is 1; where there is no road recall is 1.
    """

    threshold: NDArray[np.float64]
    iou: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]


def halo(_config: ScoreConfig) -> int:
    """Return the context a window needs: none."""
    return 0


def count(window: PixelWindow, _config: ScoreConfig) -> LevelCounts:
    """Count the core of a window that has probability.

    Raises
    ------
    ValueError
        If the window has none.
    """
    if window.level is None:
        msg = "a threshold sweep needs probability, but this is a mask"
        raise ValueError(msg)
    core = window.core
    return LevelCounts.of(window.level[core], window.truth[core], window.valid[core])
