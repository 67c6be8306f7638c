"""The surface of the land between roads: soil, grass, fields, water, and where trees grow."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from roadex.datasets.generated.noise import Field, blurred_noise, smooth_noise
from roadex.datasets.generated.objects import Ground
from roadex.datasets.generated.paint import Canvas, burn
from roadex.datasets.generated.plan import Plan
from roadex.datasets.generated.styles import ZONES, Style

ROUGHNESS: dict[str, tuple[float, float, float]] = {
    "verge": (0.10, 0.08, 0.07),
    "residential": (0.08, 0.10, 0.13),
    "suburb": (0.08, 0.10, 0.12),
    "commercial": (0.05, 0.05, 0.07),
    "farmland": (0.06, 0.05, 0.05),
    "woods": (0.12, 0.13, 0.16),
    "park": (0.08, 0.06, 0.06),
    "bare": (0.12, 0.09, 0.07),
}
"""Relative brightness variation per zone at about 25 m, 6 m and 1 m."""

TREE_COVER: dict[str, float] = {
    "verge": -1.7,
    "residential": -1.1,
    "suburb": -0.35,
    "commercial": -2.3,
    "farmland": -2.3,
    "woods": 2.0,
    "park": -0.9,
    "bare": -2.4,
}
"""Mean of the tree cover field per zone, in standard deviations: trees grow where it is > 0."""


def ground_colours(
    plan: Plan, zones: NDArray[np.int32], style: Style, gsd_m: float, rng: np.random.Generator
) -> Canvas:
    """Return the bare land, fields and water, float32 ``(H, W, 3)``.

    Parameters
    ----------
    plan
        The place.
    zones
        int32 ``(H, W)``: 1 + index into ``plan.zones``, 0 where no zone is.
    style
        Gives the colours.
    gsd_m
        Metres per pixel.
    rng
        Source of all draws.
    """
    shape = (zones.shape[0], zones.shape[1])
    ragged = _ragged(zones, 5.0 / gsd_m, rng)
    kinds = np.array([0] + [zone.kind for zone in plan.zones])[ragged]
    colours = np.array([style.palette.ground[name] for name in ZONES], dtype=np.float32)
    blend = smooth_noise(shape, 45.0 / gsd_m, rng) + 0.6 * smooth_noise(shape, 9.0 / gsd_m, rng)
    share = np.clip(0.5 + 0.45 * blend, 0.0, 1.0)[..., None]
    canvas = colours[kinds, 0] + (colours[kinds, 1] - colours[kinds, 0]) * share
    _sow_fields(canvas, plan, ragged, kinds, style, gsd_m, rng)
    rough = np.array([ROUGHNESS[name] for name in ZONES], dtype=np.float32)[kinds]
    texture = rough[..., 0] * smooth_noise(shape, 25.0 / gsd_m, rng)
    texture += rough[..., 1] * smooth_noise(shape, 6.0 / gsd_m, rng)
    texture += rough[..., 2] * blurred_noise(shape, 0.8 / gsd_m, rng)
    canvas *= np.clip(1.0 + texture, 0.3, 1.8)[..., None]
    _fill_water(canvas, plan, style, gsd_m, rng)
    return np.asarray(canvas, dtype=np.float32)


def _ragged(ids: NDArray[np.int32], reach: float, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return ``ids`` with borders frayed by about ``reach`` pixels."""
    shape = (ids.shape[0], ids.shape[1])
    rows, cols = np.indices(shape)
    for axis, index in enumerate((rows, cols)):
        shift = reach * smooth_noise(shape, reach * 3.0, rng)
        index += np.rint(shift).astype(index.dtype)
        np.clip(index, 0, shape[axis] - 1, out=index)
    return np.asarray(ids[rows, cols])


def _sow_fields(
    canvas: Canvas,
    plan: Plan,
    zones: NDArray[np.int32],
    kinds: NDArray[np.int64],
    style: Style,
    gsd_m: float,
    rng: np.random.Generator,
) -> None:
    """Divide farmland into parcels with their own colour, row direction and row distance."""
    where = np.nonzero(kinds == ZONES.index("farmland"))
    if len(where[0]) == 0:
        return
    angle = np.array([0.0] + [zone.angle for zone in plan.zones])[zones[where]]
    y, x = (np.asarray(index) * gsd_m for index in where)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    strip = np.floor(across / rng.uniform(110.0, 170.0)).astype(np.int64)
    piece = np.floor(along / rng.uniform(140.0, 260.0) + 0.37 * strip).astype(np.int64)
    # A multiplicative hash gives every parcel the same draw at every size of scene.
    parcel = (strip * 73856093 ^ piece * 19349663 ^ zones[where].astype(np.int64) * 83492791) % 997
    fields = np.array(style.palette.fields, dtype=np.float32)
    colour = fields[rng.integers(len(fields), size=997)] * rng.normal(1.0, 0.08, (997, 1))
    turn = rng.choice([0.0, math.pi / 2], size=997)[parcel]
    rows_m = rng.uniform(2.2, 9.0, size=997)[parcel]
    depth = (rng.uniform(0.0, 0.13, size=997) * (rng.random(997) < 0.7))[parcel]
    position = np.where(turn > 0, along, across)
    stripes = 1.0 + depth * np.sin(2 * math.pi * position / rows_m)
    canvas[where] = (colour[parcel] * stripes[:, None]).astype(np.float32)


def _fill_water(
    canvas: Canvas, plan: Plan, style: Style, gsd_m: float, rng: np.random.Generator
) -> None:
    """Paint water, darker than its banks, with a strip of bare shore."""
    shape = (canvas.shape[0], canvas.shape[1])
    shore = burn([water.buffer(3.0) for water in plan.water], shape, gsd_m) > 0
    water = burn(plan.water, shape, gsd_m) > 0
    canvas[shore] = canvas[shore] * 0.5 + np.array(style.palette.ground["bare"][0]) * 0.4
    tone = np.array(style.palette.water) * rng.uniform(0.7, 1.7, 3)
    ripple = 1.0 + 0.12 * smooth_noise(shape, 90.0 / gsd_m, rng)
    ripple += 0.05 * blurred_noise(shape, 0.8, rng)
    canvas[water] = ripple[water][:, None] * tone


def tree_cover(
    plan: Plan,
    zones: NDArray[np.int32],
    ground: Ground,
    style: Style,
    gsd_m: float,
    rng: np.random.Generator,
) -> Field:
    """Return where trees grow: > 0 inside crowns, float32 ``(H, W)``.

    Trees keep off the road, but only by a distance that varies: here and there crowns reach over
    it, and in places close above it.
    """
    shape = (zones.shape[0], zones.shape[1])
    ragged = _ragged(zones, 9.0 / gsd_m, rng)
    kinds = np.array([0] + [zone.kind for zone in plan.zones])[ragged]
    cover = np.array([TREE_COVER[name] for name in ZONES], dtype=np.float32)[kinds] + style.wooded
    cover += 0.8 * smooth_noise(shape, 60.0 / gsd_m, rng) + 0.7 * smooth_noise(
        shape, 14.0 / gsd_m, rng
    )
    cover += 0.55 * blurred_noise(shape, 1.7 / gsd_m, rng)
    clearance_m = 3.0 + 3.2 * smooth_noise(shape, 28.0 / gsd_m, rng)
    distance_m = np.repeat(np.repeat(ground.road_distance_m, 2, axis=0), 2, axis=1)
    distance_m = distance_m[: shape[0], : shape[1]]
    # Over the road the distance is 0: crowns stay where the clearance is drawn below -1 m.
    cover -= 3.5 / (1.0 + np.exp(np.clip((distance_m - clearance_m) / 0.7, -30, 30)))
    wet = burn(plan.water, shape, gsd_m) > 0
    cover[ndimage.binary_dilation(wet)] -= 4.0
    return np.asarray(cover, dtype=np.float32)


def survey(plan: Plan, zones: NDArray[np.int32], road: NDArray[np.bool_], gsd_m: float) -> Ground:
    """Return what is known about each cell of two by two pixels."""
    half = (slice(None, None, 2), slice(None, None, 2))
    kinds = np.array([0] + [zone.kind for zone in plan.zones], dtype=np.uint8)[zones[half]]
    coarse = kinds.shape[0], kinds.shape[1]
    angles = np.array([0.0] + [zone.angle for zone in plan.zones])[zones[half]]
    taken = burn([*plan.water, *(line.buffer(8.0) for line in plan.railway)], coarse, 2 * gsd_m) > 0
    free = ~(taken | road[half])
    distance = ndimage.distance_transform_edt(free) * 2.0 * gsd_m
    return Ground(kinds, angles, distance.astype(np.float32), 2.0 * gsd_m)
