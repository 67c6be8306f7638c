"""Streets between the main roads, and the cut of everything into one connected network."""

from __future__ import annotations

import math

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely import LineString, Polygon

from roadex.synthetic.layout import (
    MARGIN_M,
    Plan,
    PlannedRoad,
    Warp,
    Zone,
    parallel_lines,
)
from roadex.synthetic.styles import ROAD_WIDTHS_M, ZONES

STREET_GRIDS: dict[str, tuple[tuple[float, float], tuple[float, float], float, float]] = {
    "residential": ((62.0, 84.0), (130.0, 220.0), 4.0, 0.10),
    "suburb": ((80.0, 120.0), (190.0, 330.0), 26.0, 0.22),
    "commercial": ((120.0, 190.0), (150.0, 260.0), 6.0, 0.15),
    "farmland": ((320.0, 600.0), (500.0, 900.0), 30.0, 0.35),
    "woods": ((300.0, 600.0), (500.0, 900.0), 45.0, 0.4),
    "bare": ((150.0, 300.0), (200.0, 400.0), 12.0, 0.3),
}
"""Per zone: spacing of streets and of cross streets, bend (m), share of shortened streets."""

SHORTEST_STREET_M = 45.0

TURNING_RADIUS_M = 9.0
"""Radius of the paved circle at the end of a residential street."""


def lay_streets(plan: Plan, rng: np.random.Generator) -> list[PlannedRoad]:
    """Return the streets of every zone that has some."""
    keep_off = shapely.union_all(plan.barriers)
    streets = []
    for zone in plan.zones:
        grid = STREET_GRIDS.get(ZONES[zone.kind])
        if grid is not None:
            streets += _zone_streets(zone, keep_off, grid, rng)
    return streets


def _zone_streets(
    zone: Zone,
    keep_off: Polygon,
    grid: tuple[tuple[float, float], tuple[float, float], float, float],
    rng: np.random.Generator,
) -> list[PlannedRoad]:
    """Lay two families of lines over a zone and keep what is a sensible street."""
    spacing, cross_spacing, bend_m, shortened = grid
    kind = ZONES[zone.kind]
    warp = Warp.draw(bend_m, 260.0, rng)
    west, north, east, south = zone.outline.bounds
    centre = np.array([(west + east) / 2, (north + south) / 2])
    reach = math.hypot(east - west, south - north) / 2 + bend_m
    road_class = "lane" if kind in ("farmland", "woods", "bare") else "residential"
    edge = zone.outline.exterior.buffer(24.0)
    streets = []
    tone = rng.normal(1.0, 0.05)
    for angle, step in ((zone.angle, spacing), (zone.angle + math.pi / 2, cross_spacing)):
        gap = rng.uniform(*step)
        offsets = np.arange(-reach + rng.uniform(0, gap), reach, gap)
        offsets = offsets + rng.normal(0, 0.06 * gap, len(offsets))
        for line in parallel_lines(centre, angle, offsets, reach, warp):
            width_m = rng.uniform(*ROAD_WIDTHS_M[road_class])
            parts = shapely.get_parts(line.intersection(zone.outline).difference(keep_off))
            for part in parts[shapely.length(parts) > SHORTEST_STREET_M]:
                street = _shorten(part, rng) if rng.random() < shortened else part
                if _is_sensible(street, edge):
                    road_tone = tone * rng.normal(1.0, 0.06)
                    streets.append(PlannedRoad(street, width_m, road_class, road_tone))
    return streets


def _shorten(line: LineString, rng: np.random.Generator) -> LineString:
    """Cut off one end of a street: it becomes a dead end."""
    share = rng.uniform(0.35, 0.8)
    if rng.random() < 0.5:
        return shapely.ops.substring(line, 0.0, share, normalized=True)
    return shapely.ops.substring(line, 1.0 - share, 1.0, normalized=True)


def _is_sensible(street: LineString, edge: Polygon) -> bool:
    """Tell whether a street is long enough and does not hug the main road beside it."""
    if not isinstance(street, LineString) or street.length < SHORTEST_STREET_M:
        return False
    return bool(street.intersection(edge).length < 80.0)


def cut_network(roads: list[PlannedRoad], width_m: float, height_m: float) -> list[PlannedRoad]:
    """Cut roads at every crossing and keep the largest connected network inside the scene.

    Returns
    -------
    edges
        Roads from junction to junction; ends that meet coincide exactly.
    """
    lines = [road.line for road in roads]
    # Snap rounding to 1 cm: ends that lie on another road up to rounding become junctions there.
    noded = shapely.get_parts(shapely.union_all(lines, grid_size=0.01))
    noded = noded[shapely.length(noded) > 0.05]
    owners = shapely.STRtree(lines).nearest(
        shapely.line_interpolate_point(noded, 0.5, normalized=True)
    )
    scene = shapely.box(0, 0, width_m, height_m)
    parts, index = shapely.get_parts(shapely.intersection(noded, scene), return_index=True)
    is_line = (shapely.get_type_id(parts) == 1) & (shapely.length(parts) > 0.5)
    parts, owners = parts[is_line], owners[index[is_line]]
    keep = _largest_network(parts) & ~_stubs(parts, width_m, height_m)
    return [
        PlannedRoad(part, roads[i].width_m, roads[i].road_class, roads[i].tone)
        for part, i in zip(parts[keep], owners[keep], strict=True)
    ]


def _end_ids(lines: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the ids of first and last node, shape ``(N, 2)``."""
    ends = np.stack([shapely.get_point(lines, 0), shapely.get_point(lines, -1)], axis=1)
    places = np.round(shapely.get_coordinates(ends.ravel()), 3)
    _, ids = np.unique(places, axis=0, return_inverse=True)
    return np.asarray(ids.reshape(-1, 2), dtype=np.int64)


def _largest_network(lines: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Mark the lines of the connected network with the greatest length."""
    if len(lines) == 0:
        return np.zeros(0, dtype=bool)
    ends = _end_ids(lines)
    n = int(ends.max()) + 1
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    _, label = connected_components(links, directed=False)
    lengths = np.bincount(label[ends[:, 0]], weights=shapely.length(lines))
    return np.asarray(label[ends[:, 0]] == lengths.argmax())


def _stubs(lines: NDArray[np.object_], width_m: float, height_m: float) -> NDArray[np.bool_]:
    """Mark dead ends that are too short to be streets (not those cut off by the scene's border)."""
    ends = _end_ids(lines)
    degree = np.bincount(ends.ravel())
    border = shapely.box(0, 0, width_m, height_m).exterior
    is_free = (degree[ends] == 1).any(axis=1)
    short = shapely.length(lines) < SHORTEST_STREET_M / 2
    return np.asarray(is_free & short & (shapely.distance(lines, border) > 1.0))


def extend_past_border(road: PlannedRoad, width_m: float, height_m: float) -> LineString:
    """Return the line of ``road`` carried on straight where the scene's border cuts it."""
    points = shapely.get_coordinates(road.line)
    border = shapely.box(0, 0, width_m, height_m).exterior
    for end, step in ((0, 1), (-1, -2)):
        if border.distance(shapely.Point(points[end])) < 1e-6:
            direction = points[end] - points[step]
            beyond = points[end] + direction / max(np.hypot(*direction), 1e-9) * MARGIN_M / 4
            points = np.vstack([beyond, points] if end == 0 else [points, beyond])
    return LineString(points)


def turning_circles(edges: list[PlannedRoad], width_m: float, height_m: float) -> list[Polygon]:
    """Return the paved circles at every second residential dead end inside the scene."""
    inside = shapely.box(0, 0, width_m, height_m).buffer(-1.0)
    shapely.prepare(inside)
    lines = np.array([edge.line for edge in edges], dtype=object)
    ends = _end_ids(lines)
    degree = np.bincount(ends.ravel())
    return [
        shapely.get_point(edge.line, -which).buffer(TURNING_RADIUS_M)
        for edge, nodes in zip(edges, ends, strict=True)
        for which, node in enumerate(nodes)
        if degree[node] == 1
        and node % 2 == 0
        and edge.road_class == "residential"
        and inside.contains(shapely.get_point(edge.line, -which))
    ]
