"""How much of the roads of a scene is found, told from its probability alone.

Where a network knows the kind of road, nearly all probability lies on pixels above the threshold;
where it does not, much is spread thinly below. The share above, found / all, tells how complete the
network will be; how it does was fitted on the validation places of roadex-light and measured on
sets left out, see ``benchmarks/confidence.py``.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.config import PROBABILITY_MAX
from roadex.probability.histogram import sampled_levels
from roadex.probability.source import ProbabilitySource

CONSTANT: Final = -2.0307
WEIGHT: Final = 1.5983
"""Logistic model of completeness by the logarithm of the odds of the share found."""

FAMILIAR: Final = 0.65
"""Completeness below which a place is said to be strange to the model. Of the 124 validation images
of roadex-light 21 are below it; 0.47 of their roads were found, and 0.86 of those of the others."""

_LEAST_PX: Final = 500
"""Pixels' worth of probability without which nothing can be told: a road of 60 m at 0.8 m."""


def expected_completeness(source: ProbabilitySource, threshold: float) -> float | None:
    """Return the share of the roads of a scene to expect in its network, in [0, 1].

    Parameters
    ----------
    source
        Road probability; of a large scene a sample is read.
    threshold
        What is road, in [0, 1]: the high threshold.

    Returns
    -------
    completeness
        None where there is too little that looks like road to tell.
    """
    mass = sampled_levels(source) * np.arange(PROBABILITY_MAX + 1) / PROBABILITY_MAX
    if mass.sum() < _LEAST_PX:
        return None
    return completeness_of(share_found(mass, threshold))


def share_found(mass: NDArray[np.float64], threshold: float) -> float:
    """Return the share of the probability that lies on pixels of at least ``threshold``.

    ``mass``, shape ``(255,)``, is the sum of probability over the pixels of each stored value.
    """
    first = int(np.ceil(threshold * PROBABILITY_MAX - 1e-9))
    return float(mass[first:].sum() / mass.sum())


def completeness_of(share: float) -> float:
    """Return the completeness to expect where a share of the probability is found."""
    share = float(np.clip(share, 0.02, 0.98))
    return float(1 / (1 + np.exp(-CONSTANT - WEIGHT * np.log(share / (1 - share)))))
