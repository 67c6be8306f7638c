"""Two sides as rasters on one grid, read window by window.

The grid is the truth's where the truth is a raster, else the prediction's. The other side is warped
onto it as it is read, or its lines are drawn. Nothing is held but the window at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.features import rasterize
from rasterio.transform import array_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.imagery.geodesy import pixel_size
from roadex.imagery.georeference import parse_crs
from roadex.imagery.tiling import Tile, Tiles
from roadex.probability.values import Encoding, has_mask_band, is_valid, open_raster
from roadex.scoring.metrics.windows import PixelWindow, to_level

CACHE_BYTES = 256 * 2**20
"""GDAL's block cache while scoring. As bytes: a small number would be taken for bytes as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A raster grid and its ground size."""

    shape: tuple[int, int]
    transform: Affine
    crs: CRS | None

    @property
    def is_georeferenced(self) -> bool:
        """Whether the grid has a place on the Earth."""
        return self.crs is not None

    def pixel_m(self) -> tuple[float, float]:
        """Return metres per row and per column; 1 where nothing is known."""
        if self.crs is None:
            return 1.0, 1.0
        size = pixel_size(self.transform, self.crs, self.shape)
        return size.row_m, size.col_m


class WindowReader(Protocol):
    """One side on the grid."""

    def read(
        self, window: Window
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.uint8] | None]:
        """Return road, valid and level (None for masks) of a window within the grid."""


@dataclass(frozen=True, slots=True)
class RasterReader:
    """Reads a raster that lies on the grid, or is warped onto it."""

    dataset: Any
    """A ``rasterio`` dataset or ``WarpedVRT`` on the grid."""

    name: str
    encoding: Encoding
    threshold: float
    has_mask: bool

    def read(
        self, window: Window
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.uint8] | None]:
        """Return road, valid and level of a window within the grid."""
        try:
            stored = self.dataset.read(1, window=window)
            valid = is_valid(self.dataset, stored)
            if self.has_mask:
                valid &= self.dataset.read_masks(1, window=window) > 0
        except RasterioError as error:
            msg = (
                f"cannot read {self.name} at row {window.row_off}, column {window.col_off}: {error}"
            )
            raise ScoreError(msg) from error
        self._check(stored[valid] if not valid.all() else stored)
        road = self.encoding.road(stored, self.threshold) & valid
        if not self.encoding.is_probability:
            return road, valid, None
        if self.encoding.name == "probability-254":
            return road, valid, np.where(valid, stored, 0).astype(np.uint8)
        probability = np.where(valid, self.encoding.probability(stored), np.float32(0))
        return road, valid, to_level(probability)

    def _check(self, stored: NDArray[np.generic]) -> None:
        if stored.size and not stored.max() <= self.encoding.certain:
            msg = (
                f"{self.name} holds {stored.max():g}, but was taken for {self.encoding.name} "
                "by what was seen before: its files do not agree"
            )
            raise ScoreError(msg)


@dataclass(frozen=True, slots=True)
class LineReader:
    """Draws lines on the grid at a width given on the ground."""

    areas: NDArray[np.object_]
    """The roads as polygons in pixel coordinates (x = column, y = row)."""

    tree: shapely.STRtree

    @classmethod
    def of(cls, lines: NDArray[np.object_], grid: Grid, width_m: float) -> LineReader:
        """Prepare lines, given in the CRS of the grid."""
        row_m, col_m = grid.pixel_m()
        inverse = ~grid.transform

        def to_metres(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            col, row = inverse * (xy[:, 0], xy[:, 1])
            return np.column_stack([col * col_m, row * row_m])

        areas = shapely.buffer(shapely.transform(lines, to_metres), width_m / 2)
        areas = shapely.transform(areas, lambda xy: xy / (col_m, row_m))
        return cls(areas, shapely.STRtree(areas))

    def read(
        self, window: Window
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.uint8] | None]:
        """Return road and valid (everything) of a window."""
        shape = (int(window.height), int(window.width))
        place = shapely.box(
            window.col_off, window.row_off,
            window.col_off + window.width, window.row_off + window.height,
        )  # fmt: skip
        found = self.areas[self.tree.query(place, predicate="intersects")]
        valid = np.ones(shape, dtype=bool)
        if not len(found):
            return np.zeros(shape, dtype=bool), valid, None
        drawn = rasterize(
            found, out_shape=shape, transform=Affine.translation(window.col_off, window.row_off)
        )
        return drawn.astype(bool), valid, None


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterPair:
    """Both sides of one image on one grid, open for reading."""

    name: str
    grid: Grid
    prediction: WindowReader
    truth: WindowReader
    notes: tuple[str, ...] = field(default=())

    def read(self, tile: Tile) -> PixelWindow:
        """Read a tile with its context."""
        predicted, predicted_valid, level = self.prediction.read(tile.read)
        true, true_valid, _ = self.truth.read(tile.read)
        valid = predicted_valid & true_valid
        if level is not None:
            level = np.where(valid, level, np.uint8(0))
        return PixelWindow(predicted & valid, true & valid, valid, tile.inner, level)

    def tiles(self, config: ScoreConfig, halo: int = 0) -> Tiles:
        """Return the tiles of the image, row by row, with ``halo`` pixels of context."""
        return Tiles(self.grid.shape, config.tile_size, halo, is_clipped=True)


def grid_of(path: str) -> Grid:
    """Return the grid of a raster.

    Raises
    ------
    ScoreError
        If it cannot be opened.
    """
    with open_raster(path) as dataset:
        return _grid(dataset)


@contextmanager
def open_reader(
    path: str, encoding: Encoding, grid: Grid, threshold: float
) -> Iterator[tuple[RasterReader, str]]:
    """Open a raster on ``grid``, warped where it lies on another one.

    Yields
    ------
    reader, note
        ``note`` says how the raster was aligned; empty where it lies on the grid already.

    Raises
    ------
    ScoreError
        If the raster cannot be brought onto the grid.
    """
    with ExitStack() as stack:
        dataset = stack.enter_context(open_raster(path))
        own = _grid(dataset)
        name = str(path)
        if _is_same(own, grid):
            has_mask = has_mask_band(dataset)
            yield RasterReader(dataset, name, encoding, threshold, has_mask), ""
            return
        if not (own.is_georeferenced and grid.is_georeferenced):
            if own.shape != grid.shape:
                msg = _cannot_align(name, own, grid)
                raise ScoreError(msg)
            yield (
                RasterReader(dataset, name, encoding, threshold, has_mask_band(dataset)),
                f"{name} compared pixel by pixel: not both sides have a CRS",
            )
            return
        warped = stack.enter_context(_warp(dataset, grid, encoding))
        _check_overlap(name, own, grid)
        note = f"{name} warped onto the grid of the other side ({_resampling(encoding).name})"
        yield RasterReader(warped, name, encoding, threshold, has_mask_band(warped)), note


def _grid(dataset: rasterio.DatasetReader) -> Grid:
    crs = None if dataset.crs is None else parse_crs(dataset.crs.to_wkt(), Path(dataset.name).name)
    return Grid(shape=dataset.shape, transform=dataset.transform, crs=crs)


def _is_same(a: Grid, b: Grid) -> bool:
    """Return whether two grids agree to a hundredth of a pixel over their whole size."""
    if a.shape != b.shape or a.is_georeferenced != b.is_georeferenced:
        return False
    if not a.is_georeferenced:
        return True
    height, width = a.shape
    corners = [(0, 0), (width, 0), (0, height)]
    to_a = ~a.transform
    offsets = [np.subtract(to_a * (b.transform * corner), corner) for corner in corners]
    return bool(np.abs(offsets).max() < 0.01) and bool(a.crs == b.crs)


def _warp(dataset: rasterio.DatasetReader, grid: Grid, encoding: Encoding) -> WarpedVRT:
    nodata = dataset.nodata
    has_nodata = nodata is not None and nodata != 0
    height, width = grid.shape
    if grid.crs is None:
        msg = "only a grid with a CRS can be warped to"
        raise ValueError(msg)
    return WarpedVRT(
        dataset,
        crs=rasterio.CRS.from_wkt(grid.crs.to_wkt()),
        transform=grid.transform,
        width=width,
        height=height,
        resampling=_resampling(encoding),
        # A side without a nodata value gets an alpha band, which is 0 outside its extent and where
        # its mask says so.
        **({"nodata": nodata} if has_nodata else {"add_alpha": not _has_alpha(dataset)}),
        **({"src_nodata": None} if not has_nodata and nodata == 0 else {}),
    )


def _has_alpha(dataset: rasterio.DatasetReader) -> bool:
    return MaskFlags.alpha in dataset.mask_flag_enums[0]


def _resampling(encoding: Encoding) -> Resampling:
    return Resampling.bilinear if encoding.is_probability else Resampling.nearest


def _check_overlap(name: str, own: Grid, grid: Grid) -> None:
    if own.crs is None or grid.crs is None:
        return
    bounds = transform_bounds(own.crs.to_wkt(), grid.crs.to_wkt(), *_bounds(own))
    if not shapely.box(*bounds).intersects(shapely.box(*_bounds(grid))):
        msg = f"{name} does not overlap the other side: {bounds} against {_bounds(grid)}"
        raise ScoreError(msg)


def _bounds(grid: Grid) -> tuple[float, float, float, float]:
    bounds: tuple[float, float, float, float] = array_bounds(*grid.shape, grid.transform)
    return bounds


def _cannot_align(name: str, own: Grid, grid: Grid) -> str:
    which = name if not own.is_georeferenced else "the other side"
    return (
        f"{name} is {own.shape[1]} x {own.shape[0]} pixels, the other side {grid.shape[1]} x "
        f"{grid.shape[0]}, and {which} has no CRS to bring one onto the other; write one with "
        "`rio edit-info --crs EPSG:CODE FILE`, or give rasters of one size"
    )
