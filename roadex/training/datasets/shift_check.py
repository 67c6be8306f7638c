"""Whether road labels lie on the roads of the image, as far as edges in the image tell.

A road is smooth and has its edges beside it. So the sum of edge strength beside the labels minus
that on the labels is highest where the labels fit. It is computed for all shifts up to
:data:`MAX_SHIFT_PX` at once, as a cross-correlation, and added up over many windows: one window
shows a shift across its roads only, and trees, shadows and roofs have edges too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from roadex.training.datasets.labelled import Chip

MAX_SHIFT_PX: Final = 16
"""Shifts looked for, in rows and columns."""

_BESIDE_PX: Final = 3
"""Width of the bands along both sides of the labels."""

_MIN_ROAD_SHARE: Final = 0.005
_MAX_ROAD_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Alignment:
    """How labels would fit best."""

    rows: int
    """Rows the labels should be moved down."""

    cols: int
    """Columns the labels should be moved to the right."""

    gain: float
    """How much better they fit there than where they are, in standard deviations of the fit over
    all shifts."""

    @property
    def distance_px(self) -> float:
        """Length of the shift."""
        return float(np.hypot(self.rows, self.cols))


class AlignmentSearch:
    """Gathers the fit of labels at every shift, window by window.

    The windows are of one source of labels, in which all are shifted alike if they are.
    """

    def __init__(self) -> None:
        side = 2 * MAX_SHIFT_PX + 1
        self._total = np.zeros((side, side))

    def add(self, chip: Chip) -> None:
        """Look at one more window; windows without roads, or nearly all road, tell nothing."""
        fit = _fit_by_shift(chip)
        if fit is not None:
            self._total += fit

    def best(self) -> Alignment | None:
        """Return the shift at which labels fit edges best, or None where nothing was to go by."""
        deviation = float(self._total.std())
        if deviation == 0:
            return None
        row, col = np.unravel_index(int(self._total.argmax()), self._total.shape)
        gain = float(self._total[row, col] - self._total[MAX_SHIFT_PX, MAX_SHIFT_PX]) / deviation
        return Alignment(int(row) - MAX_SHIFT_PX, int(col) - MAX_SHIFT_PX, gain)


def _fit_by_shift(chip: Chip) -> NDArray[np.float64] | None:
    """Return the fit for each shift, shape ``(2 * MAX_SHIFT_PX + 1,) * 2``; in the middle: none."""
    road = chip.road & chip.valid
    usable = min(road.shape) > 4 * MAX_SHIFT_PX
    if not usable or not _MIN_ROAD_SHARE < road.mean() < _MAX_ROAD_SHARE:
        return None
    beside = ndimage.binary_dilation(road, iterations=_BESIDE_PX) & ~road
    inner = (slice(MAX_SHIFT_PX, -MAX_SHIFT_PX),) * 2
    if not (road[inner].any() and beside[inner].any()):
        return None
    wanted = beside[inner] / beside[inner].sum() - road[inner] / road[inner].sum()
    return np.asarray(signal.correlate(_edges(chip), wanted, mode="valid", method="fft"))


def _edges(chip: Chip) -> NDArray[np.float64]:
    """Return the strength of edges relative to that around; 0 on average, also without imagery."""
    grey = ndimage.gaussian_filter(chip.image.mean(axis=0, dtype=np.float64), 1)
    strength = np.hypot(ndimage.sobel(grey, 0), ndimage.sobel(grey, 1))
    inside = ndimage.binary_erosion(chip.valid, iterations=3, border_value=1)
    if not inside.any():
        return np.zeros(strength.shape)
    spread = float(strength[inside].std())
    centred = np.where(inside, strength - strength[inside].mean(), 0)
    return np.asarray(centred / spread if spread > 0 else centred)
