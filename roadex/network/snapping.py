"""Rough lines led along the road probability: a few clicks become the centre line of a road.

    vertices ─► nearest ridge of probability ─► cheapest way between them ─► smoothed line

Every stretch between two vertices is read and solved in a window of its own, so memory does not
grow with the raster. A stretch over nothing stays straight.

References
----------
.. [1] E. N. Mortensen and W. A. Barrett, "Intelligent scissors for image composition", SIGGRAPH
   1995 (least-cost paths between clicks).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, gaussian_filter1d
from skimage.draw import line as straight_pixels
from skimage.graph import MCP_Geometric

from roadex.config import NODATA, PROBABILITY_MAX, SnapConfig
from roadex.errors import NetworkError
from roadex.imagery.geodesy import pixel_size, place
from roadex.network.sound_lines import single_lines
from roadex.probability.source import ProbabilitySource

SEARCH_M: Final = SnapConfig().search_m
"""How far a vertex may lie from the road it means, and beyond the raster."""

LONGEST_PX: Final = 1200
"""Longest stretch between two vertices that is led along the probability; bounds the memory."""

_ROOM_PX: Final = 64
"""Room for detours around the box of two vertices; half of their distance where that is more."""

_SCALES_PX: Final = (1.5, 3.0, 6.0)
"""Blurs whose mean rises to the middle of a road, also of one that is only guessed at."""

_ROAD: Final = 0.5
_HALF_WIDTH_PX: Final = 12.0
_EDGE_WEIGHT: Final = 0.4
"""Where the probability says road, the distance from its edge counts by this weight, up to the
middle of a road twice as wide: blurred, wide roads are flat, and bends lean to their inner side."""

_STEEPNESS: Final = 12.0
"""Beside all roads a pixel costs e to this power of one in the middle of a wide, sure road."""

_DISTANCE_WEIGHT: Final = 0.15
"""What the whole search distance costs a vertex, in probability."""

_NOTHING: Final = 0.05
"""Mean of :func:`_window` below which a way follows no road, and the straight line is as good."""

_SMOOTHING_PX, _TOLERANCE_PX = 1.5, 0.3

Pixels = NDArray[np.float64]
"""Places in pixels of the raster, shape ``(n, 2)``: row, column; 0.0 is the middle of the first."""


def snap_lines(
    lines: gpd.GeoDataFrame, source: ProbabilitySource, *, search_m: float = SEARCH_M
) -> gpd.GeoDataFrame:
    """Lead lines along the roads they roughly follow.

    Parameters
    ----------
    lines
        With a CRS; attributes stay.
    source
        Road probability; nodata counts as no road.
    search_m
        How far a vertex may lie from the road it means, in metres.

    Returns
    -------
    snapped
        In the CRS of the lines, one line a row. ``snapped``: False for lines that leave the raster
        or have vertices too far apart; they are as they were. ``prob_mean``: mean probability
        along the others, in [0, 1].

    Raises
    ------
    NetworkError
        If there are no lines, or they have no CRS.
    """
    if lines.crs is None:
        msg = "the lines have no CRS"
        raise NetworkError(msg)
    found, _ = single_lines(lines, "the file")
    if found.empty:
        msg = "there are no lines to snap"
        raise NetworkError(msg)
    radius = search_m / pixel_size(source.transform, source.crs, source.shape).gsd_m
    placed = found.geometry.to_crs(source.crs)
    ways = [_snap(_to_pixels(line, source), source, radius) for line in placed]
    drawn = [
        line if way is None else _line(way, source) for line, way in zip(placed, ways, strict=True)
    ]
    back = gpd.GeoSeries(drawn, index=found.index, crs=source.crs).to_crs(found.crs)
    is_snapped = np.array([way is not None for way in ways])
    geometry = back.where(is_snapped, found.geometry)
    mean = [np.nan if way is None else round(_mean(way, source), 4) for way in ways]
    return found.set_geometry(geometry).assign(snapped=is_snapped, prob_mean=mean)


def _to_pixels(line: shapely.LineString, source: ProbabilitySource) -> Pixels:
    x, y = shapely.get_coordinates(line).T
    col, row = ~source.transform @ (x, y)
    return np.stack([row, col], axis=1) - 0.5


def _line(way: Pixels, source: ProbabilitySource) -> shapely.LineString:
    """Return the way through pixels as a smooth line in the CRS of the raster."""
    smooth = gaussian_filter1d(way, _SMOOTHING_PX, axis=0, mode="nearest")
    smooth[[0, -1]] = way[[0, -1]]
    simple = shapely.LineString(smooth).simplify(_TOLERANCE_PX)
    row, col = (shapely.get_coordinates(simple) + 0.5).T
    return shapely.LineString(np.stack(place(source.transform, col, row), axis=1))


def _snap(vertices: Pixels, source: ProbabilitySource, radius: float) -> Pixels | None:
    """Return the pixels a line leads through; None where it cannot be led."""
    inside = vertices.clip(0, np.array(source.shape) - 1)
    steps = np.hypot(*np.diff(inside, axis=0).T)
    if np.hypot(*(vertices - inside).T).max() > radius or steps.max() > LONGEST_PX:
        return None
    stops = [_to_ridge(vertex, source, radius) for vertex in inside]
    way = [stops[0]]
    for a, b in pairwise(stops):
        for pixel in _cheapest_way(a, b, source)[1:]:
            # Into a side road and back: a vertex lay nearer to that one.
            if len(way) > 1 and pixel == way[-2]:
                way.pop()
            else:
                way.append(pixel)
    return np.array(way, dtype=np.float64) if len(way) > 1 else None


def _to_ridge(vertex: Pixels, source: ProbabilitySource, radius: float) -> tuple[int, int]:
    """Return the best pixel around a vertex: likely, in the middle of the road, and near."""
    top, left, values = _window(vertex[None], source, int(np.ceil(radius)))
    rows, cols = np.indices(values.shape)
    distance = np.hypot(rows + top - vertex[0], cols + left - vertex[1]) / radius
    worth = np.where(distance <= 1, values - _DISTANCE_WEIGHT * distance**2, -np.inf)
    # The vertex's own pixel is a choice, also where the search distance is below a pixel.
    worth.flat[np.argmin(distance)] = max(worth.flat[np.argmin(distance)], -1.0)
    row, col = (int(v) for v in np.unravel_index(np.argmax(worth), worth.shape))
    return row + top, col + left


def _cheapest_way(
    a: tuple[int, int], b: tuple[int, int], source: ProbabilitySource
) -> list[tuple[int, int]]:
    """Return the pixels of the cheapest way, both ends included."""
    ends = np.array([a, b], dtype=np.float64)
    room = max(_ROOM_PX, int(np.hypot(*(ends[1] - ends[0])) / 2))
    top, left, values = _window(ends, source, room)
    costs = np.exp(_STEEPNESS * (1 - values))
    start, end = ((row - top, col - left) for row, col in (a, b))
    paths = MCP_Geometric(costs)
    paths.find_costs([start], [end])
    way = np.array(paths.traceback(end))
    if values[way[:, 0], way[:, 1]].mean() < _NOTHING:
        way = np.stack(straight_pixels(*start, *end), axis=1)  # type: ignore[no-untyped-call]
    return [(row + top, col + left) for row, col in way.tolist()]


def _window(
    places: Pixels, source: ProbabilitySource, room: int
) -> tuple[int, int, NDArray[np.float64]]:
    """Return the first row and column of a window around places, and how central its pixels are.

    In [0, 1]; highest in the middle of roads.
    """
    around = room + int(2 * max(_SCALES_PX))
    low = np.maximum(np.floor(places.min(axis=0)).astype(int) - around, 0)
    high = np.minimum(np.ceil(places.max(axis=0)).astype(int) + around + 1, source.shape)
    values = source.read(int(low[0]), int(low[1]), *(int(v) for v in high - low))
    probability = np.where(values == NODATA, 0, values).astype(np.float32) / PROBABILITY_MAX
    blurred = [gaussian_filter(probability, scale) for scale in _SCALES_PX]
    from_edge = distance_transform_edt(gaussian_filter(probability, 1.0) >= _ROAD)
    inside = np.minimum(from_edge / _HALF_WIDTH_PX, 1.0)
    central = (1 - _EDGE_WEIGHT) * np.mean(blurred, axis=0) + _EDGE_WEIGHT * inside
    return int(low[0]), int(low[1]), np.asarray(central, dtype=np.float64)


def _mean(way: Pixels, source: ProbabilitySource) -> float:
    """Return the mean probability of the pixels of a way, read stretch by stretch."""
    pixels = way.astype(int)
    total = 0.0
    for start in range(0, len(pixels), LONGEST_PX):
        part = pixels[start : start + LONGEST_PX]
        low, high = part.min(axis=0), part.max(axis=0) + 1
        values = source.read(int(low[0]), int(low[1]), *(int(v) for v in high - low))
        found = values[part[:, 0] - low[0], part[:, 1] - low[1]]
        total += float(np.where(found == NODATA, 0, found).sum()) / PROBABILITY_MAX
    return total / len(pixels)
