"""Painting of what is paved: roads, and what only looks like them."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString

from roadex.synthetic.canvas import Picture, burn
from roadex.synthetic.layout import PlannedRoad
from roadex.synthetic.placement import Rectangles, join
from roadex.synthetic.streets import turning_circles

CORNER_RADIUS_M = 3.5
"""Radius of the kerb where two roads meet."""

SIDEWALK_M = 1.8
"""Width of the strip beside a road that is sidewalk or shoulder in places."""

MARKING = (205.0, 203.0, 190.0)
MARKING_WIDTH_M = 0.25


def road_surface(
    edges: list[PlannedRoad], lines: list[LineString], shape: tuple[int, int], gsd_m: float
) -> NDArray[np.int32]:
    """Return 1 + the edge whose surface a pixel belongs to, 0 beside the road.

    Corners of junctions are rounded, and some streets that end get a turning circle.

    Parameters
    ----------
    edges
        The roads.
    lines
        Their centrelines in metres, going on where the scene ends.
    shape, gsd_m
        Size of the raster and of its pixels.
    """
    surfaces = [line.buffer(edge.width_m / 2) for line, edge in zip(lines, edges, strict=True)]
    circles = turning_circles(edges, shape[1] * gsd_m, shape[0] * gsd_m)
    together = shapely.union_all([*surfaces, *circles])
    rounded = together.buffer(CORNER_RADIUS_M).buffer(-CORNER_RADIUS_M)
    values = np.arange(len(edges) + 1, dtype=np.int32)
    values[0] = 1
    return burn([rounded, *surfaces], shape, gsd_m, values=values)


def pave(picture: Picture, lots: Rectangles, drives: Rectangles) -> None:
    """Paint parking lots and driveways: paved, but no road."""
    paved = join(lots, drives)
    owner = picture.burn(paved.polygons())
    tone = np.append(0.0, picture.rng.normal(0.98, 0.14, len(paved))).astype(np.float32)
    grain = 1.0 + 0.06 * picture.grain(0.8) + 0.06 * picture.smooth(9.0)
    asphalt = np.array(picture.palette.asphalt, dtype=np.float32)
    picture.blend(asphalt * (tone[owner] * grain)[..., None], 0.92 * (owner > 0))


def lay_rails(picture: Picture, railway: list[LineString]) -> None:
    """Paint a railway: ballast, darker between the rails."""
    if not railway:
        return
    ballast = picture.burn([line.buffer(2.6) for line in railway]) > 0
    rails = picture.burn([line.buffer(0.8) for line in railway]) > 0
    bed = np.array([112.0, 100.0, 92.0], dtype=np.float32)
    picture.blend(bed * (1.0 + 0.12 * picture.grain(0.6))[..., None], 0.9 * ballast)
    picture.blend((80.0, 74.0, 72.0), 0.5 * rails)


def lay_roads(
    picture: Picture, edges: list[PlannedRoad], lines: list[LineString], road: NDArray[np.int32]
) -> None:
    """Paint sidewalks and shoulders, the roads, and their markings."""
    pairs = list(zip(lines, edges, strict=True))
    wide = [e.width_m / 2 + SIDEWALK_M if e.road_class != "lane" else 0.0 for e in edges]
    beside = picture.burn([line.buffer(w) for line, w in zip(lines, wide, strict=True)]) > 0
    patchy = np.clip(0.35 + 0.3 * picture.smooth(70.0), 0.0, 0.75)
    picture.blend(picture.palette.concrete, beside * patchy)
    tone = np.append(0.0, [edge.tone for edge in edges]).astype(np.float32)[road]
    wear = 1.0 + 0.045 * picture.smooth(22.0) + 0.03 * picture.smooth(4.0)
    wear += 0.05 * picture.grain(0.7)
    asphalt = np.array(picture.palette.asphalt) * picture.rng.normal(1.0, 0.11)
    colours = asphalt.astype(np.float32) * (tone * wear)[..., None]
    picture.blend(colours, road > 0)
    marks = [mark for line, edge in pairs for mark in _markings(line, edge)]
    paint = picture.burn(marks, all_touched=True) > 0
    picture.blend(MARKING, min(0.6, MARKING_WIDTH_M / picture.gsd_m) * paint)


def _markings(line: LineString, road: PlannedRoad) -> list[LineString]:
    """Return the painted lines of a road: the middle, and the edges of wide ones."""
    if road.road_class in ("lane", "residential"):
        return []
    if road.road_class == "secondary":
        return [line]
    edge = road.width_m / 2 - 0.8
    return [line, line.offset_curve(edge), line.offset_curve(-edge)]
