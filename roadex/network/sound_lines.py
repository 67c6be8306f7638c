"""Lines as other programs leave them, made single, finite and two-dimensional; nothing silently.

QGIS and ogr2ogr write multi-part lines, heights, measures, NULL and empty geometries, and mixed
layers. What can be read as lines is; what cannot is left out and counted.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from roadex.imagery.geodesy import to_geographic

MOST_STEP_M = 500_000.0
"""No road runs straight this far (the longest known one does for 240 km): a coordinate is wrong."""

_LARGEST_M = 1e8
"""Twice and a half the way around the Earth, with room for zones that are numbers of millions."""

_LINES = (1, 2, 5)  # LineString, LinearRing, MultiLineString
_AREAS = (3, 6)  # Polygon, MultiPolygon
_COLLECTION = 7
_EARTH_RADIUS_M = 6_371_000.0


def single_lines(
    frame: gpd.GeoDataFrame, name: str, *, with_areas: bool = False
) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Return the lines of a table, one part a row, and what was left out.

    Parameters
    ----------
    frame
        Any geometries. A CRS has to be one of the Earth.
    name
        What messages call it.
    with_areas
        Keep polygons too, taken apart likewise.

    Returns
    -------
    frame, notes
        Rows with two-dimensional, finite, non-empty single lines (or polygons) that lie on the
        Earth, numbered from 0; parts carry the attributes of their row. A note for each kind of row
        left out.
    """
    kept = frame[shapely.get_type_id(frame.geometry.to_numpy()) != -1]
    notes = _note(len(frame) - len(kept), "without geometry", name)
    parts = kept.explode(index_parts=False, ignore_index=True)
    while (shapely.get_type_id(parts.geometry.to_numpy()) == _COLLECTION).any():
        # One in another is taken apart to the last; an empty one falls to nothing.
        parts = parts[~parts.geometry.is_empty].explode(index_parts=False, ignore_index=True)
    with np.errstate(invalid="ignore"):  # such lines are left out below, and counted
        geometry = shapely.force_2d(parts.geometry.to_numpy())
    is_empty = shapely.is_empty(geometry) | shapely.is_missing(geometry)
    wanted = _LINES + (_AREAS if with_areas else ())
    is_line = ~is_empty & np.isin(shapely.get_type_id(geometry), wanted)
    is_finite = _finite(geometry)
    sound = is_line & is_finite
    has_place = np.ones(len(geometry), dtype=np.bool_)
    if frame.crs is not None:
        has_place[sound] = _on_earth(geometry[sound], CRS.from_user_input(frame.crs))
    sound &= has_place
    is_point_like = sound.copy()
    is_point_like[sound] = shapely.length(geometry[sound]) == 0
    notes += _note(is_empty.sum(), "with an empty geometry", name)
    notes += _note((~is_empty & ~is_line).sum(), "that are no lines", name)
    notes += _note((is_line & ~is_finite).sum(), "with coordinates not finite", name)
    notes += _note((~has_place).sum(), "with coordinates off the Earth or a jump across it", name)
    notes += _note(is_point_like.sum(), "of no length", name)
    series = gpd.GeoSeries(geometry, index=parts.index, crs=parts.crs)
    found = parts.set_geometry(series)[sound & ~is_point_like].reset_index(drop=True)
    return found, notes


def _finite(geometry: NDArray[np.object_]) -> NDArray[np.bool_]:
    coordinates, owner = shapely.get_coordinates(geometry, return_index=True)
    return _without(owner[~np.isfinite(coordinates).all(axis=1)], len(geometry))


def are_places(coordinates: NDArray[np.float64], crs: CRS) -> NDArray[np.bool_]:
    """Return which coordinates ``(n, 2)`` in a CRS of the Earth are places on it."""
    return _are_angles(*_angles(coordinates, crs)) & _are_near(coordinates, crs)


def _are_near(coordinates: NDArray[np.float64], crs: CRS) -> NDArray[np.bool_]:
    """Return which coordinates are not larger than any of a map: some projections go round."""
    if not crs.is_projected:
        return np.ones(len(coordinates), dtype=np.bool_)
    unit = crs.axis_info[0].unit_conversion_factor
    largest: NDArray[np.float64] = np.abs(coordinates).max(axis=1, initial=0)
    return np.asarray(largest * float(unit) <= _LARGEST_M)


def _angles(
    coordinates: NDArray[np.float64], crs: CRS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude in radians; infinity where a projection has no such place."""
    geographic = crs.geodetic_crs or CRS.from_epsg(4326)
    unit = float(geographic.axis_info[0].unit_conversion_factor)
    longitude, latitude = to_geographic(crs).transform(*coordinates.T)
    return np.asarray(longitude) * unit, np.asarray(latitude) * unit


def _are_angles(longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.abs(latitude) <= np.radians(90.001)
    return found & (np.abs(longitude) <= 3 * np.pi)


def _on_earth(geometry: NDArray[np.object_], crs: CRS) -> NDArray[np.bool_]:
    """Return which finite geometries have all their places on the Earth, none far from the next."""
    coordinates, owner = shapely.get_coordinates(geometry, return_index=True)
    longitude, latitude = _angles(coordinates, crs)
    is_place = _are_angles(longitude, latitude) & _are_near(coordinates, crs)
    with np.errstate(invalid="ignore"):  # of infinity
        step = _EARTH_RADIUS_M * 2 * np.arcsin(np.sqrt(_haversine(longitude, latitude).clip(0, 1)))
        is_jump = (step > MOST_STEP_M) & (owner[1:] == owner[:-1])
    return _without(owner[~is_place], len(geometry)) & _without(owner[1:][is_jump], len(geometry))


def _haversine(
    longitude: NDArray[np.float64], latitude: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the squared sine of half the angle from each place to the next, in radians."""
    across = np.cos(latitude[1:]) * np.cos(latitude[:-1]) * np.sin(np.diff(longitude) / 2) ** 2
    squared: NDArray[np.float64] = np.sin(np.diff(latitude) / 2) ** 2 + across
    return squared


def _without(owners: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Return True for all of ``count`` geometries but those that are named."""
    kept = np.ones(count, dtype=np.bool_)
    kept[owners] = False
    return kept


def _note(count: int, what: str, name: str) -> tuple[str, ...]:
    return (f"{int(count)} rows of {name} {what} were left out",) if count else ()
