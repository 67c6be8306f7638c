"""How often each stored probability occurs in a scene, from a sample of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.probability.source import ProbabilitySource

_WINDOW_PX: Final = 512
_MOST_WINDOWS: Final = 64


def sampled_levels(source: ProbabilitySource) -> NDArray[np.int64]:
    """Return the number of pixels of each value 0..254, shape ``(255,)``.

    Of a large scene 64 windows of 512 x 512 pixels are read, evenly spread.
    """
    levels = np.zeros(PROBABILITY_MAX + 1, dtype=np.int64)
    for window in _windows(source):
        levels += np.bincount(window[window != NODATA], minlength=PROBABILITY_MAX + 1)
    return levels


def _windows(source: ProbabilitySource) -> Iterator[NDArray[np.uint8]]:
    """Yield windows of a grid over the scene, every n-th of them where there are many."""
    height, width = source.shape
    corners = [
        (row, col) for row in range(0, height, _WINDOW_PX) for col in range(0, width, _WINDOW_PX)
    ]
    chosen = np.linspace(0, len(corners) - 1, min(len(corners), _MOST_WINDOWS)).round().astype(int)
    for row, col in (corners[i] for i in chosen):
        yield source.read(row, col, min(_WINDOW_PX, height - row), min(_WINDOW_PX, width - col))
