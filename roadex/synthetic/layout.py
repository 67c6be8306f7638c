"""The plan of a generated place: main roads, water, railway, and the land between them.

Everything here is in metres, x to the east (columns), y to the south (rows), origin at the
upper-left corner of the scene.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray
from shapely import LineString, Point, Polygon

from roadex.synthetic.styles import ROAD_WIDTHS_M, ZONES, Style

MARGIN_M = 80.0
"""The plan goes on this far outside the scene."""

STEP_M = 10.0
"""Distance between the vertices of curved lines."""


@dataclass(frozen=True, slots=True)
class PlannedRoad:
    """A road before it is cut at junctions."""

    line: LineString
    width_m: float
    road_class: str
    tone: float
    """Brightness relative to the asphalt of the scene; 1 is the mean."""


@dataclass(frozen=True, slots=True)
class Zone:
    """Land between main roads."""

    outline: Polygon
    kind: int
    """Index into ``ZONES``."""

    angle: float
    """Direction of its streets or crop rows, radians."""


@dataclass(frozen=True, slots=True)
class Warp:
    """A smooth displacement of the plane: what makes straight lines bend."""

    amplitude_m: float
    waves: NDArray[np.float64]
    phases: NDArray[np.float64]

    @classmethod
    def draw(cls, amplitude_m: float, wavelength_m: float, rng: np.random.Generator) -> Warp:
        """Draw four waves of about ``wavelength_m``."""
        angles = rng.uniform(0, 2 * math.pi, 4)
        numbers = 2 * math.pi / (wavelength_m * rng.uniform(0.7, 1.5, 4))
        waves = np.stack([np.cos(angles) * numbers, np.sin(angles) * numbers])
        return cls(amplitude_m, waves, rng.uniform(0, 2 * math.pi, (2, 4)))

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Displace ``points`` of shape ``(N, 2)``."""
        angles = points @ self.waves
        shift = np.stack([np.sin(angles + phase).mean(axis=1) for phase in self.phases], axis=1)
        return points + self.amplitude_m * 1.4 * shift


@dataclass(slots=True)
class Plan:
    """Main roads and what keeps streets away."""

    width_m: float
    height_m: float
    roads: list[PlannedRoad] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    water: list[Polygon] = field(default_factory=list)
    railway: list[LineString] = field(default_factory=list)
    barriers: list[Polygon] = field(default_factory=list)
    roundabouts: list[Polygon] = field(default_factory=list)

    @property
    def ground(self) -> Polygon:
        """The planned rectangle: the scene and its margin."""
        return shapely.box(-MARGIN_M, -MARGIN_M, self.width_m + MARGIN_M, self.height_m + MARGIN_M)

    def kinds(self) -> NDArray[np.uint8]:
        """Return the kind of zone by its number in zone rasters: 1 + index; 0 is no zone."""
        return np.array([0, *(zone.kind for zone in self.zones)], dtype=np.uint8)

    def angles(self) -> NDArray[np.float64]:
        """Return the street direction by number in zone rasters."""
        return np.array([0.0, *(zone.angle for zone in self.zones)])


def plan_place(width_m: float, height_m: float, style: Style, rng: np.random.Generator) -> Plan:
    """Plan main roads, water and railway of a scene, and what fills the land between them."""
    plan = Plan(width_m, height_m)
    angle = rng.uniform(0, math.pi / 2)
    warp = Warp.draw(style.bend_m, 700.0, rng)
    along, along_gaps = _family(plan, angle, style, warp, rng)
    across, across_gaps = _family(plan, angle + math.pi / 2 + rng.normal(0, 0.12), style, warp, rng)
    if rng.random() < style.river and along_gaps:
        _add_river(plan, along_gaps[rng.integers(len(along_gaps))], rng)
    if rng.random() < style.railway and across_gaps:
        _add_railway(plan, across_gaps[rng.integers(len(across_gaps))])
    dual = rng.random() < style.highway
    if dual:
        _add_highway(plan, along.pop(0), rng)
    lines = _with_roundabout(plan, along, across, rng.random() < style.roundabout, rng)
    _add_main_roads(plan, lines, style, rng)
    _add_zones(plan, style, angle, rng)
    if rng.random() < style.lake:
        _add_lake(plan, rng)
    return plan


def _family(
    plan: Plan, angle: float, style: Style, warp: Warp, rng: np.random.Generator
) -> tuple[list[LineString], list[LineString]]:
    """Return bent parallel lines, the one nearest the centre first, and lines halfway between."""
    reach = math.hypot(plan.width_m, plan.height_m) / 2 + MARGIN_M
    low, high = style.arterial_spacing_m
    middle = rng.uniform(-0.15, 0.15) * low
    above = middle + np.cumsum(rng.uniform(low, high, int(reach / low) + 1))
    below = middle - np.cumsum(rng.uniform(low, high, int(reach / low) + 1))
    offsets = np.concatenate([below[::-1], [middle], above])
    centre = np.array([plan.width_m, plan.height_m]) / 2
    lines = parallel_lines(centre, angle, offsets, reach + 200.0, warp)
    gaps = parallel_lines(centre, angle, (offsets[1:] + offsets[:-1]) / 2, reach + 200.0, warp)
    n_below = len(below)
    near = [
        gap for gap in gaps if gap.distance(Point(centre)) < min(plan.width_m, plan.height_m) / 2
    ]
    return [lines[n_below], *lines[:n_below], *lines[n_below + 1 :]], near


def parallel_lines(
    centre: NDArray[np.float64],
    angle: float,
    offsets: NDArray[np.float64],
    reach_m: float,
    warp: Warp,
) -> list[LineString]:
    """Return lines in direction ``angle``, ``offsets`` beside ``centre``, bent by ``warp``."""
    direction = np.array([math.cos(angle), math.sin(angle)])
    normal = np.array([-direction[1], direction[0]])
    steps = np.arange(-reach_m, reach_m + STEP_M, STEP_M)[:, None] * direction
    return [LineString(warp(centre + offset * normal + steps)) for offset in offsets]


def _add_river(plan: Plan, middle: LineString, rng: np.random.Generator) -> None:
    meander = Warp.draw(18.0, 220.0, rng)
    bed = shapely.transform(middle, meander).buffer(rng.uniform(7.0, 18.0))
    plan.water.append(bed)
    plan.barriers.append(bed.buffer(22.0))


def _add_railway(plan: Plan, middle: LineString) -> None:
    plan.railway.append(middle)
    plan.barriers.append(middle.buffer(22.0))


def _add_highway(plan: Plan, middle: LineString, rng: np.random.Generator) -> None:
    """Lay two carriageways beside ``middle``; streets keep their distance."""
    width_m = rng.uniform(*ROAD_WIDTHS_M["motorway"])
    offset = (width_m + rng.uniform(8.0, 13.0)) / 2
    tone = rng.normal(1.0, 0.05)
    for side in (offset, -offset):
        carriageway = shapely.segmentize(middle.offset_curve(side), STEP_M)
        plan.roads.append(PlannedRoad(carriageway, width_m, "motorway", tone))
    plan.barriers.append(middle.buffer(offset + 35.0))


def _with_roundabout(
    plan: Plan,
    along: list[LineString],
    across: list[LineString],
    wanted: bool,
    rng: np.random.Generator,
) -> list[LineString]:
    """Return the main roads, the junction nearest to the centre turned into a roundabout."""
    lines = along + across
    inside = shapely.box(0, 0, plan.width_m, plan.height_m).buffer(-60.0)
    meetings = [p for a in along for b in across for p in shapely.get_parts(a.intersection(b))]
    keep_off = shapely.union_all(plan.barriers)
    free = [p for p in meetings if inside.contains(p) and keep_off.distance(p) > 45.0]
    if not wanted or not free:
        return lines
    centre = Point(plan.width_m / 2, plan.height_m / 2)
    radius = rng.uniform(16.0, 27.0)
    disc = min(free, key=centre.distance).buffer(radius, quad_segs=10)
    plan.roundabouts.append(disc)
    plan.barriers.append(disc.buffer(30.0))
    ring = PlannedRoad(LineString(disc.exterior), rng.uniform(7.0, 8.5), "secondary", 1.0)
    plan.roads.append(ring)
    return [part for line in lines for part in shapely.get_parts(line.difference(disc))]


def _add_main_roads(
    plan: Plan, lines: list[LineString], style: Style, rng: np.random.Generator
) -> None:
    """Add the main roads; some pieces between junctions are left out where the style says so."""
    classes = ("secondary", "secondary", "primary", "residential")
    for line in lines:
        road_class = classes[rng.integers(len(classes))]
        width_m = rng.uniform(*ROAD_WIDTHS_M[road_class])
        tone = rng.normal(1.0, 0.07)
        others = shapely.union_all([other for other in lines if other is not line])
        cuts = shapely.get_parts(line.intersection(others))
        for piece in _pieces(line, [line.project(cut) for cut in cuts]):
            if rng.random() >= style.missing_arterials:
                plan.roads.append(PlannedRoad(piece, width_m, road_class, tone))


def _pieces(line: LineString, cuts: list[float]) -> list[LineString]:
    ends = [0.0, *sorted(cuts), line.length]
    pieces = [shapely.ops.substring(line, a, b) for a, b in itertools.pairwise(ends) if b - a > 1]
    return [piece for piece in pieces if isinstance(piece, LineString)]


def _add_zones(plan: Plan, style: Style, angle: float, rng: np.random.Generator) -> None:
    """Fill the faces between main roads and railway."""
    lines = [road.line for road in plan.roads] + plan.railway + [plan.ground.exterior]
    faces = shapely.get_parts(
        shapely.polygonize(shapely.get_parts(shapely.union_all(lines, grid_size=0.01)))
    )
    kinds, weights = list(style.zones), np.array(list(style.zones.values()))
    for face in faces:
        kind = str(rng.choice(kinds, p=weights / weights.sum()))
        if face.area < 9000.0 or face.buffer(-25.0).is_empty:
            kind = "verge"
        streets = angle + rng.choice([0.0, math.pi / 2]) + rng.normal(0, 0.1)
        plan.zones.append(Zone(face, ZONES.index(kind), streets))


def _add_lake(plan: Plan, rng: np.random.Generator) -> None:
    """Put a lake into the roomiest face that lies in the scene."""
    scene = shapely.box(0, 0, plan.width_m, plan.height_m)
    # Dangling roads bound no face: they have to be taken out of it.
    taken = shapely.union_all([*plan.barriers, *(road.line.buffer(20.0) for road in plan.roads)])
    free = [
        part
        for zone in plan.zones
        if zone.kind != ZONES.index("commercial")
        for part in shapely.get_parts(zone.outline.intersection(scene).difference(taken))
        if part.area > 20000.0
    ]
    if not free:
        return
    circle = shapely.maximum_inscribed_circle(free[rng.integers(len(free))], tolerance=5.0)
    centre, room = np.array(circle.coords[0]), circle.length
    turn = np.linspace(0, 2 * math.pi, 73)[:-1]
    waves = sum(rng.normal(0, 0.16) * np.cos(k * turn + rng.uniform(0, 6.3)) for k in (2, 3, 4, 5))
    radius = np.clip(min(room * 0.6, 110.0) * (1 + waves), 15.0, room)
    shore = centre + radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    lake = Polygon(shore)
    plan.water.append(lake)
    plan.barriers.append(lake.buffer(18.0))
