"""The one door to vector files: tables of geometries, or one error that says why not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import ProjError
from shapely.errors import ShapelyError

from roadex.errors import NetworkError
from roadex.imagery.locations import public_name

_UNREADABLE = (
    DataSourceError, DataLayerError, pa.ArrowException, ShapelyError, ProjError, OSError,
    ValueError, KeyError, IndexError,
)  # fmt: skip
"""What GDAL, Arrow, GEOS and GeoPandas raise for files that are damaged or of another kind."""


def is_parquet(path: str | Path) -> bool:
    """Return whether a file is read as GeoParquet, which is told by its name."""
    return str(path).lower().endswith((".parquet", ".geoparquet"))


def layers_of(path: str | Path) -> dict[str, str | None]:
    """Return the layers of a file that GDAL reads, with the kind of their geometries.

    Raises
    ------
    NetworkError
        If it cannot be read.
    """
    with _reading(path):
        return {str(name): kind for name, kind in pyogrio.list_layers(path)}


def read_geometries(
    path: str | Path, *, layer: str | None = None, columns: Sequence[str] | None = None,
    **options: Any,
) -> gpd.GeoDataFrame:  # fmt: skip
    """Read a table of geometries.

    Parameters
    ----------
    path
        GeoParquet, or what GDAL reads.
    layer
        Its name, for files that GDAL reads; None is the first.
    columns
        Attributes to read; None is all.
    options
        Of :func:`pyogrio.read_dataframe`.

    Raises
    ------
    NetworkError
        If the file or layer cannot be read, or holds no geometries.
    """
    with _reading(path):
        if is_parquet(path):
            frame = gpd.read_parquet(path)
        else:
            frame = pyogrio.read_dataframe(path, layer=layer, columns=columns, **options)
        has_geometries = isinstance(frame, gpd.GeoDataFrame) and frame.active_geometry_name
    if not has_geometries:
        msg = f"cannot read {public_name(str(path))}: it is a table without geometries"
        raise NetworkError(msg)
    return frame


@contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    """Give whatever goes wrong with a file one form.

    Warnings of GDAL and GEOS about single features are not passed on: such rows come without a
    geometry, or with numbers that are not finite, and those are counted and said.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", UserWarning)
        try:
            yield
        except _UNREADABLE as error:
            msg = f"cannot read {public_name(str(path))}: {error or type(error).__name__}"
            raise NetworkError(msg) from error
