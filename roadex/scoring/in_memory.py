"""Sides of a comparison that are in memory: written to a file, then compared as files are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.imagery.containers import without_georeference_warning
from roadex.probability.encoding import stored_probability

if TYPE_CHECKING:
    import geopandas as gpd

    from roadex.network.road_network import RoadNetwork

Comparable: TypeAlias = (
    "str | Path | NDArray[Any] | rasterio.DatasetReader | RoadNetwork | gpd.GeoDataFrame"
)
"""A side of a comparison: path, open raster, array of probability or mask, network or lines."""


def side_path(side: Comparable, folder: Path, name: str) -> str:
    """Return the path of a side; what is in memory is written to ``folder`` under ``name``.

    Raises
    ------
    TypeError
        If it is nothing that can be compared.
    """
    if isinstance(side, str | Path):
        return str(side)
    import geopandas as gpd  # most comparisons are of files

    if isinstance(side, rasterio.DatasetReader):
        return str(side.name)
    if isinstance(side, np.ndarray):
        return str(_write_raster(stored_probability(side), folder / f"{name}.tif"))
    lines = getattr(side, "edges", side)
    if isinstance(lines, gpd.GeoDataFrame):
        path = folder / f"{name}.gpkg"
        lines[[lines.geometry.name]].to_file(path, layer="road_edges", engine="pyogrio")
        return str(path)
    msg = (
        "score compares paths, open rasters, arrays, RoadNetworks and GeoDataFrames, got "
        f"{type(side).__name__}"
    )
    raise TypeError(msg)


def _write_raster(stored: NDArray[np.uint8], path: Path) -> Path:
    height, width = stored.shape
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "nodata": NODATA}
    with (
        without_georeference_warning(),
        rasterio.open(path, "w", height=height, width=width, **profile) as raster,
    ):
        raster.scales = (1 / PROBABILITY_MAX,)
        raster.write(stored, 1)
    return path
