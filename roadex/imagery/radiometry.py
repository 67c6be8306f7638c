"""How the stored values of a scene become the 0-255 that networks take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

_SAMPLE_GRID, _SAMPLE_SIZE = 8, 256
STRETCH_PERCENTILES = (1.0, 99.0)
"""Of the values of a band: between them a scene that is not of 8 bits is stretched."""

_DARK_MEDIAN = 75.0
"""Scenes with a median brightness below this are brightened to it.

Imagery that models learn from has medians of 80 to 180. Brightening a dark satellite scene (Vegas,
median 27) to 60, 85, 110 or 135 raised the completeness of its network from 0.36 to 0.61, 0.71,
0.73 or 0.72 (first `roadex-light`), and nothing changes for scenes of usual brightness.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiometry:
    """How stored values become the 0-255 that networks take."""

    low: tuple[float, ...]
    """Per band: the stored value that becomes 0."""

    high: tuple[float, ...]
    """Per band: the stored value that becomes 255."""

    fill: tuple[float, ...]
    """Per band: mean of valid pixels (0-255), put where there is no imagery."""

    gamma: float = 1.0
    """Exponent on the values from 0 to 1 after that, the same for all bands; below 1 brightens."""

    @property
    def _keeps_values(self) -> bool:
        """Whether 0-255 stay what they are."""
        return self.gamma == 1 and not any(self.low) and set(self.high) == {255.0}

    def apply(self, stored: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return ``(C, h, w)`` in [0, 255], filled where ``valid`` (``(h, w)``) is False."""
        low, high, fill = (
            np.asarray(values, dtype=np.float32)[:, None, None]
            for values in (self.low, self.high, self.fill)
        )
        if stored.dtype == np.uint8 and self._keeps_values:
            image = stored.astype(np.float32)
            return image if valid.all() else np.where(valid, image, fill)
        if stored.dtype.kind == "f":  # what is no imagery may be as large as a number can be
            stored = np.where(valid, stored, 0)
        with np.errstate(over="ignore"):  # beyond all numbers is above 255 as well
            scaled = np.clip((stored.astype(np.float32) - low) * (255 / (high - low)), 0, 255)
        if self.gamma != 1:
            scaled = 255 * (scaled / 255) ** np.float32(self.gamma)
        return np.where(valid, scaled, fill)


def sample_windows(shape: tuple[int, int]) -> list[Window]:
    """Return up to 64 windows on a regular grid over a scene of ``shape``."""
    return [
        Window(col, row, min(_SAMPLE_SIZE, shape[1] - col), min(_SAMPLE_SIZE, shape[0] - row))
        for row in _sample_starts(shape[0])
        for col in _sample_starts(shape[1])
    ]


def thinned(pixels: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return one of seven valid values ``(C, n)`` of a window ``(C, h, w)``."""
    return pixels.reshape(len(pixels), -1)[:, np.flatnonzero(valid)[::7]].astype(np.float64)


def measure_radiometry(
    values: NDArray[np.float64], dtype: str, stretch: Sequence[tuple[float, float]] = ()
) -> tuple[Radiometry, tuple[str, ...]]:
    """Choose how the values of a scene become those a network takes, from a sample of them.

    8-bit values stay as they are. All others are stretched linearly between two percentiles per
    band, and dark scenes are brightened: 11-bit and reflectance imagery then looks to the network
    like what it was trained on.

    Parameters
    ----------
    values
        Shape ``(C, n)``, valid pixels only.
    dtype
        Data type of the files.
    stretch
        Per band: what (0-255) the two percentiles become; empty is 0 and 255.

    Returns
    -------
    radiometry, notes
        What to do with the values, and what the user should know about it.
    """
    n_bands = len(values)
    notes: tuple[str, ...] = ()
    low, high = (0.0,) * n_bands, (255.0,) * n_bands
    if values.shape[1] == 0:
        return Radiometry(low=low, high=high, fill=(0.0,) * n_bands), ()
    if dtype != "uint8":
        bounds = np.percentile(values, STRETCH_PERCENTILES, axis=1)
        low = tuple(float(v) for v in bounds[0])
        high = tuple(float(max(b, a + 1e-6 * max(1.0, abs(a)))) for a, b in bounds.T)
        ranges = ", ".join(f"{a:g}-{b:g}" for a, b in zip(low, high, strict=True))
        low, high = _extended(low, high, stretch) if stretch else (low, high)
        stretched = f"{dtype} values were stretched to 8 bits from {ranges}"
        notes += (f"{stretched} (1st to 99th percentile)",)
    linear = Radiometry(low=low, high=high, fill=(0.0,) * n_bands)
    seen = np.ones((1, values.shape[1]), dtype=bool)
    image = linear.apply(values[:, None], seen)
    gamma = _brightening(image.mean(axis=0))
    bright = replace(linear, gamma=gamma)
    if gamma != 1:
        notes += (f"the scene is dark; it was brightened with gamma {gamma:g}",)
        image = bright.apply(values[:, None], seen)
    fill = image.mean(axis=(1, 2), dtype=np.float64)
    return replace(bright, fill=tuple(float(v) for v in fill)), notes


def _extended(
    low: tuple[float, ...], high: tuple[float, ...], stretch: Sequence[tuple[float, float]]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return what becomes 0 and 255 if ``low`` and ``high`` become the values of ``stretch``."""
    per_unit = [
        (b - a) / (to - start) for a, b, (start, to) in zip(low, high, stretch, strict=True)
    ]
    zero = [a - unit * start for a, unit, (start, _) in zip(low, per_unit, stretch, strict=True)]
    return tuple(zero), tuple(z + 255 * unit for z, unit in zip(zero, per_unit, strict=True))


def _brightening(brightness: NDArray[np.float32]) -> float:
    """Return the exponent that lifts the median of 0-255 values to ``_DARK_MEDIAN``, at most 1."""
    median = min(max(float(np.median(brightness)), 1.0), 254.0)
    return round(min(1.0, math.log(_DARK_MEDIAN / 255) / math.log(median / 255)), 3)


def _sample_starts(size: int) -> list[int]:
    last = max(0, size - _SAMPLE_SIZE)
    return sorted({round(i * last / (_SAMPLE_GRID - 1)) for i in range(_SAMPLE_GRID)})
