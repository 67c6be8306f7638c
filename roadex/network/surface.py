"""Whether a road is paved, from its colour, its brightness in the scene and its width.

A logistic model of three things. ``benchmarks/surface.py`` fitted it on the edges that
``roadex-light`` finds along roads drawn by hand, and measures it in places left out. Further things
tried (colour of the land beside the road and of the scene, greenness, texture along and across the
road, length, only its brighter parts) told places left out no better.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FEATURES: Final = ("redness", "brightness", "log_width")
"""Of an edge: medians of :func:`redness` and of the brightness along it, the latter in standard
deviations from the mean of the scene, and the natural logarithm of the width in metres."""

CONSTANT: Final = 3.9568
WEIGHTS: Final = (38.1726, 0.4865, -3.21)
"""Of :data:`FEATURES`."""

PAVED, UNPAVED = "paved", "unpaved"

SURE: Final = 0.65
"""Probability from which an edge is called unpaved; paved below 1 minus this. Between them nothing
is said."""

_WIDTHS_M: Final = (2.0, 20.0)
"""Widths beyond these say no more."""

_DARK: Final = 30.0
"""Added to the sum of the bands, so that the noise of dark pixels is no colour."""

_LEAST_SPREAD: Final = 5.0
"""Added to the standard deviation of the brightness, so that the noise of a scene in which all is
alike is no contrast."""


def redness(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much redder than blue pixels are, in [-1, 1]: earth is, asphalt hardly.

    Parameters
    ----------
    pixels
        Shape ``(3, n)``: red, green and blue in [0, 255].
    """
    red, _, blue = pixels
    share: NDArray[np.float64] = (red - blue) / (pixels.sum(axis=0) + _DARK)
    return share


def surface_features(
    redness: NDArray[np.float64],
    brightness: NDArray[np.float64],
    width_m: NDArray[np.float64],
    *,
    mean: float,
    deviation: float,
) -> NDArray[np.float64]:
    """Return :data:`FEATURES` of every edge, shape ``(n, 3)``; NaN where something is unknown.

    Parameters
    ----------
    redness, brightness
        Medians along each edge, shape ``(n,)``; brightness is the mean of the bands, in [0, 255].
    width_m
        Width of each edge.
    mean, deviation
        Of the brightness of the scene.
    """
    return np.stack(
        [
            redness,
            (brightness - mean) / (deviation + _LEAST_SPREAD),
            np.log(np.clip(width_m, *_WIDTHS_M)),
        ],
        axis=1,
    )


def unpaved_probability(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability that each edge is unpaved, in [0, 1]; NaN where nothing is known.

    It is that of a place with as many paved as unpaved roads.
    """
    probability: NDArray[np.float64] = 1 / (1 + np.exp(-CONSTANT - features @ np.array(WEIGHTS)))
    return probability


def surface_of(probability: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return ``paved``, ``unpaved``, or None where the probability of unpaved does not decide."""
    surface = np.full(len(probability), None, dtype=object)
    surface[probability >= SURE] = UNPAVED
    surface[probability <= 1 - SURE] = PAVED
    return surface
