"""Where a scene shows imagery: decided here, once, from everything that says or shows it.

A pixel is imagery unless its file's mask or alpha band says no, a value is not finite, no source
of a virtual raster covers it, or it has a *fill*: a declared nodata value, or a value that stands
for nothing and was found. Whether alpha is 0 to 1 or 0 to 65535 does not matter.

A fill can be a colour, too: white roads in a scene with nodata 255, shadows in one with a black
collar. Then only wide areas of it are without imagery, wider than any road; what lies outside of
the scene counts as fill, so that a collar may be narrow. Compressed with loss, a collar of 0 is
smeared: values near it that touch it belong to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its parts are imported when they are used
from numpy.typing import NDArray

WIDE_M = 20.0
"""Narrowest area of a fill that is no road, where the fill is a colour too."""

_WIDE_RANGE_PX = (4, 64)
"""Least and most of half that width in pixels."""

SMEARED_PX = 16
"""How far from its edge lossy compression moves a fill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A value of pixels without imagery."""

    values: tuple[float | None, ...]
    """Per band of the scene; None is any."""

    is_colour: bool = False
    """Whether imagery has the value too; then only wide areas of it count."""

    tolerance: float = 0.0
    """How far compression moved it."""

    is_declared: bool = True

    def matches(self, pixels: NDArray[np.generic]) -> NDArray[np.bool_]:
        """Return where all bands of ``(C, h, w)`` have the value exactly."""
        found = np.ones(pixels.shape[1:], dtype=bool)
        for band, value in zip(pixels, self.values, strict=True):
            if value is not None:  # in the type of the band: -3.4e38 as float64 is no float32
                found &= band == as_stored(value, band.dtype)
        return found

    def resembles(self, pixels: NDArray[np.generic]) -> NDArray[np.bool_]:
        """Return where pixels have the value, or one that compression may have made of it."""
        if not self.tolerance:
            return self.matches(pixels)
        # JPEG keeps brightness better than colour: it is the mean of the bands that counts.
        moved = np.zeros(pixels.shape[1:])
        for band, value in zip(pixels, self.values, strict=True):
            moved += np.abs(band.astype(np.float64) - value) if value is not None else 0
        n_bands = sum(value is not None for value in self.values)
        return np.asarray(moved <= self.tolerance * n_bands)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """How it is decided which pixels of a scene are imagery."""

    fills: tuple[Fill, ...] = ()
    alpha: int | None = None
    """Band of the files that says how opaque a pixel is."""

    opaque_from: float = 128.0
    """Alpha from which on a pixel is imagery: half of opaque."""

    half_width: int = 8
    """Half of the narrowest wide area in pixels."""

    @property
    def margin(self) -> int:
        """Pixels around a window that its validity depends on."""
        wide = [fill for fill in self.fills if fill.is_colour or fill.tolerance]
        return max((2 * self.half_width + _reach(fill) for fill in wide), default=0)

    def of(self, part: Sampled) -> NDArray[np.bool_]:
        """Return where a window shows imagery; its outer :attr:`margin` is not final."""
        seen = part.seen
        if self.alpha is not None and part.alpha is not None:
            seen = seen & self.opaque(part.alpha)
        return seen & ~self.filled(part.pixels, outside=part.outside)

    def opaque(self, alpha: NDArray[np.generic]) -> NDArray[np.bool_]:
        """Return where a band of alpha says that there is imagery."""
        return np.asarray(np.greater_equal(alpha, self.opaque_from))

    def filled(
        self, pixels: NDArray[np.generic], *, outside: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return where pixels have a fill and are therefore no imagery.

        Parameters
        ----------
        pixels
            Shape ``(C, h, w)``; the outer :attr:`margin` of the result is not final.
        outside
            Shape ``(h, w)``; True where there is no scene, or none for another reason.
        """
        result = np.zeros(outside.shape, dtype=bool)
        for fill in self.fills:
            exact = fill.resembles(pixels)
            if fill.is_colour or fill.tolerance:
                exact = wide_areas(exact, outside, self.half_width, _reach(fill))
            result |= exact
        return result


@dataclass(frozen=True, slots=True)
class Sampled:
    """A window of a scene that was looked at."""

    pixels: NDArray[np.generic]
    """Shape ``(C, h, w)``."""

    seen: NDArray[np.bool_]
    """Where the files themselves, but for fills and alpha, say that there is imagery."""

    alpha: NDArray[np.generic] | None
    """The band of alpha, or one that may be it."""

    outside: NDArray[np.bool_]
    """Shape ``(h, w)``: True beyond the edge of the scene, and where no file covers it."""


def half_width(gsd_m: float) -> int:
    """Return half of the narrowest wide area of a fill, in pixels of ``gsd_m`` metres."""
    low, high = _WIDE_RANGE_PX
    return int(np.clip(np.ceil(WIDE_M / 2 / gsd_m), low, high))


def as_stored(value: float, dtype: np.dtype[Any]) -> float:
    """Return what is left of a number where it is stored in a type of floating point."""
    if dtype == np.float32:
        return float(np.float32(np.clip(value, *type_limits(dtype))))
    return value


def type_limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the least and the largest number of a type."""
    limits: Any = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    return float(limits.min), float(limits.max)


def _reach(fill: Fill) -> int:
    return SMEARED_PX if fill.tolerance else 0


def wide_areas(
    fill: NDArray[np.bool_], outside: NDArray[np.bool_], half: int, reach: int
) -> NDArray[np.bool_]:
    """Return the parts of a fill that, with what is outside, hold a square of ``2 half + 1``."""
    if not fill.any():
        return fill
    area = (fill | outside).astype(np.uint8)
    size = 2 * half + 1
    core = scipy.ndimage.minimum_filter(area, size, mode="nearest")
    wide: NDArray[np.bool_] = scipy.ndimage.maximum_filter(core, size, mode="nearest") > 0
    wide = wide & fill
    if reach:
        grown = scipy.ndimage.binary_dilation(wide, np.ones((3, 3), bool), reach, mask=fill)
        wide = np.asarray(grown)
    return wide
