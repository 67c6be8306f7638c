"""Relaxed precision and recall at every threshold, and the point where they are equal.

One pass gives all thresholds: at threshold t the pixels predicted near true road are those with
p >= t within the slack of true road, and a true pixel is found where the highest p within its slack
is at least t. So two histograms per side hold the whole curve.

The break-even point is where relaxed precision and recall cross, interpolated between the two
thresholds on either side; where they do not cross, the lower of the two at the threshold where they
are closest. Thresholds are whole steps of 1/254.

References
----------
.. [1] V. Mnih and G. Hinton, ECCV 2010 (relaxed precision-recall breakeven).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadex.config import PROBABILITY_MAX, ScoreConfig
from roadex.scoring.metrics.relaxed import dilate
from roadex.scoring.metrics.sums import Sums
from roadex.scoring.metrics.windows import PixelWindow

NEEDS_PROBABILITY = True


@dataclass(frozen=True, slots=True, eq=False)
class RelaxedCurveCounts(Sums):
    """Histograms over the level 0..254 = probability x 254, each of shape ``(255,)``."""

    predicted: NDArray[np.int64]
    """All valid pixels, by their level."""

    predicted_near: NDArray[np.int64]
    """The pixels within the slack of true road, by their level."""

    found: NDArray[np.int64]
    """The true road pixels, by the highest level within their slack."""

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return thresholds 1/254 to 1, relaxed precision and relaxed recall, shape ``(254,)``.

        Where nothing is predicted any more the precision is 1; without true road recall is 1.
        """
        predicted, near, found = (
            histogram[::-1].cumsum()[::-1].astype(np.float64)
            for histogram in (self.predicted, self.predicted_near, self.found)
        )
        precision = np.divide(near, predicted, out=np.ones_like(near), where=predicted > 0)
        recall = found / found[0] if found[0] else np.ones_like(found)
        thresholds = np.arange(1, PROBABILITY_MAX + 1) / PROBABILITY_MAX
        return thresholds, precision[1:], recall[1:]

    def scores(self) -> dict[str, float]:
        """Return ``relaxed_break_even`` in [0, 1] and its ``relaxed_break_even_threshold``."""
        thresholds, precision, recall = self.curve()
        # Thresholds are asked for only up to the last one at which something is predicted: beyond
        # it the precision is a convention, and a crossing there would be one as well.
        is_used = np.cumsum(self.predicted[:0:-1])[::-1] > 0
        gap = (precision - recall)[is_used]
        crossing = np.flatnonzero((gap[:-1] <= 0) & (gap[1:] >= 0))
        if not len(gap):
            nothing_to_find = not self.found.sum()
            value, threshold = float(nothing_to_find), thresholds[0]
        elif not len(crossing):
            nearest = int(np.abs(gap).argmin())
            value, threshold = min(precision[nearest], recall[nearest]), thresholds[nearest]
        else:
            i = int(crossing[0])
            step = gap[i + 1] - gap[i]
            share = -gap[i] / step if step > 0 else 0.0
            value = recall[i] + share * (recall[i + 1] - recall[i])
            threshold = thresholds[i] + share / PROBABILITY_MAX
        return {
            "relaxed_break_even": float(value),
            "relaxed_break_even_threshold": float(threshold),
        }


def halo(config: ScoreConfig) -> int:
    """Return the context a window needs, in pixels: the slack."""
    return config.relaxed_radius_px


def count(window: PixelWindow, config: ScoreConfig) -> RelaxedCurveCounts:
    """Count the core of a window that has probability.

    Raises
    ------
    ValueError
        If the window has none.
    """
    if window.level is None:
        msg = "a relaxed curve needs probability, but this is a mask"
        raise ValueError(msg)
    core = window.core
    level = window.level[core]
    near_truth = dilate(window.truth, config.relaxed_radius_px)[core] & window.valid[core]
    highest = dilate(window.level, config.relaxed_radius_px)[core]
    return RelaxedCurveCounts(
        _histogram(level[window.valid[core]]),
        _histogram(level[near_truth]),
        _histogram(highest[window.truth[core]]),
    )


def _histogram(level: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.bincount(level, minlength=PROBABILITY_MAX + 1).astype(np.int64)
