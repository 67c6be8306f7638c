"""Colours of the imagery along roads and of the scene around them, read window by window.

    lines --> places every 4 m, on the road --> pixels, tile by tile --> medians of each edge

Single pixels of the scene itself are read, not warped ones: that takes a quarter of the time, and
medians need no interpolation. A pixel belongs to a place whatever window it is read in, and medians
do not depend on the order in which tiles are done, so neither the size of the tiles nor the number
of workers shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.windows import Window

from roadex.errors import SceneError
from roadex.imagery.geodesy import place
from roadex.imagery.locations import READING
from roadex.imagery.native import NativeReader, open_native
from roadex.imagery.radiometry import sample_windows, thinned
from roadex.imagery.scene import RGB, Scene
from roadex.imagery.work_grid import WorkGrid
from roadex.network.cleaning.bridges import MapTasks
from roadex.network.samples import sample_lines
from roadex.network.surface import redness

SPACING_M: Final = 4.0
"""Distance between places along a road."""

_ACROSS: Final = (-0.25, 0.0, 0.25)
"""Where pixels are read at each place, in widths of the road from its middle."""

_USUAL_WIDTH_M: Final = 5.0
"""Taken for the width of roads of which none is known."""

_FEWEST: Final = 6
"""Pixels of imagery that must have been read along an edge."""

_TASK_SIDE: Final = 2048
_BLOCK_SIDE: Final = 512
"""Pixels a task is for, and those that it holds at a time."""

_EVERY: Final = 5
"""Of 8 x 8 windows spread over the scene every fifth is read: all rows and columns have some."""

_REDNESS_STEPS: Final = 256


class SceneColours(NamedTuple):
    """What the colours of a scene are, from a sample of its pixels."""

    brightness: float
    """Mean over all bands, in [0, 255]; NaN where there is no imagery."""

    deviation: float
    """Standard deviation of the brightness."""

    redness: float
    """Median of :func:`roadex.network.surface.redness`."""

    redness_range: float
    """Between its 5th and 95th percentile; 0 in greyscale."""


class RoadColours(NamedTuple):
    """Medians along each edge, shape ``(n,)``; NaN where there are too few pixels of imagery."""

    redness: NDArray[np.float64]
    brightness: NDArray[np.float64]


class _Places(NamedTuple):
    """Pixels of the scene to read in one tile."""

    number: NDArray[np.int64]
    """Which of all pixels these are."""

    row: NDArray[np.int64]
    col: NDArray[np.int64]


def scene_colours(scene: Scene, map_tasks: MapTasks = map) -> SceneColours:
    """Measure the colours of a scene in 13 windows of 256 pixels, or fewer where it is small.

    Parameters
    ----------
    scene
        The scene, whose bands are red, green and blue in any order.
    map_tasks
        Applies a picklable function to items, here or elsewhere, in any order.
    """
    windows = sample_windows(scene.shape)[::_EVERY]
    (counted,) = map_tasks(partial(_count_colours, scene=scene), [windows])
    brightness, reds = counted
    n = brightness.sum()
    if n == 0:
        return SceneColours(np.nan, np.nan, np.nan, 0.0)
    values = np.arange(len(brightness)) / 3
    mean = float(brightness @ values / n)
    deviation = float(np.sqrt(brightness @ (values - mean) ** 2 / n))
    places = np.searchsorted(np.cumsum(reds), np.array([0.05, 0.5, 0.95]) * n)
    low, middle, high = (places / _REDNESS_STEPS - 1).tolist()
    return SceneColours(mean, deviation, middle, high - low)


def road_colours(
    lines: NDArray[np.object_],
    width_m: NDArray[np.float64],
    scene: Scene,
    grid: WorkGrid,
    map_tasks: MapTasks = map,
) -> RoadColours:
    """Measure the colours along roads.

    Parameters
    ----------
    lines
        Shape ``(n,)``, in pixels of the work grid: x is the column, y the row, from the upper left
        corner of the first pixel.
    width_m
        Shape ``(n,)``; NaN where unknown.
    scene, map_tasks
        As in :func:`scene_colours`.
    grid
        Work grid of the scene.
    """
    row, col, edge = _pixels_along(lines, width_m, scene, grid)
    colours = np.zeros((len(row), 3), dtype=np.uint8)
    seen = np.zeros(len(row), dtype=np.bool_)
    read = partial(_read_places, scene=scene)
    for number, found, is_seen in map_tasks(read, _by_tile(row, col, scene.shape[1])):
        colours[number], seen[number] = found, is_seen
    edge, pixels = edge[seen], colours[seen].T.astype(np.float64)
    return RoadColours(
        redness=_medians(redness(pixels), edge, len(lines)),
        brightness=_medians(pixels.mean(axis=0), edge, len(lines)),
    )


def lines_in_pixels(edges: gpd.GeoDataFrame, grid: WorkGrid) -> NDArray[np.object_]:
    """Return lines in pixels of a grid: x is the column, y the row, from its upper left corner."""
    inverse = ~grid.transform
    lines = edges.geometry.to_crs(grid.crs.to_wkt()).to_numpy()
    pixels: NDArray[np.object_] = shapely.transform(
        lines, lambda xy: np.stack(inverse @ (xy[:, 0], xy[:, 1]), axis=1)
    )
    return pixels


def _pixels_along(
    lines: NDArray[np.object_], width_m: NDArray[np.float64], scene: Scene, grid: WorkGrid
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return row and column of the pixels to read in the scene, and the edge of each."""
    samples = sample_lines(lines, SPACING_M / grid.gsd_m)
    across = np.stack([-samples.direction[:, 1], samples.direction[:, 0]], axis=1)
    width_px = np.where(np.isfinite(width_m), width_m, _USUAL_WIDTH_M) / grid.gsd_m
    offsets = np.array(_ACROSS)[:, None] * width_px[samples.line]
    xy = (samples.xy + offsets[..., None] * across).reshape(-1, 2)
    x, y = place(grid.transform, *xy.T)
    if grid.crs != scene.crs:
        to_scene = Transformer.from_crs(grid.crs.to_wkt(), scene.crs.to_wkt(), always_xy=True)
        x, y = to_scene.transform(x, y)
    col, row = place(~scene.transform, x, y)
    inside = (row >= 0) & (col >= 0) & (row < scene.shape[0]) & (col < scene.shape[1])
    edge = np.tile(samples.line, len(_ACROSS))
    return row[inside].astype(np.int64), col[inside].astype(np.int64), edge[inside]


def _by_tile(
    row: NDArray[np.int64], col: NDArray[np.int64], width: int, side: int = _TASK_SIDE
) -> Iterator[_Places]:
    """Yield the pixels of each square of the scene that has any."""
    tile = row // side * -(-width // side) + col // side
    order = np.argsort(tile, kind="stable")
    bounds = np.flatnonzero(np.diff(tile[order])) + 1
    for members in np.split(order, bounds):
        if len(members):
            yield _Places(members, row[members], col[members])


def _read_places(
    places: _Places, *, scene: Scene
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.bool_]]:
    """Read the pixels of one tile; what cannot be read is not seen."""
    colours = np.zeros((len(places.number), 3), dtype=np.uint8)
    seen = np.zeros(len(places.number), dtype=np.bool_)
    with rasterio.Env(**READING), open_native(scene.mosaic, scene.validity) as native:
        for block in _by_tile(places.row, places.col, scene.shape[1], _BLOCK_SIDE):
            top, left = int(block.row.min()), int(block.col.min())
            size = int(block.col.max()) + 1 - left, int(block.row.max()) + 1 - top
            stored, valid = _read(native, Window(left, top, *size), scene)
            at = block.row - top, block.col - left
            seen[block.number] = valid[at]
            colours[block.number] = _natural(stored[:, at[0], at[1]], valid[at], scene).T
    return places.number, colours, seen


def _count_colours(
    windows: Sequence[Window], *, scene: Scene
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count pixels of windows by the sum of their bands and by their redness."""
    with rasterio.Env(**READING), open_native(scene.mosaic, scene.validity) as native:
        read = [thinned(*_read(native, window, scene)) for window in windows]
    stored = np.concatenate(read, axis=1)
    pixels = _natural(stored, np.ones(stored.shape[1], dtype=np.bool_), scene)
    step = np.rint((redness(pixels) + 1) * _REDNESS_STEPS).astype(np.int64)
    return (
        np.bincount(pixels.sum(axis=0).astype(np.int64), minlength=3 * 255 + 1),
        np.bincount(step, minlength=2 * _REDNESS_STEPS + 1),
    )


def _read(
    native: NativeReader, window: Window, scene: Scene
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Read a window as it is stored; nothing is valid where a file is damaged.

    Prediction read the same pixels and reported those tiles as failed.
    """
    try:
        return native.read(window)
    except SceneError:
        shape = int(window.height), int(window.width)
        return np.zeros((len(scene.bands), *shape), np.uint8), np.zeros(shape, np.bool_)


def _natural(
    stored: NDArray[np.generic], valid: NDArray[np.bool_], scene: Scene
) -> NDArray[np.float64]:
    """Return red, green and blue of stored pixels ``(C, n)``: whole numbers in [0, 255]."""
    image = scene.radiometry.apply(stored[:, None], valid[None])[:, 0]
    natural: NDArray[np.float64] = np.rint(image[[scene.wanted.index(name) for name in RGB]])
    return natural.astype(np.float64)


def _medians(
    values: NDArray[np.float64], edge: NDArray[np.int64], n_edges: int
) -> NDArray[np.float64]:
    """Return the median of the values of each edge; NaN where there are too few."""
    ordered = values[np.lexsort((values, edge))]
    count = np.bincount(edge, minlength=n_edges)
    first = np.cumsum(count) - count
    known = count >= _FEWEST
    low, high = (first + (count - 1) // 2)[known], (first + count // 2)[known]
    medians = np.full(n_edges, np.nan)
    medians[known] = (ordered[low] + ordered[high]) / 2
    return medians
