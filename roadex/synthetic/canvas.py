"""The sheet a place is painted on: shapes into pixels, colours onto a canvas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from rasterio.features import rasterize

from roadex.synthetic.noise import Field, blurred_noise, smooth_noise
from roadex.synthetic.styles import Palette

Canvas = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sun:
    """Where light comes from."""

    direction: tuple[float, float]
    """To the sun in pixels, ``(x, y)`` with y down, unit length."""

    shadow_per_height: float
    """Length of the shadow of something one metre high, metres."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Sun:
        """Draw a late morning to early afternoon sun of the northern hemisphere."""
        azimuth = math.radians(rng.uniform(120.0, 240.0))
        elevation = math.radians(rng.uniform(36.0, 60.0))
        return cls((math.sin(azimuth), -math.cos(azimuth)), 1.0 / math.tan(elevation))

    def shadow(self, height_m: ArrayLike) -> NDArray[np.float64]:
        """Return the shift of the shadows of things ``height_m`` high, metres, ``(N, 2)``."""
        length = np.atleast_1d(height_m)[:, None] * self.shadow_per_height
        return np.asarray(-length * np.asarray(self.direction))


@dataclass(frozen=True, slots=True)
class Picture:
    """What the painting functions share. They change ``canvas``: it belongs to the picture."""

    canvas: Canvas
    """Colours in 8-bit units, float32 ``(H, W, 3)``."""

    gsd_m: float
    palette: Palette
    sun: Sun
    rng: np.random.Generator

    @property
    def shape(self) -> tuple[int, int]:
        """``(H, W)``."""
        return self.canvas.shape[0], self.canvas.shape[1]

    def smooth(self, wavelength_m: float) -> Field:
        """Draw noise without detail below ``wavelength_m``."""
        return smooth_noise(self.shape, wavelength_m / self.gsd_m, self.rng)

    def grain(self, sigma_m: float) -> Field:
        """Draw noise with detail of about ``sigma_m``."""
        return blurred_noise(self.shape, sigma_m / self.gsd_m, self.rng)

    def burn(self, shapes: Shapes, *, all_touched: bool = False) -> NDArray[np.int32]:
        """Return which of ``shapes`` covers each pixel; see :func:`burn`."""
        return burn(shapes, self.shape, self.gsd_m, all_touched=all_touched)

    def blend(self, colour: ArrayLike, share: Canvas | Mask) -> None:
        """Move colours towards ``colour`` by ``share`` in [0, 1], shape ``(H, W)``.

        ``colour`` is one colour, or an array of the shape of the canvas.
        """
        touched = share > 0
        target = np.asarray(colour, dtype=np.float32)
        if target.ndim == 3:
            target = target[touched]
        below = self.canvas[touched]
        weight = share[touched].astype(np.float32)[:, None]
        self.canvas[touched] = below + (target - below) * weight


Shapes = Sequence[shapely.Geometry] | NDArray[np.object_]


def burn(
    shapes: Shapes,
    shape: tuple[int, int],
    cell_m: float,
    *,
    values: NDArray[np.int32] | None = None,
    all_touched: bool = False,
) -> NDArray[np.int32]:
    """Return which shape covers each pixel.

    Parameters
    ----------
    shapes
        Geometries in metres. Later ones cover earlier ones.
    shape
        ``(H, W)`` of the raster.
    cell_m
        Metres per pixel.
    values
        Value per shape; 1, 2, 3, ... unless given.
    all_touched
        Also take pixels whose centre is not covered.

    Returns
    -------
    owner
        int32 ``(H, W)``; 0 where nothing is.
    """
    owner = np.zeros(shape, dtype=np.int32)
    if len(shapes) == 0:
        return owner
    numbers = np.arange(1, len(shapes) + 1) if values is None else values
    pairs = [(s, int(v)) for s, v in zip(shapes, numbers, strict=True) if not shapely.is_empty(s)]
    if pairs:
        scale = Affine.scale(cell_m)
        rasterize(pairs, out=owner, transform=scale, all_touched=all_touched)
    return owner
