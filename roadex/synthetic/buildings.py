"""Painting of buildings, their shadows, and cars."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from roadex.synthetic.canvas import Picture
from roadex.synthetic.placement import Rectangles

SHADE = np.array([0.36, 0.40, 0.48], dtype=np.float32)
"""Light left in a shadow: the sky lights it, so it is blue."""

FLAT_ROOF_M = 9.0
"""Buildings with a half width above this have flat roofs."""

CAR_COLOURS = np.array(
    [[225, 226, 228], [165, 168, 170], [60, 60, 64], [38, 38, 42], [120, 44, 40], [52, 66, 98]],
    dtype=np.float32,
)
CAR_SHARES = (0.3, 0.25, 0.18, 0.12, 0.08, 0.07)


def paint_buildings(picture: Picture, buildings: Rectangles) -> None:
    """Paint the shadows of buildings, then their roofs."""
    _cast_shadows(picture, buildings)
    owner = picture.burn(buildings.polygons())
    colours = _draw_roof_colours(picture, buildings)
    roofs = roof_colours(owner, buildings, colours, picture.sun.direction, picture.gsd_m)
    grain = 1.0 + 0.05 * picture.grain(0.7)
    picture.canvas[owner > 0] = roofs * grain[owner > 0][:, None]


def _cast_shadows(picture: Picture, buildings: Rectangles) -> None:
    if len(buildings) == 0:
        return
    tall = np.where(buildings.half[:, 1] > FLAT_ROOF_M, 1.3, 1.0)
    height_m = picture.rng.uniform(4.0, 8.5, len(buildings)) * tall
    corners = buildings.corners()
    # The shadow of a box is the hull of its outline and of its outline moved.
    both = np.concatenate([corners, corners + picture.sun.shadow(height_m)[:, None]], axis=1)
    shadow = picture.burn(shapely.convex_hull(shapely.multipoints(both))) > 0
    picture.canvas[shadow] *= SHADE


def _draw_roof_colours(picture: Picture, buildings: Rectangles) -> NDArray[np.float32]:
    roofs, rng = np.array(picture.palette.roofs), picture.rng
    colours = roofs[rng.integers(len(roofs), size=len(buildings))]
    colours = colours * rng.normal(1.0, 0.1, (len(buildings), 1))
    # Large flat roofs are mostly light membranes or gravel.
    flat = buildings.half[:, 1] > FLAT_ROOF_M
    colours[flat] = 0.4 * colours[flat] + 0.6 * rng.uniform(120, 235, (int(flat.sum()), 1))
    return np.asarray(colours, dtype=np.float32)


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
    gabled = roofs.half[index, 1] < FLAT_ROOF_M
    light = 1.0 + np.where(gabled, 0.26 * facing * np.sign(across), 0.0)
    return np.asarray(colours[index] * light[:, None], dtype=np.float32)


def paint_cars(picture: Picture, cars: Rectangles) -> None:
    """Paint cars by sampling each twice per pixel."""
    if len(cars) == 0:
        return
    which = picture.rng.choice(len(CAR_COLOURS), size=len(cars), p=CAR_SHARES)
    step = picture.gsd_m / 2
    reach = cars.half.max(axis=0)
    u, v = (a.ravel() for a in np.meshgrid(*(np.arange(-r, r + step, step) for r in reach)))
    inside = (np.abs(u) <= cars.half[:, :1]) & (np.abs(v) <= cars.half[:, 1:])
    cos, sin = np.cos(cars.angle)[:, None], np.sin(cars.angle)[:, None]
    x = (cars.centre[:, :1] + u * cos - v * sin) / picture.gsd_m
    y = (cars.centre[:, 1:] + u * sin + v * cos) / picture.gsd_m
    rows, cols = np.floor(y).astype(np.intp), np.floor(x).astype(np.intp)
    h, w = picture.shape
    inside &= (rows >= 0) & (rows < h) & (cols >= 0) & (cols < w)
    owner = np.broadcast_to(which[:, None], inside.shape)
    picture.canvas[rows[inside], cols[inside]] = CAR_COLOURS[owner[inside]]
