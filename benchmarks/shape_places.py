"""Places of generated roads, kind by kind, whose shapes are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import shapely
import shapely.affinity
import shapely.ops
from shapely import LineString, Point, Polygon

SIDE_M = 500

Random = np.random.Generator


@dataclass
class Place:
    """True roads of a square of 500 m, coordinates in metres from its top left corner."""

    roads: list[tuple[LineString, float]] = field(default_factory=list)
    """Centre line and width."""

    surfaces: list[Polygon] = field(default_factory=list)
    """Paved ground besides."""

    def add(self, points: object, width_m: float) -> None:
        """Add a road."""
        self.roads.append((LineString(points), width_m))


def bend(radius_m: float, angle_deg: float, leg_m: float) -> LineString:
    """Return a road that comes from the west, turns with a radius and goes on straight."""
    sweep = math.radians(angle_deg)
    arc = [
        (radius_m * math.sin(a), radius_m * (1 - math.cos(a))) for a in np.linspace(0, sweep, 40)
    ]
    last = arc[-1][0] + leg_m * math.cos(sweep), arc[-1][1] + leg_m * math.sin(sweep)
    return LineString([(-leg_m, 0), *arc, last])


def bends(random: Random) -> Place:
    """Draw a road with one bend of 8 to 60 m radius."""
    place = Place()
    line = bend(random.uniform(8, 60), random.uniform(40, 120), 400)
    place.add(line.coords, random.uniform(4, 12))
    return place


def hairpins(random: Random) -> Place:
    """Draw a mountain road of three to five legs."""
    gap, length, n_legs = random.uniform(20, 40), random.uniform(120, 220), random.integers(3, 6)
    points: list[tuple[float, float]] = []
    for leg in range(n_legs):
        ends = [(0.0, leg * gap), (length, leg * gap)]
        points += ends if leg % 2 == 0 else ends[::-1]
        if leg < n_legs - 1:
            side = 1 if leg % 2 == 0 else -1
            for a in np.linspace(-math.pi / 2, math.pi / 2, 16)[1:-1]:
                x = length if side > 0 else 0
                points.append(
                    (x + side * gap / 2 * math.cos(a), (leg + 0.5 + math.sin(a) / 2) * gap)
                )
    place = Place()
    place.add(points, random.uniform(4, 6))
    return place


def roundabouts(random: Random) -> Place:
    """Draw a roundabout of three to five arms."""
    radius, width, n_arms = random.uniform(11, 28), random.uniform(5, 8), random.integers(3, 6)
    angles = np.arange(n_arms) * 2 * math.pi / n_arms + random.uniform(-0.25, 0.25, n_arms)
    place = Place()
    full = np.linspace(0, 2 * math.pi, 73) + angles[0]
    ring = LineString([(radius * math.cos(a), radius * math.sin(a)) for a in full])
    cuts = np.sort(
        ring.project([Point(radius * math.cos(a), radius * math.sin(a)) for a in angles])
    )
    for first, last in zip(cuts, [*cuts[1:], ring.length], strict=True):
        piece = shapely.ops.substring(ring, first, last)
        place.add(piece.coords, width)
    for cut in cuts:
        x, y = ring.interpolate(cut).coords[0]
        reach = 400 / radius
        place.add([(x, y), (x * (1 + reach), y * (1 + reach))], width)
    return place


def duals(random: Random) -> Place:
    """Draw a dual carriageway with a strip of 4 to 10 m between."""
    width, strip = random.uniform(7, 10), random.uniform(4, 10)
    along = np.linspace(0, 800, 100)
    bow = random.uniform(0, 60) * np.sin(along / 800 * math.pi)
    place = Place()
    middle = LineString(np.column_stack([along, bow]))
    for side in (-1, 1):
        place.add(middle.offset_curve(side * (width + strip) / 2).coords, width)
    return place


def plazas(random: Random) -> Place:
    """Draw a road through a square or a toll station."""
    place, width = Place(), random.uniform(7, 9)
    half, length = random.uniform(20, 35), random.uniform(80, 140)
    place.add([(-400, 0), (400, 0)], width)
    place.surfaces.append(shapely.box(-length / 2, -half, length / 2, half))
    return place


def grids(random: Random) -> Place:
    """Draw streets of a town: crossings, tees, two streets that meet a third one staggered."""
    place, width = Place(), random.uniform(5, 8)
    xs = np.cumsum(random.uniform(55, 95, 4))
    ys = np.cumsum(random.uniform(55, 95, 3))
    stagger = random.uniform(18, 30)
    lines = [LineString([(xs[0], y), (xs[-1], y)]) for y in ys]
    lines += [LineString([(x, ys[0]), (x, ys[-1])]) for x in xs]
    lines.append(LineString([(xs[1] + stagger, ys[-1]), (xs[1] + stagger, ys[-1] + 70)]))
    lines.append(LineString([(xs[2], ys[0]), (xs[2], ys[0] - 70)]))
    for piece in shapely.get_parts(shapely.union_all(lines)):
        place.add(piece.coords, width)
    return place


def merges(random: Random) -> Place:
    """Draw a main road that a slip road leaves at 12 to 25 degrees."""
    place, angle = Place(), math.radians(random.uniform(12, 25))
    width = random.uniform(8, 12)
    place.add([(-400, 0), (-100, 0)], width)
    place.add([(-100, 0), (400, 0)], width)
    end = (-100 + 500 * math.cos(angle), 500 * math.sin(angle))
    place.add([(-100, 0), end], random.uniform(5, 6.5))
    return place


def wides(random: Random) -> Place:
    """Draw one wide road, 12 to 45 m."""
    place = Place()
    along = np.linspace(0, 800, 100)
    bow = random.uniform(-60, 60) * np.sin(along / 800 * math.pi)
    place.add(np.column_stack([along, bow]), random.uniform(12, 45))
    return place


def lanes(random: Random) -> Place:
    """Draw lanes of 3 to 4.5 m, 20 to 30 m apart, from a street."""
    place, spacing = Place(), random.uniform(20, 30)
    street = LineString([(0, 0), (spacing * 7, 0)])
    ways = [
        LineString([(spacing * i, 0), (spacing * i, random.uniform(80, 160))]) for i in range(1, 7)
    ]
    for piece in shapely.get_parts(shapely.union_all([street, *ways])):
        is_street = abs(piece.coords[0][1]) + abs(piece.coords[-1][1]) < 1e-9
        place.add(piece.coords, 6.0 if is_street else random.uniform(3, 4.5))
    return place


KINDS: dict[str, Callable[[Random], Place]] = {
    drawer.__name__: drawer
    for drawer in (bends, hairpins, roundabouts, duals, plazas, grids, merges, wides, lanes)
}


def turned(place: Place, random: Random) -> Place:
    """Turn a place by any angle and put it into the middle of its square."""
    angle = random.uniform(0, 360)
    everything = shapely.GeometryCollection([line for line, _ in place.roads])
    centre = shapely.affinity.rotate(everything, angle, origin=(0, 0)).envelope.centroid

    def moved(shape: shapely.Geometry) -> shapely.Geometry:
        about = shapely.affinity.rotate(shape, angle, origin=(0, 0))
        return shapely.affinity.translate(
            about, SIDE_M / 2 - centre.x + random_shift[0], SIDE_M / 2 - centre.y + random_shift[1]
        )

    random_shift = random.uniform(-1, 1, 2)
    return Place(
        [(moved(line), width) for line, width in place.roads],
        [moved(surface) for surface in place.surfaces],
    )


def clipped(place: Place) -> Place:
    """Cut a place to its square: roads that leave it end at its border."""
    square = shapely.box(0, 0, SIDE_M, SIDE_M)
    pieces = [
        (piece, width)
        for line, width in place.roads
        for piece in shapely.get_parts(line.intersection(square))
        if piece.length > 0
    ]
    return Place(pieces, place.surfaces)
