"""Lines as other programs leave them, made single, finite and two-dimensional; nothing silently.

QGIS and ogr2ogr write multi-part lines, heights, measures, NULL and empty geometries, and mixed
layers. What can be read as lines is; what cannot is left out and counted.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

_LINES = (1, 2, 5)  # LineString, LinearRing, MultiLineString
_AREAS = (3, 6)  # Polygon, MultiPolygon
_COLLECTION = 7


def single_lines(
    frame: gpd.GeoDataFrame, name: str, *, with_areas: bool = False
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Return the lines of a table, one part a row, and what was left out.

    Parameters
    ----------
    frame
        Any geometries.
    name
        What messages call it.
    with_areas
        Keep polygons too, taken apart likewise.

    Returns
    -------
    frame, notes
        Rows with two-dimensional, finite, non-empty single lines (or polygons), numbered from 0;
        parts carry the attributes of their row. A note for each kind of row left out.
    """
    kept = frame[shapely.get_type_id(frame.geometry.to_numpy()) != -1]
    notes = _note(len(frame) - len(kept), "without geometry", name)
    parts = kept.explode(index_parts=False, ignore_index=True)
    if (shapely.get_type_id(parts.geometry.to_numpy()) == _COLLECTION).any():  # nested collections
        parts = parts.explode(index_parts=False, ignore_index=True)
    geometry = shapely.force_2d(parts.geometry.to_numpy())
    is_empty = shapely.is_empty(geometry) | shapely.is_missing(geometry)
    wanted = _LINES + (_AREAS if with_areas else ())
    is_other = ~is_empty & ~np.isin(shapely.get_type_id(geometry), wanted)
    is_finite = _finite(geometry)
    is_point_like = is_finite & ~is_empty & ~is_other & (shapely.length(geometry) == 0)
    notes += _note(is_empty.sum(), "with an empty geometry", name)
    notes += _note(is_other.sum(), "that are no lines", name)
    notes += _note((~is_finite & ~is_empty & ~is_other).sum(), "with coordinates not finite", name)
    notes += _note(is_point_like.sum(), "of no length", name)
    sound = is_finite & ~is_empty & ~is_other & ~is_point_like
    series = gpd.GeoSeries(geometry, index=parts.index, crs=parts.crs)
    return parts.set_geometry(series)[sound].reset_index(drop=True), notes


def _finite(geometry: NDArray[np.object_]) -> NDArray[np.bool_]:
    coordinates, owner = shapely.get_coordinates(geometry, return_index=True)
    finite = np.ones(len(geometry), dtype=bool)
    finite[owner[~np.isfinite(coordinates).all(axis=1)]] = False
    return finite


def _note(count: int, what: str, name: str) -> tuple[str, ...]:
    return (f"{int(count)} rows of {name} {what} were left out",) if count else ()
