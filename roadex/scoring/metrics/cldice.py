"""clDice: how much of each side's centre line lies on the other side's road.

With S the skeleton and V the mask of prediction (P) and truth (L):
topology precision = |S_P and V_L| / |S_P|, topology sensitivity = |S_L and V_P| / |S_L|,
clDice = their harmonic mean. Skeletons are Zhang-Suen as in scikit-image.

The sums add up over tiles. A pass of the thinning looks two pixels far, so with a halo of 64 the
skeleton is that of the whole mask wherever a road is at most about 64 pixels wide.
Empty sides count as in :mod:`~roadex.scoring.metrics.precision_recall`.

References
----------
.. [1] S. Shit et al., "clDice - a novel topology-preserving loss function for tubular structure
   segmentation", CVPR 2021 (hard skeleton variant, as in the authors' program).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from roadex.config import ScoreConfig
from roadex.scoring.metrics.confusion import harmonic_mean, ratio
from roadex.scoring.metrics.sums import Sums
from roadex.scoring.metrics.windows import PixelWindow

NEEDS_PROBABILITY = False

HALO = 64
"""32 thinning passes, two pixels each."""


@dataclass(frozen=True, slots=True)
class ClDiceCounts(Sums):
    """Centre-line pixels of both sides, and how many lie on the other side's road."""

    n_predicted: int = 0
    n_predicted_on_road: int = 0
    n_true: int = 0
    n_true_on_road: int = 0

    def scores(self) -> dict[str, float]:
        """Return ``topology_precision``, ``topology_sensitivity`` and ``cldice`` in [0, 1]."""
        precision = ratio(
            self.n_predicted_on_road, self.n_predicted, nothing_wrong=self.n_true == 0
        )
        sensitivity = ratio(self.n_true_on_road, self.n_true, nothing_wrong=self.n_predicted == 0)
        return {
            "topology_precision": precision,
            "topology_sensitivity": sensitivity,
            "cldice": harmonic_mean(precision, sensitivity),
        }


def halo(_config: ScoreConfig) -> int:
    """Return the context a window needs, in pixels."""
    return HALO


def count(window: PixelWindow, _config: ScoreConfig) -> ClDiceCounts:
    """Count the core of a window."""
    core = window.core
    predicted = _skeleton(window.prediction)[core]
    true = _skeleton(window.truth)[core]
    return ClDiceCounts(
        int(np.count_nonzero(predicted)),
        int(np.count_nonzero(predicted & window.truth[core])),
        int(np.count_nonzero(true)),
        int(np.count_nonzero(true & window.prediction[core])),
    )


def _skeleton(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if not mask.any():
        return mask
    skeleton: NDArray[np.bool_] = skeletonize(mask)  # type: ignore[no-untyped-call]
    return skeleton
