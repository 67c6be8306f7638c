"""Shapes into pixels, and colours onto a canvas.

A canvas is float32 of shape ``(H, W, 3)`` in 8-bit units. The functions named ``paint_*`` change
the canvas they are given: it belongs to the renderer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from rasterio.features import rasterize

from roadex.datasets.generated.objects import Rectangles

Canvas = NDArray[np.float32]


def burn(
    shapes: Sequence[object] | NDArray[np.object_],
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


def mix(canvas: Canvas, colour: ArrayLike, share: ArrayLike) -> Canvas:
    """Return ``canvas`` blended towards ``colour`` by ``share`` in [0, 1] per pixel."""
    weight = np.asarray(share, dtype=np.float32)
    weight = weight[..., None] if weight.ndim else weight
    return canvas + (np.asarray(colour, dtype=np.float32) - canvas) * weight


def paint_rectangles(
    canvas: Canvas, rectangles: Rectangles, colours: NDArray[np.float32], cell_m: float
) -> None:
    """Paint small rectangles (cars) by sampling each twice per pixel."""
    if len(rectangles) == 0:
        return
    step = cell_m / 2
    reach = rectangles.half.max(axis=0)
    u, v = (a.ravel() for a in np.meshgrid(*(np.arange(-r, r + step, step) for r in reach)))
    inside = (np.abs(u) <= rectangles.half[:, :1]) & (np.abs(v) <= rectangles.half[:, 1:])
    cos, sin = np.cos(rectangles.angle)[:, None], np.sin(rectangles.angle)[:, None]
    x = (rectangles.centre[:, :1] + u * cos - v * sin) / cell_m
    y = (rectangles.centre[:, 1:] + u * sin + v * cos) / cell_m
    rows, cols = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    h, w = canvas.shape[:2]
    inside &= (rows >= 0) & (rows < h) & (cols >= 0) & (cols < w)
    owner = np.broadcast_to(np.arange(len(rectangles))[:, None], inside.shape)
    canvas[rows[inside], cols[inside]] = colours[owner[inside]]


def roof_colours(
    owner: NDArray[np.int32],
    roofs: Rectangles,
    colours: NDArray[np.float32],
    sun: tuple[float, float],
    cell_m: float,
) -> NDArray[np.float32]:
    """Return the colour of each roof pixel: gabled small roofs, flat large ones.

    Parameters
    ----------
    owner
        int32 ``(H, W)``: 1 + index into ``roofs``, 0 elsewhere.
    roofs, colours
        The rectangles and their colour, ``(N, 3)``.
    sun
        Direction to the sun, ``(x, y)``, unit length.
    cell_m
        Metres per pixel.

    Returns
    -------
    colours
        Shape ``(number of roof pixels, 3)``, in the order of ``np.nonzero(owner)``.
    """
    rows, cols = np.nonzero(owner)
    index = owner[rows, cols] - 1
    x = (cols + 0.5) * cell_m - roofs.centre[index, 0]
    y = (rows + 0.5) * cell_m - roofs.centre[index, 1]
    angle = roofs.angle[index]
    across = -x * np.sin(angle) + y * np.cos(angle)
    facing = -np.sin(angle) * sun[0] + np.cos(angle) * sun[1]
    gabled = roofs.half[index, 1] < 9.0
    light = 1.0 + np.where(gabled, 0.26 * facing * np.sign(across), 0.0)
    return np.asarray(colours[index] * light[:, None], dtype=np.float32)
