"""What a pixel metric is given: a window of both sides on one grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadex.config import PROBABILITY_MAX


class PixelWindow(NamedTuple):
    """A core and its context; arrays of one shape ``(H, W)``.

    Pixels that are not valid are road on neither side, and are not counted.
    """

    prediction: NDArray[np.bool_]
    """True is road; False where not valid."""

    truth: NDArray[np.bool_]
    """True is road; False where not valid."""

    valid: NDArray[np.bool_]
    """True where both sides have data."""

    core: tuple[slice, slice]
    """Rows and columns that are counted; what lies around them is context."""

    level: NDArray[np.uint8] | None = None
    """Probability times 254, rounded, where the prediction is a probability; 0 where not valid."""


def whole_window(
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    *,
    valid: NDArray[np.bool_] | None = None,
    probability: NDArray[np.float32] | None = None,
) -> PixelWindow:
    """Return two whole masks as one window that is all core.

    Parameters
    ----------
    prediction, truth
        Shape ``(H, W)``; True is road.
    valid
        Shape ``(H, W)``; everything if None.
    probability
        Shape ``(H, W)``, in [0, 1], where the prediction has one.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    valid = np.ones(truth.shape, dtype=bool) if valid is None else valid
    for name, array in (("prediction", prediction), ("valid", valid)):
        if array.shape != truth.shape:
            msg = f"{name} has shape {array.shape}, the truth {truth.shape}"
            raise ValueError(msg)
    level = None if probability is None else np.where(valid, to_level(probability), np.uint8(0))
    return PixelWindow(
        prediction & valid, truth & valid, valid, (slice(None), slice(None)), level
    )  # fmt: skip


def to_level(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return probability in [0, 1] as whole steps of 1/254, as it is stored in files."""
    level: NDArray[np.uint8] = np.rint(probability * PROBABILITY_MAX).astype(np.uint8)
    return level


def road_level(threshold: float) -> int:
    """Return the lowest level that counts as road: ``level / 254 >= threshold``."""
    return int(np.ceil(threshold * PROBABILITY_MAX - 1e-9))
