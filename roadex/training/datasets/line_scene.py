"""A scene and road lines: labels are burnt window by window, nothing is held but the lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import array_bounds
from rasterio.windows import Window

from roadex.errors import DatasetError
from roadex.imagery.reader import open_grid
from roadex.imagery.scene import Scene
from roadex.imagery.work_grid import WorkGrid, plan_grid
from roadex.training.datasets.labelled import Chip

Geometries = NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LineScene:
    """A scene on its work grid (metric, north up) and roads in the CRS of that grid.

    Road is what lies within half a width of a line, or in a polygon. Around it runs a band without
    a label: lines are drawn by eye, and nobody knows to the pixel where a road ends.
    """

    scene: Scene
    grid: WorkGrid
    roads: Geometries
    """Lines or polygons."""

    half_widths_m: NDArray[np.float64]
    """Of each line; 0 for polygons."""

    ignore_m: float
    areas: Geometries | None = None
    """Polygons in which the lines are complete; None is everywhere."""

    sources: tuple[Path, ...] = ()
    """Vector files."""

    @property
    def name(self) -> str:
        """Name of the first image."""
        return self.scene.name

    @property
    def gsd_m(self) -> float:
        """Metres per pixel."""
        return self.grid.gsd_m

    def shape(self) -> tuple[int, int]:
        """Return ``(H, W)`` of the work grid."""
        return self.grid.shape

    def files(self) -> tuple[Path, ...]:
        """Return images and vector files."""
        return (*map(Path, self.scene.paths), *self.sources)

    def read(self, window: Window | None = None) -> Chip:
        """Read a window (the whole scene if None), with roads burnt in.

        Raises
        ------
        SceneError
            If a file of the scene cannot be read.
        """
        if window is None:
            window = Window(0, 0, self.grid.shape[1], self.grid.shape[0])
        with open_grid(self.scene, self.grid) as reader:
            image, valid = reader.read(window)
        road, band = self._burn(window)
        if self.areas is not None:
            valid &= _fill(self.areas, window, self.grid.transform)
        return Chip(image, road, valid & ~(band & ~road))

    def _burn(self, window: Window) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return road, and road with the band around it."""
        road = burn_roads(self.roads, self.half_widths_m, window, self.grid)
        if self.ignore_m == 0:
            return road, road
        return road, burn_roads(self.roads, self.half_widths_m + self.ignore_m, window, self.grid)


def native_grid(scene: Scene) -> WorkGrid:
    """Return the metric grid, north up, with the pixel size of a scene: labels are burnt on it.

    Raises
    ------
    SceneError
        If the scene cannot be brought to a metric CRS.
    """
    return plan_grid(scene, gsd_m=scene.gsd_m, gsd_range_m=(0.0, float("inf")), native_gsd=True)


def lines_inside(
    frame: geopandas.GeoDataFrame, grid: WorkGrid, roads: str, *, image: str
) -> geopandas.GeoDataFrame:
    """Return the lines, in the CRS of a grid, that touch it.

    ``roads`` and ``image`` are what an error calls both sides.

    Raises
    ------
    DatasetError
        If there are none.
    """
    inside = frame[frame.intersects(shapely.box(*array_bounds(*grid.shape, grid.transform)))]
    if inside.empty:
        msg = (
            f"none of the {len(frame)} lines of {roads} lies in {image}: do both carry the right "
            "CRS?"
        )
        raise DatasetError(msg)
    return inside


def burn_roads(
    roads: Geometries, half_widths_m: NDArray[np.float64], window: Window, grid: WorkGrid
) -> NDArray[np.bool_]:
    """Return True where the centre of a pixel of a window lies within half a width of a road.

    Parameters
    ----------
    roads
        Lines or polygons in the CRS of the grid, shape ``(n,)``; only those near are looked at.
    half_widths_m
        Of each, shape ``(n,)``.
    window
        Rows and columns of the grid.
    grid
        The work grid.
    """
    reach = float(half_widths_m.max()) if len(roads) else 0.0
    # The ends that clipping makes must lie outside, with the half circle around them.
    margin = reach + 2 * grid.gsd_m
    left, bottom, right, top = _bounds(window, grid.transform)
    frame = (left - margin, bottom - margin, right + margin, top + margin)
    near = shapely.intersects(roads, shapely.box(*frame))
    pieces = shapely.clip_by_rect(roads[near], *frame)
    return _fill(shapely.buffer(pieces, half_widths_m[near]), window, grid.transform)


def _bounds(window: Window, transform: Affine) -> tuple[float, float, float, float]:
    left, top = transform @ (window.col_off, window.row_off)
    right, bottom = transform @ (window.col_off + window.width, window.row_off + window.height)
    return left, bottom, right, top


def _fill(polygons: Geometries, window: Window, transform: Affine) -> NDArray[np.bool_]:
    """Return True where the centre of a pixel lies in a polygon."""
    shape = (int(window.height), int(window.width))
    shapes = [polygon for polygon in polygons if not polygon.is_empty]
    if not shapes:
        return np.zeros(shape, dtype=bool)
    placed = transform @ Affine.translation(window.col_off, window.row_off)
    burnt: NDArray[np.uint8] = rasterize(shapes, shape, transform=placed, dtype="uint8")
    return burnt.astype(bool)
