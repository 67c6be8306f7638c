"""Errors in the number of pieces and of loops of a road mask.

b0 is the number of 8-connected components, b1 the number of holes in them (4-connected background
that is enclosed). Both are counted in windows of ``betti_window_px`` pixels; the scores are the
mean over windows of |b0(prediction) - b0(truth)| and |b1(prediction) - b1(truth)|. 0 is best.

Values depend on the window: state it with the score. Windows start at the corner of the core, the
last in each direction may be smaller. For the loops of a whole network see
:mod:`~roadex.scoring.metrics.cycles`.

References
----------
.. [1] X. Hu et al., "Topology-preserving deep image segmentation", NeurIPS 2019 (Betti error
   as the mean over patches).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from roadex.config import ScoreConfig
from roadex.scoring.metrics.sums import Sums
from roadex.scoring.metrics.windows import PixelWindow

NEEDS_PROBABILITY = False

EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True)
class BettiCounts(Sums):
    """Sums of errors over windows."""

    n_windows: int = 0
    b0_error: int = 0
    b1_error: int = 0

    def scores(self) -> dict[str, float]:
        """Return ``betti0_error`` and ``betti1_error``, means over windows, 0 is best."""
        n = max(self.n_windows, 1)
        return {"betti0_error": self.b0_error / n, "betti1_error": self.b1_error / n}


def halo(_config: ScoreConfig) -> int:
    """Return the context a window needs: none."""
    return 0


def count(window: PixelWindow, config: ScoreConfig) -> BettiCounts:
    """Count the core of a window."""
    prediction, truth = window.prediction[window.core], window.truth[window.core]
    size = config.betti_window_px
    total = BettiCounts()
    for row in range(0, truth.shape[0], size):
        for col in range(0, truth.shape[1], size):
            place = (slice(row, row + size), slice(col, col + size))
            b0, b1 = betti_numbers(prediction[place])
            true_b0, true_b1 = betti_numbers(truth[place])
            total += BettiCounts(1, abs(b0 - true_b0), abs(b1 - true_b1))
    return total


def betti_numbers(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the number of 8-connected components and of holes of a mask of shape ``(H, W)``."""
    if not mask.any():
        return 0, 0
    n_components = int(ndimage.label(mask, structure=EIGHT_NEIGHBOURS)[1])
    return n_components, n_components - _euler_number(mask)


def _euler_number(mask: NDArray[np.bool_]) -> int:
    """Return components minus holes, 8-connected, from the 2 x 2 cells (Gray 1971)."""
    padded = np.pad(mask, 1).view(np.uint8)
    nw, ne, sw, se = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    n_set = nw + ne + sw + se
    is_diagonal = (n_set == 2) & (nw == se)
    n_one, n_three = np.count_nonzero(n_set == 1), np.count_nonzero(n_set == 3)
    return int(n_one - n_three - 2 * np.count_nonzero(is_diagonal)) // 4
