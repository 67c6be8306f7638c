"""The picture of a planned place: ground, roads, objects, shadows, trees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from roadex.datasets.generated.ground import ground_colours, survey, tree_cover
from roadex.datasets.generated.noise import Field, blurred_noise, relief, smooth_noise
from roadex.datasets.generated.objects import (
    Rectangles,
    cars_on_lots,
    cars_on_roads,
    halls_and_lots,
    houses_along,
    join,
)
from roadex.datasets.generated.paint import (
    Canvas,
    burn,
    mix,
    paint_rectangles,
    roof_colours,
)
from roadex.datasets.generated.plan import Plan, PlannedRoad
from roadex.datasets.generated.streets import extend_past_border
from roadex.datasets.generated.styles import Style

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sun:
    """Where light comes from: direction to the sun in pixels (y down), shadow length per height."""

    direction: tuple[float, float]
    shadow_per_height: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Sun:
        """Draw a late morning to early afternoon sun of the northern hemisphere."""
        azimuth = math.radians(rng.uniform(120.0, 240.0))
        elevation = math.radians(rng.uniform(36.0, 60.0))
        return cls((math.sin(azimuth), -math.cos(azimuth)), 1.0 / math.tan(elevation))

    def shadow(self, height_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the shift of the shadow of things ``height_m`` high, metres, ``(N, 2)``."""
        length = np.asarray(height_m)[:, None] * self.shadow_per_height
        return np.asarray(-length * np.asarray(self.direction))


def render(
    plan: Plan,
    edges: list[PlannedRoad],
    shape: tuple[int, int],
    gsd_m: float,
    style: Style,
    rng: np.random.Generator,
) -> tuple[Canvas, Mask]:
    """Paint the place.

    Returns
    -------
    canvas
        float32 ``(H, W, 3)``, before the camera.
    road_mask
        bool ``(H, W)``: paved road at its true width, also under trees.
    """
    sun = Sun.draw(rng)
    lines = [extend_past_border(edge, plan.width_m, plan.height_m) for edge in edges]
    road = burn(
        [line.buffer(e.width_m / 2) for line, e in zip(lines, edges, strict=True)], shape, gsd_m
    )
    zones = burn([zone.outline for zone in plan.zones], shape, gsd_m)
    ground = survey(plan, zones, road > 0, gsd_m)
    halls, lots = halls_and_lots(ground, rng)
    houses, drives = houses_along(edges, ground, rng)
    canvas = ground_colours(plan, zones, style, gsd_m, rng)
    canvas = _pave(canvas, plan, lots, drives, style, gsd_m, rng)
    canvas = _lay_roads(canvas, edges, lines, road, style, gsd_m, rng)
    _park(canvas, join(cars_on_lots(lots, rng), cars_on_roads(edges, rng)), gsd_m, rng)
    buildings = join(houses, halls)
    canvas = _build(canvas, buildings, style, sun, gsd_m, rng)
    cover = tree_cover(plan, zones, ground, style, gsd_m, rng)
    cover -= 4.0 * (burn(join(buildings, lots).polygons(), shape, gsd_m, all_touched=True) > 0)
    return _plant(canvas, cover, style, sun, gsd_m, rng), road > 0


def _pave(
    canvas: Canvas,
    plan: Plan,
    lots: Rectangles,
    drives: Rectangles,
    style: Style,
    gsd_m: float,
    rng: np.random.Generator,
) -> Canvas:
    """Paint parking lots, driveways and the railway: paved, but no road."""
    shape = (canvas.shape[0], canvas.shape[1])
    paved = join(lots, drives)
    owner = burn(paved.polygons(), shape, gsd_m)
    tone = np.append(0.0, rng.normal(0.98, 0.14, len(paved)))
    grain = 1.0 + 0.06 * blurred_noise(shape, 0.8, rng) + 0.06 * smooth_noise(shape, 9 / gsd_m, rng)
    colours = np.array(style.palette.asphalt) * (tone[owner] * grain)[..., None]
    canvas = mix(canvas, colours, (owner > 0) * 0.92)
    ballast = burn([line.buffer(2.6) for line in plan.railway], shape, gsd_m) > 0
    bed = np.array([112.0, 100.0, 92.0]) * (1.0 + 0.12 * blurred_noise(shape, 0.6, rng))[..., None]
    canvas = mix(canvas, bed, ballast * 0.9)
    rails = burn([line.buffer(0.8) for line in plan.railway], shape, gsd_m) > 0
    return mix(canvas, (80.0, 74.0, 72.0), rails * 0.5)


def _lay_roads(
    canvas: Canvas,
    edges: list[PlannedRoad],
    lines: list[shapely.LineString],
    road: NDArray[np.int32],
    style: Style,
    gsd_m: float,
    rng: np.random.Generator,
) -> Canvas:
    """Paint sidewalks and shoulders, the roads, and their markings."""
    shape = (canvas.shape[0], canvas.shape[1])
    wide = [
        line.buffer(e.width_m / 2 + 1.8)
        for line, e in zip(lines, edges, strict=True)
        if e.road_class != "lane"
    ]
    beside = burn(wide, shape, gsd_m) > 0
    patchy = np.clip(0.35 + 0.3 * smooth_noise(shape, 70.0 / gsd_m, rng), 0.0, 0.75)
    canvas = mix(canvas, style.palette.concrete, beside * patchy)
    tone = np.append(0.0, [edge.tone for edge in edges])[road]
    wear = 1.0 + 0.045 * smooth_noise(shape, 22.0 / gsd_m, rng)
    wear += 0.03 * smooth_noise(shape, 4.0 / gsd_m, rng) + 0.05 * blurred_noise(shape, 0.7, rng)
    asphalt = np.array(style.palette.asphalt) * rng.normal(1.0, 0.09)
    canvas = mix(canvas, asphalt * (tone * wear)[..., None], road > 0)
    marked = [
        mark for line, edge in zip(lines, edges, strict=True) for mark in _markings(line, edge)
    ]
    paint = burn(marked, shape, gsd_m, all_touched=True) > 0
    return mix(canvas, (205.0, 203.0, 190.0), paint * min(0.3, 0.25 / gsd_m))


def _markings(line: shapely.LineString, road: PlannedRoad) -> list[shapely.LineString]:
    """Return the painted lines of a road: the middle, and the edges of wide ones."""
    if road.road_class in ("lane", "residential"):
        return []
    if road.road_class == "secondary":
        return [line]
    edge = road.width_m / 2 - 0.8
    return [line, line.offset_curve(edge), line.offset_curve(-edge)]


def _park(canvas: Canvas, cars: Rectangles, gsd_m: float, rng: np.random.Generator) -> None:
    """Paint cars: white, silver, black, some red and blue."""
    colours = np.array(
        [[225, 226, 228], [165, 168, 170], [60, 60, 64], [38, 38, 42], [120, 44, 40], [52, 66, 98]]
    )
    which = rng.choice(len(colours), size=len(cars), p=[0.3, 0.25, 0.18, 0.12, 0.08, 0.07])
    paint_rectangles(canvas, cars, colours[which].astype(np.float32), gsd_m)


def _build(
    canvas: Canvas,
    buildings: Rectangles,
    style: Style,
    sun: Sun,
    gsd_m: float,
    rng: np.random.Generator,
) -> Canvas:
    """Paint buildings and the shadows they throw."""
    shape = (canvas.shape[0], canvas.shape[1])
    height_m = rng.uniform(4.0, 8.5, len(buildings)) * np.where(buildings.half[:, 1] > 9, 1.3, 1)
    corners = buildings.corners()
    both = np.concatenate([corners, corners + sun.shadow(height_m)[:, None]], axis=1)
    hulls = shapely.convex_hull(shapely.multipoints(both)) if len(both) else []
    shadow = burn(hulls, shape, gsd_m) > 0
    canvas = mix(canvas, canvas * np.array([0.36, 0.40, 0.48], dtype=np.float32), shadow * 0.95)
    owner = burn(buildings.polygons(), shape, gsd_m)
    roofs = np.array(style.palette.roofs)
    flat = buildings.half[:, 1] > 9.0
    which = rng.integers(len(roofs), size=len(buildings))
    colours = roofs[which] * rng.normal(1.0, 0.1, (len(buildings), 1))
    # Large flat roofs are mostly light membranes or gravel.
    colours[flat] = 0.4 * colours[flat] + 0.6 * rng.uniform(120, 235, (int(flat.sum()), 1))
    grain = 1.0 + 0.05 * blurred_noise(shape, 0.7, rng)
    tiles = roof_colours(owner, buildings, colours.astype(np.float32), sun.direction, gsd_m)
    canvas[owner > 0] = tiles * grain[owner > 0][:, None]
    return canvas


def _plant(
    canvas: Canvas,
    cover: Field,
    style: Style,
    sun: Sun,
    gsd_m: float,
    rng: np.random.Generator,
) -> Canvas:
    """Paint tree crowns where ``cover`` is positive, and their shadows on what is beside them."""
    shape = (canvas.shape[0], canvas.shape[1])
    crowns = cover > 0
    shadow = np.zeros(shape, dtype=bool)
    for height_m in (2.5, 4.5, 6.5):
        shift = sun.shadow(np.array([height_m]))[0] / gsd_m
        moved = np.roll(crowns, np.rint(shift[::-1]).astype(int), axis=(0, 1))
        shadow |= moved
    soft = ndimage.gaussian_filter(shadow.astype(np.float32), 0.8 / gsd_m)
    canvas = canvas * (1.0 - soft[..., None] * np.array([0.5, 0.46, 0.38], dtype=np.float32))
    bumps = blurred_noise(shape, 0.9 / gsd_m, rng) + 0.8 * blurred_noise(shape, 2.0 / gsd_m, rng)
    light = relief(bumps, sun.direction)
    kinds = np.array(style.palette.canopy, dtype=np.float32)
    patch = smooth_noise(shape, 90.0 / gsd_m, rng) + 0.8 * smooth_noise(shape, 12.0 / gsd_m, rng)
    order = rng.permutation(len(kinds))
    ranks = np.digitize(patch, np.linspace(-0.6, 1.2, len(kinds) - 1))
    leaves = kinds[order][ranks] * np.clip(1.0 + 0.24 * light + 0.12 * bumps, 0.25, 2.0)[..., None]
    opacity = ndimage.gaussian_filter(crowns.astype(np.float32), 0.5 / gsd_m) * 0.95
    return mix(canvas, leaves, opacity)
