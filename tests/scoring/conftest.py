"""Rasters and lines to score, written on the spot."""

from __future__ import annotations

import geopandas
import pytest
import rasterio
from shapely.geometry import LineString

from roadex.imagery.containers import without_georeference_warning
from tests.scoring.masks import CRS, ORIGIN


@pytest.fixture
def write_raster(tmp_path):
    """Return a function that writes one band, as PNG or GeoTIFF by the ending of its name."""

    def write(name, values, *, crs=CRS, transform=ORIGIN, scale=None, **profile):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        profile = {"driver": "PNG" if name.endswith("png") else "GTiff", **profile}
        height, width = values.shape
        place = {} if crs is None else {"crs": crs, "transform": transform}
        with (
            without_georeference_warning(),
            rasterio.open(
                path, "w", height=height, width=width, count=1, dtype=values.dtype, **place,
                **profile,
            ) as raster,
        ):  # fmt: skip
            raster.write(values, 1)
            if scale:
                raster.scales = [scale]
        return path

    return write


@pytest.fixture
def write_lines(tmp_path):
    """Return a function that writes lines of points as a vector file."""

    def write(name, lines, *, crs=CRS, layer=None):
        path = tmp_path / name
        frame = geopandas.GeoDataFrame(geometry=[LineString(line) for line in lines], crs=crs)
        frame.to_file(path, **({"layer": layer} if layer else {}))
        return path

    return write
