"""Lines of a raster side: its road, thinned and traced as ``roadex vectorize`` does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window

from roadex.config import NODATA, PROBABILITY_MAX, ScoreConfig, VectorConfig
from roadex.errors import ScoreError
from roadex.network.line_reader import RoadLines
from roadex.network.vectorize import vectorize
from roadex.probability.source import model_thresholds
from roadex.probability.values import Encoding
from roadex.scoring.aligned_rasters import Grid, RasterReader, grid_of, open_reader


@dataclass(frozen=True, slots=True, eq=False)
class _ReaderSource:
    """A raster side as a source of road probability."""

    reader: RasterReader
    shape: tuple[int, int]
    transform: Affine
    crs: CRS

    def read(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Return a window: 0..254 is probability times 254, 255 is nodata."""
        road, valid, level = self.reader.read(Window(col, row, width, height))
        if level is None:
            level = np.where(road, np.uint8(PROBABILITY_MAX), np.uint8(0))
        return np.where(valid, level, np.uint8(NODATA))


def centre_lines(path: str, encoding: Encoding, config: ScoreConfig) -> tuple[RoadLines, str]:
    """Return the lines of a raster side, and a sentence on how they came about.

    The network is the one ``roadex vectorize`` writes: a probability is cut at the thresholds of
    the model that made it, or at ``config.threshold`` where that is given.

    Raises
    ------
    ScoreError
        If the raster has no CRS.
    """
    grid = grid_of(path)
    if grid.crs is None:
        msg = (
            f"{path} has no CRS, so its lines have no lengths; write one with `rio edit-info --crs`"
        )
        raise ScoreError(msg)
    settings = VectorConfig(high=config.threshold)
    own = model_thresholds(path)
    if own is not None:
        settings = settings.with_thresholds(*own)
    with open_reader(path, encoding, grid, config.cut) as (reader, _):
        source = _ReaderSource(reader, grid.shape, grid.transform, grid.crs)
        network = vectorize(source, config=settings)
    lines = RoadLines(path, network.edges.geometry.to_numpy(), grid.crs)
    return lines, f"lines of {path} traced as by roadex vectorize ({len(network.edges)} edges)"


def clip_to_grid(lines: RoadLines, grid: Grid) -> tuple[RoadLines, str]:
    """Return the part of lines that lies on a grid, and a sentence on what was left out.

    Raises
    ------
    ScoreError
        If one of the two has no CRS.
    """
    if grid.crs is None or lines.crs is None:
        msg = f"{lines.path} cannot be compared with the raster: one of them has no CRS"
        raise ScoreError(msg)
    height, width = grid.shape
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    area = shapely.Polygon([grid.transform * corner for corner in corners])
    moved = lines.to(grid.crs)
    inside = shapely.intersection(moved, area)
    parts = shapely.get_parts(shapely.get_parts(inside))
    parts = parts[(shapely.get_type_id(parts) == 1) & ~shapely.is_empty(parts)]
    is_cut = ~shapely.covers(area, moved)
    note = f"{int(is_cut.sum())} line(s) of {lines.path} cut at the border of the raster"
    return RoadLines(lines.path, parts, grid.crs), note if is_cut.any() else ""
