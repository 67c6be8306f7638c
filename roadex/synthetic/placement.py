"""Buildings, driveways, parking lots, cars and single trees: where they stand.

Positions are in metres on the ground, as in the plan. Every rectangle is a row of
:class:`Rectangles`; painting turns them into pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import KDTree

from roadex.synthetic.layout import PlannedRoad
from roadex.synthetic.styles import ZONES

Floats = NDArray[np.float64]

HOUSE_ROWS: dict[str, tuple[float, tuple[float, float], tuple[float, float], float]] = {
    "residential": (15.0, (4.0, 9.0), (3.5, 5.5), 0.9),
    "suburb": (27.0, (10.0, 20.0), (4.5, 8.0), 0.82),
    "farmland": (60.0, (14.0, 35.0), (5.0, 10.0), 0.2),
    "woods": (60.0, (16.0, 35.0), (5.0, 8.0), 0.3),
    "park": (90.0, (12.0, 30.0), (5.0, 9.0), 0.15),
    "bare": (80.0, (10.0, 25.0), (5.0, 9.0), 0.2),
}
"""Per zone: spacing along the road, setback from its edge, half size (m), share of plots built."""


@dataclass(frozen=True, slots=True)
class Rectangles:
    """Rotated rectangles: ``centre (N, 2)``, ``half (N, 2)`` along and across ``angle (N,)``."""

    centre: Floats
    half: Floats
    angle: Floats

    def __len__(self) -> int:
        return len(self.angle)

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Rectangles:
        return Rectangles(self.centre[which], self.half[which], self.angle[which])

    def corners(self) -> Floats:
        """Return the corners, shape ``(N, 4, 2)``."""
        signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=float)
        along, across = (signs[None] * self.half[:, None]).transpose(2, 0, 1)
        cos, sin = np.cos(self.angle)[:, None], np.sin(self.angle)[:, None]
        offset = np.stack([along * cos - across * sin, along * sin + across * cos], axis=-1)
        return np.asarray(self.centre[:, None] + offset)

    def polygons(self) -> NDArray[np.object_]:
        """Return the rectangles as polygons."""
        return np.asarray(shapely.polygons(self.corners()))


def join(*groups: Rectangles) -> Rectangles:
    """Return all rectangles of ``groups`` in their order."""
    return Rectangles(
        np.concatenate([g.centre for g in groups]),
        np.concatenate([g.half for g in groups]),
        np.concatenate([g.angle for g in groups]),
    )


@dataclass(frozen=True, slots=True)
class Ground:
    """What stands where, as rasters of a coarse grid, for questions about points in metres."""

    zone: NDArray[np.uint8]
    angle: Floats
    """Direction of streets, radians."""

    road_distance_m: NDArray[np.float32]
    """Distance to the nearest paved road or water, metres; 0 on it."""

    cell_m: float

    def at(self, points: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the cells of ``points``; points outside get the nearest cell."""
        h, w = self.zone.shape
        cols = np.clip((points[:, 0] / self.cell_m).astype(np.intp), 0, w - 1)
        rows = np.clip((points[:, 1] / self.cell_m).astype(np.intp), 0, h - 1)
        return rows, cols


def houses_along(
    roads: list[PlannedRoad], ground: Ground, rng: np.random.Generator
) -> tuple[Rectangles, Rectangles]:
    """Return houses beside the roads, and their driveways."""
    houses, drives = [], []
    for name, (spacing, setback, half, share) in HOUSE_ROWS.items():
        spots = _roadside(roads, spacing, rng)
        n = len(spots.angle)
        size = rng.uniform(*half, (n, 1)) * np.stack(
            [rng.uniform(0.9, 1.5, n), rng.uniform(0.75, 1.0, n)], axis=1
        )
        back = spots.road_half_m + rng.uniform(*setback, n)
        normal = np.stack([-np.sin(spots.angle), np.cos(spots.angle)], axis=1) * spots.side[:, None]
        centre = spots.point + normal * (back + size[:, 1])[:, None]
        rows, cols = ground.at(centre)
        stands = ground.zone[rows, cols] == ZONES.index(name)
        stands &= ground.road_distance_m[rows, cols] > size[:, 1] + setback[0] * 0.6
        stands &= rng.random(n) < share
        angle = spots.angle + rng.normal(0, 0.04, n) + (rng.random(n) < 0.12) * (math.pi / 2)
        houses.append(Rectangles(centre, size, angle)[stands])
        # The driveway runs beside the house from the road to its middle.
        tangent = np.stack([np.cos(spots.angle), np.sin(spots.angle)], axis=1)
        length = (back + size[:, 1]) / 2
        beside = tangent * (size[:, 0] + 2.0)[:, None]
        lane = Rectangles(
            spots.point + normal * length[:, None] + beside,
            np.stack([np.full(n, 1.6), length], axis=1),
            spots.angle,
        )
        drives.append(lane[stands & (rng.random(n) < 0.75)])
    return _apart(join(*houses)), join(*drives)


@dataclass(frozen=True, slots=True)
class _Spots:
    point: Floats
    angle: Floats
    side: Floats
    road_half_m: Floats


def _roadside(roads: list[PlannedRoad], spacing: float, rng: np.random.Generator) -> _Spots:
    """Return points every ``spacing`` metres along the roads, once for each side."""
    roads = [road for road in roads if road.road_class != "motorway"]
    lines = np.array([road.line for road in roads], dtype=object)
    lengths = shapely.length(lines)
    counts = np.maximum((lengths / spacing).astype(int), 0)
    owner = np.tile(np.repeat(np.arange(len(lines)), counts), 2)
    step = np.tile(np.concatenate([np.arange(c) for c in counts] or [np.zeros(0)]), 2)
    along = (step + rng.uniform(0.3, 0.7, len(step))) * spacing
    point = shapely.get_coordinates(shapely.line_interpolate_point(lines[owner], along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines[owner], along + 2.0))
    back = shapely.get_coordinates(
        shapely.line_interpolate_point(lines[owner], np.maximum(along - 2.0, 0.0))
    )
    heading = ahead - back
    side = np.repeat([1.0, -1.0], len(step) // 2)
    half = np.array([road.width_m / 2 for road in roads])[owner]
    return _Spots(point, np.arctan2(heading[:, 1], heading[:, 0]), side, half)


def _apart(rectangles: Rectangles) -> Rectangles:
    """Drop rectangles that would stand in an earlier one."""
    radius = np.hypot(*rectangles.half.T) * 0.85
    if len(radius) == 0:
        return rectangles
    pairs = KDTree(rectangles.centre).query_pairs(2 * radius.max(), output_type="ndarray")
    first, second = pairs.min(axis=1), pairs.max(axis=1)
    gap = np.hypot(*(rectangles.centre[first] - rectangles.centre[second]).T)
    keep = np.ones(len(radius), dtype=bool)
    keep[second[gap < radius[first] + radius[second]]] = False
    return rectangles[keep]


def halls_and_lots(ground: Ground, rng: np.random.Generator) -> tuple[Rectangles, Rectangles]:
    """Return large buildings of commercial zones and the parking lots beside them."""
    commercial = ground.zone == ZONES.index("commercial")
    rows, cols = np.nonzero(commercial & (ground.road_distance_m > 14.0))
    n = min(len(rows), int(commercial.sum() * ground.cell_m**2 / 250.0))
    chosen = rng.permutation(len(rows))[:n]
    rows, cols = rows[chosen], cols[chosen]
    centre = np.stack([cols + 0.5, rows + 0.5], axis=1) * ground.cell_m
    room = ground.road_distance_m[rows, cols] - 6.0
    half = np.minimum(rng.uniform(12.0, 45.0, n), room / 1.15)[:, None] * np.stack(
        [np.ones(n), rng.uniform(0.4, 1.0, n)], axis=1
    )
    large = half[:, 1] > 5.0
    plots = _apart(Rectangles(centre, half, ground.angle[rows, cols])[large])
    # A hall fills one half of its plot, cars the rest; some plots are parking lots only.
    share = np.where(rng.random(len(plots)) < 0.7, rng.uniform(0.35, 0.8, len(plots)), 0.0)
    along = np.stack([np.cos(plots.angle), np.sin(plots.angle)], axis=1) * plots.half[:, :1]
    side = rng.choice([-1.0, 1.0], (len(plots), 1))
    hall = Rectangles(
        plots.centre + along * side * (1.0 - share)[:, None],
        plots.half * np.stack([share, np.full(len(plots), 0.9)], axis=1),
        plots.angle,
    )
    lot = Rectangles(
        plots.centre - along * side * share[:, None],
        plots.half * np.stack([1.0 - share, np.ones(len(plots))], axis=1),
        plots.angle,
    )
    return hall[share > 0], lot


def cars_on_lots(lots: Rectangles, rng: np.random.Generator) -> Rectangles:
    """Return parked cars in double rows."""
    cars = []
    for centre, half, angle in zip(lots.centre, lots.half, lots.angle, strict=True):
        u = np.arange(-half[0] + 3.0, half[0] - 2.0, 2.7)
        v = np.arange(-half[1] + 4.0, half[1] - 3.0, 8.2)
        grid = np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)
        grid = grid[rng.random(len(grid)) < rng.uniform(0.2, 0.85)]
        cos, sin = math.cos(angle), math.sin(angle)
        place = centre + grid @ np.array([[cos, sin], [-sin, cos]])
        n = len(grid)
        cars.append(Rectangles(place, np.tile([0.95, 2.2], (n, 1)), np.full(n, angle)))
    return join(*cars) if cars else NOTHING


NOTHING = Rectangles(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0))


def cars_on_roads(roads: list[PlannedRoad], rng: np.random.Generator) -> Rectangles:
    """Return moving and parked cars, off the centreline."""
    spots = _roadside(roads, 24.0, rng)
    drives = rng.random(len(spots.angle)) < 0.22
    normal = np.stack([-np.sin(spots.angle), np.cos(spots.angle)], axis=1)
    lateral = spots.side * spots.road_half_m * rng.choice([0.45, 0.75], len(spots.angle))
    place = spots.point + normal * lateral[:, None]
    n = int(drives.sum())
    return Rectangles(place[drives], np.tile([2.2, 0.95], (n, 1)), spots.angle[drives])
