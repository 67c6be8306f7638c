"""From pixels to metres: what a grid's pixels measure on the ground, and how long lines are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from roadex.errors import SceneError

SMALLEST_PIXEL_M = 1e-3
"""No camera over roads sees less than a millimetre: such pixels are a wrong georeference."""

_UPS_NORTH, _UPS_SOUTH = 5041, 5042
"""EPSG codes of the polar projections that go with UTM, east before north."""

_UTM_NORTH, _UTM_SOUTH = 32600, 32700
"""EPSG codes before those of the UTM zones 1 to 60 on WGS 84."""

_UTM_LATITUDES = -80.0, 84.0
_ZONE_DEGREES = 6


@dataclass(frozen=True, slots=True)
class PixelSize:
    """Size of a pixel on the ground, taken at the centre of its grid."""

    row_m: float
    """Metres from one row to the next."""

    col_m: float
    """Metres from one column to the next."""

    @property
    def gsd_m(self) -> float:
        """Side of the square pixel of the same area, in metres."""
        return float(np.sqrt(self.row_m * self.col_m))

    @property
    def aspect(self) -> float:
        """Height of a pixel over its width."""
        return self.row_m / self.col_m


def keeps_lengths(crs: CRS) -> bool:
    """Return whether lengths in a CRS are metres on the ground, as in UTM and in state grids.

    Web Mercator has metres in name only.
    """
    is_metric = crs.is_projected and all(a.unit_conversion_factor == 1 for a in crs.axis_info[:2])
    operation = crs.coordinate_operation
    method = "" if operation is None else operation.method_name
    return bool(is_metric and ("Transverse Mercator" in method or "Lambert Conic" in method))


def metric_crs_at(longitude: float, latitude: float) -> CRS:
    """Return the UTM zone of a place, or the polar projection beyond UTM."""
    zone = max(1, math.ceil((longitude + 180) % 360 / _ZONE_DEGREES))
    if not _UTM_LATITUDES[0] <= latitude <= _UTM_LATITUDES[1]:
        return CRS.from_epsg(_UPS_NORTH if latitude > 0 else _UPS_SOUTH)
    return CRS.from_epsg((_UTM_NORTH if latitude >= 0 else _UTM_SOUTH) + zone)


def pixel_size(transform: Affine, crs: CRS, shape: tuple[int, int]) -> PixelSize:
    """Measure the pixel in the middle of a grid along the ellipsoid.

    Parameters
    ----------
    transform
        Pixel to CRS coordinates; rotated and south-up grids are fine.
    crs
        Any horizontal CRS: metres, feet or degrees.
    shape
        Rows and columns of the grid.

    Raises
    ------
    SceneError
        If the middle of the grid has no place on the Earth in this CRS, or its pixels no size.
    """
    row, col = shape[0] / 2, shape[1] / 2
    x, y = place(transform, np.array([col, col, col + 1]), np.array([row, row + 1, row]))
    longitude, latitude = to_geographic(crs).transform(x, y)
    if not np.isfinite(longitude).all() or not np.isfinite(latitude).all():
        msg = (
            f"the grid's centre ({x[0]:.6g}, {y[0]:.6g}) lies outside the area of {crs.name}: "
            "the transform and the CRS do not belong together"
        )
        raise SceneError(msg)
    geod = geod_of(crs)
    _, _, distance = geod.inv(longitude[[0, 0]], latitude[[0, 0]], longitude[1:], latitude[1:])
    if not (np.isfinite(distance) & (distance > SMALLEST_PIXEL_M)).all():
        msg = (
            f"the grid's pixels measure {distance[1]:.3g} by {distance[0]:.3g} m on the ground at "
            f"({x[0]:.6g}, {y[0]:.6g}) in {crs.name}: the transform and the CRS do not belong "
            "together"
        )
        raise SceneError(msg)
    return PixelSize(row_m=float(distance[0]), col_m=float(distance[1]))


def place(
    transform: Affine, col: NDArray[np.float64], row: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the CRS coordinates of positions in a grid; 0.0, 0.0 is its outer corner."""
    x = transform.a * col + transform.b * row + transform.c
    y = transform.d * col + transform.e * row + transform.f
    return x, y


def to_geographic(crs: CRS) -> Transformer:
    """Return the transformation from a CRS to longitude and latitude on its own ellipsoid."""
    return Transformer.from_crs(crs, crs.geodetic_crs or CRS.from_epsg(4326), always_xy=True)


def geod_of(crs: CRS) -> Geod:
    """Return the ellipsoid of a CRS."""
    return crs.get_geod() or Geod(ellps="WGS84")


def geodesic_lengths_m(lines: NDArray[np.object_], crs: CRS) -> NDArray[np.float64]:
    """Return the length of each line along the ellipsoid, in metres."""
    coordinates, index = shapely.get_coordinates(lines, return_index=True)
    longitude, latitude = to_geographic(crs).transform(coordinates[:, 0], coordinates[:, 1])
    _, _, steps = geod_of(crs).inv(longitude[:-1], latitude[:-1], longitude[1:], latitude[1:])
    inside = index[1:] == index[:-1]
    lengths = np.bincount(index[1:][inside], np.asarray(steps)[inside], minlength=len(lines))
    return lengths.astype(np.float64)  # without any lines bincount gives integers
