"""The surface of the land between roads: soil, grass, fields and water."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from roadex.synthetic.canvas import Picture, burn
from roadex.synthetic.layout import Plan
from roadex.synthetic.placement import Ground
from roadex.synthetic.styles import ZONES

ROUGHNESS: dict[str, tuple[float, float, float]] = {
    "verge": (0.10, 0.08, 0.07),
    "residential": (0.08, 0.10, 0.13),
    "suburb": (0.08, 0.10, 0.12),
    "commercial": (0.05, 0.05, 0.07),
    "farmland": (0.06, 0.05, 0.05),
    "woods": (0.12, 0.13, 0.16),
    "park": (0.08, 0.06, 0.06),
    "bare": (0.06, 0.06, 0.07),
}
"""Relative brightness variation per zone at about 25 m, 6 m and 1 m."""

N_PARCELS = 997
"""Fields repeat their looks after this many (a prime, for the hash that numbers them)."""


def paint_ground(picture: Picture, plan: Plan, zones: NDArray[np.int32]) -> None:
    """Paint bare land, fields and water.

    Parameters
    ----------
    picture
        Its whole canvas is painted over.
    plan
        The place.
    zones
        int32 ``(H, W)``: 1 + index into ``plan.zones``, 0 where no zone is.
    """
    frayed = fray(picture, zones, 5.0)
    kinds = plan.kinds()[frayed]
    colours = np.array([picture.palette.ground[name] for name in ZONES], dtype=np.float32)
    blend = picture.smooth(45.0) + 0.6 * picture.smooth(9.0)
    share = np.clip(0.5 + 0.45 * blend, 0.0, 1.0)[..., None]
    low = colours[kinds, 0]
    picture.canvas[...] = low + (colours[kinds, 1] - low) * share
    _sow_fields(picture, plan, frayed)
    rough = np.array([ROUGHNESS[name] for name in ZONES], dtype=np.float32)[kinds]
    texture = rough[..., 0] * picture.smooth(25.0) + rough[..., 1] * picture.smooth(6.0)
    texture += rough[..., 2] * picture.grain(0.8)
    texture *= picture.palette.roughness
    picture.canvas[...] *= np.clip(1.0 + texture, 0.3, 1.8)[..., None]
    _fill_water(picture, plan)


def fray(picture: Picture, ids: NDArray[np.int32], reach_m: float) -> NDArray[np.int32]:
    """Return ``ids`` with borders frayed by about ``reach_m``."""
    index = []
    for axis, along in enumerate(np.ogrid[: ids.shape[0], : ids.shape[1]]):
        shift = picture.smooth(reach_m * 3.0) * (reach_m / picture.gsd_m)
        index.append(np.clip(along + shift.astype(np.int32), 0, ids.shape[axis] - 1))
    return np.asarray(ids[index[0], index[1]])


def _sow_fields(picture: Picture, plan: Plan, zones: NDArray[np.int32]) -> None:
    """Divide farmland into parcels with their own colour, row direction and row distance."""
    where = np.nonzero(plan.kinds()[zones] == ZONES.index("farmland"))
    if len(where[0]) == 0:
        return
    rng, zone = picture.rng, zones[where]
    angle = plan.angles()[zone]
    y, x = (np.asarray(index) * picture.gsd_m for index in where)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    strip = np.floor(across / rng.uniform(110.0, 170.0)).astype(np.int64)
    piece = np.floor(along / rng.uniform(140.0, 260.0) + 0.37 * strip).astype(np.int64)
    parcel = (strip * 73856093 ^ piece * 19349663 ^ zone.astype(np.int64) * 83492791) % N_PARCELS
    fields = np.array(picture.palette.fields)
    colour = fields[rng.integers(len(fields), size=N_PARCELS)]
    colour = colour * rng.normal(1.0, 0.08, (N_PARCELS, 1))
    turned = (rng.random(N_PARCELS) < 0.5)[parcel]
    rows_m = rng.uniform(2.2, 9.0, size=N_PARCELS)[parcel]
    depth = (rng.uniform(0.0, 0.13, size=N_PARCELS) * (rng.random(N_PARCELS) < 0.7))[parcel]
    stripes = 1.0 + depth * np.sin(2 * math.pi * np.where(turned, along, across) / rows_m)
    picture.canvas[where] = colour[parcel] * stripes[:, None]


def _fill_water(picture: Picture, plan: Plan) -> None:
    """Paint water, with a strip of bare shore."""
    shore = picture.burn([water.buffer(3.0) for water in plan.water]) > 0
    water = picture.burn(plan.water) > 0
    picture.blend(picture.palette.ground["bare"][0], 0.45 * shore)
    tone = np.array(picture.palette.water) * picture.rng.normal(1.0, 0.05, 3)
    tone *= picture.rng.uniform(0.8, 1.5)
    ripple = 1.0 + 0.12 * picture.smooth(90.0) + 0.05 * picture.grain(0.8)
    picture.canvas[water] = ripple[water][:, None] * tone


def survey(plan: Plan, zones: NDArray[np.int32], road: NDArray[np.bool_], gsd_m: float) -> Ground:
    """Return what is known about each cell of two by two pixels."""
    half = (slice(None, None, 2), slice(None, None, 2))
    kinds = plan.kinds()[zones[half]]
    coarse = kinds.shape[0], kinds.shape[1]
    angles = plan.angles()[zones[half]]
    taken = burn([*plan.water, *(line.buffer(8.0) for line in plan.railway)], coarse, 2 * gsd_m) > 0
    free = ~(taken | road[half])
    distance = ndimage.distance_transform_edt(free) * 2.0 * gsd_m
    return Ground(kinds, angles, distance.astype(np.float32), 2.0 * gsd_m)
