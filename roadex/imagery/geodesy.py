"""From pixels to metres: what a grid's pixels measure on the ground, and how long lines are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import CRSError

from roadex.errors import SceneError

_EARTH_AXIS_M = (6.3e6, 6.45e6)
"""Semi-major axes of the ellipsoids people have measured the Earth with, with room to spare."""

SMALLEST_PIXEL_M = 1e-3
"""No camera over roads sees less than a millimetre: such pixels are a wrong georeference."""

_CYLINDRICAL = (
    "Popular Visualisation Pseudo Mercator", "Mercator (variant A)", "Mercator (variant B)",
    "Mercator (Spherical)", "Equidistant Cylindrical", "Equidistant Cylindrical (Spherical)",
)  # fmt: skip
"""Projections on which x is the longitude times a number."""

_ORIGIN = "Longitude of natural origin"

MOST_DEGREES_APART = 6.0
"""Longitude between places beyond which no transverse Mercator projection is metric for both: the
width of a UTM zone, at whose far edge lengths are wrong by about half a per cent."""

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


def require_earth(crs: CRS, name: str) -> None:
    """Refuse a CRS whose coordinates have no longitude and latitude on the Earth.

    Parameters
    ----------
    crs
        Any CRS.
    name
        What has it, for the error.

    Raises
    ------
    SceneError
        If it is a local or engineering grid, geocentric, only vertical, or of another body.
    """
    warp = f"Bring it to a projected CRS with `gdalwarp -t_srs EPSG:CODE {name} new.tif`"
    flat = CRS(crs.source_crs) if crs.is_bound and crs.source_crs else crs
    ellipsoid = flat.ellipsoid
    low, high = _EARTH_AXIS_M
    if flat.is_engineering:
        msg = (
            f"{name} has a local CRS ({crs.name}): nothing says where on the Earth it is. Place it "
            "with ground control points, or write its real CRS with `rio edit-info --crs EPSG:CODE "
            f"{name}`"
        )
    elif flat.is_geocentric:
        msg = f"{name} has a geocentric CRS ({crs.name}), whose axes are not those of a map. {warp}"
    elif not (flat.is_geographic or flat.is_projected):
        msg = f"the CRS of {name} ({crs.name}) is neither geographic nor projected. {warp}"
    elif ellipsoid is not None and not low <= ellipsoid.semi_major_metre <= high:
        msg = (
            f"{name} is not a place on the Earth: its CRS {crs.name} is for a body of "
            f"{ellipsoid.semi_major_metre / 1000:.0f} km radius, and roadex knows roads of the "
            "Earth alone"
        )
    else:
        return
    raise SceneError(msg)


def parse_crs(wkt: str, name: str) -> CRS:
    """Return the CRS of a raster, which has to be one of the Earth.

    Raises
    ------
    SceneError
        If PROJ does not understand it, or see :func:`require_earth`.
    """
    try:
        crs = CRS.from_wkt(wkt)
    except CRSError as error:
        msg = (
            f"the CRS of {name} cannot be understood ({error}). Write another with `rio edit-info "
            f"--crs EPSG:CODE {name}`"
        )
        raise SceneError(msg) from error
    require_earth(crs, name)
    return crs


def require_pixels(transform: Affine, name: str) -> None:
    """Refuse a transform that gives pixels no area or no place.

    Raises
    ------
    SceneError
        If a number of it is not finite, pixels are lines or points, or coordinates are so large
        that one pixel is not told from the next.
    """
    width, height = math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)
    area = abs(transform.a * transform.e - transform.b * transform.d)
    if not all(map(math.isfinite, (*transform[:6], width * height, area))):
        problem = "is not made of numbers of any size on the Earth"
    elif not area > 1e-6 * width * height:
        problem = f"gives pixels of {width:g} by {height:g} CRS units, an area of {area:g}"
    elif np.spacing(max(abs(transform.c), abs(transform.f))) > 1e-3 * min(width, height):
        problem = (
            f"has its origin at ({transform.c:g}, {transform.f:g}), too far away to tell pixels"
        )
    else:
        return
    msg = (
        f"the georeference of {name} {problem}. Write it with `rio edit-info --transform ... "
        f"{name}`"
    )
    raise SceneError(msg)


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


def longitude_in_range(crs: CRS, transform: Affine, shape: tuple[int, int]) -> tuple[CRS, Affine]:
    """Bring a grid in degrees or Mercator to the longitudes that PROJ gives back.

    A grid at 287 degrees is moved to -73. One that crosses 180 degrees is counted from there.

    Returns
    -------
    crs, transform
        Unchanged where nothing is to do.
    """
    turn = _turn(crs)
    if turn is None:
        return crs, transform
    corners = [transform @ (col, row) for col in (0, shape[1]) for row in (0, shape[0])]
    west, east = (limit(x for x, _ in corners) for limit in (min, max))
    if east - west >= turn:
        return crs, transform
    n_turns = np.floor((west + east) / 2 / turn + 0.5)
    moved = Affine.translation(-turn * n_turns, 0) @ transform if n_turns else transform
    west, east = west - turn * n_turns, east - turn * n_turns
    if east <= turn / 2 and west >= -turn / 2:
        return crs, moved
    side = turn / 2 if east > turn / 2 else -turn / 2
    return _from_antimeridian(crs), Affine.translation(-side, 0) @ moved


def _turn(crs: CRS) -> float | None:
    """Return how far around the Earth is in a CRS whose x counts from 0 both ways, or None."""
    if crs.is_geographic:
        return float(360 / np.degrees(crs.axis_info[0].unit_conversion_factor))
    operation = crs.coordinate_operation
    if operation is None or operation.method_name not in _CYLINDRICAL:
        return None
    if any(p.name == "False easting" and p.value for p in operation.params):
        return None
    origin = next((float(p.value) for p in operation.params if p.name == _ORIGIN), 0.0)
    to_crs = Transformer.from_crs(crs.geodetic_crs or 4326, crs, always_xy=True)
    return 4 * float(to_crs.transform(origin + 90, 0)[0])


def outline_in_degrees(crs: CRS, transform: Affine, shape: tuple[int, int]) -> dict[str, Any]:
    """Return the outline of a grid as GeoJSON, in longitudes of -180 to 180.

    One that crosses 180 degrees is cut there (RFC 7946, 3.1.9). One that holds a pole is the cap
    down to its lowest latitude.
    """
    height, width = shape
    corners = [(0, 0), (0, height), (width, height), (width, 0), (0, 0)]
    x, y = (np.array(v) for v in zip(*(transform @ corner for corner in corners), strict=True))
    longitude, latitude = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    longitude = np.degrees(np.unwrap(np.radians(longitude)))
    if abs(longitude[-1] - longitude[0]) > 180:
        pole = np.copysign(90, latitude[0])
        south, north = min(abs(latitude)) * np.sign(pole), pole
        return _polygon([(-180, south), (180, south), (180, north), (-180, north), (-180, south)])
    ring = np.column_stack([longitude, latitude])
    if longitude.min() >= -180 and longitude.max() <= 180:
        return _polygon(ring)
    parts = []
    for turn in (-360, 0, 360):
        inside = shapely.Polygon(ring + np.array([turn, 0])).intersection(
            shapely.box(-180, -90, 180, 90)
        )
        if inside.area > 0:
            parts.append(_polygon(shapely.get_coordinates(inside))["coordinates"])
    return {"type": "MultiPolygon", "coordinates": parts}


def _polygon(ring: Iterable[Iterable[float]]) -> dict[str, Any]:
    rounded = [[round(float(value), 7) for value in point] for point in ring]
    return {"type": "Polygon", "coordinates": [rounded]}


def _from_antimeridian(crs: CRS) -> CRS:
    """Return a CRS whose longitudes count from the opposite meridian."""
    described = crs.to_2d().to_json_dict()
    described.pop("id", None)
    described["name"] = f"{crs.name}, from the antimeridian"
    if crs.is_projected:
        conversion = described["conversion"]
        conversion.pop("id", None)
        for parameter in conversion["parameters"]:
            if parameter["name"] == _ORIGIN:
                parameter["value"] += 180
        return CRS.from_json_dict(described)
    ensemble = described.pop("datum_ensemble", None)
    datum = described.setdefault("datum", {})
    if ensemble is not None:
        datum |= {"type": "GeodeticReferenceFrame"}
        datum |= {key: ensemble[key] for key in ("name", "ellipsoid")}
    meridian = datum.get("prime_meridian", {}).get("longitude", 0)
    degrees = meridian["value"] if isinstance(meridian, dict) else meridian
    datum["prime_meridian"] = {"name": "antimeridian", "longitude": degrees + 180}
    datum.pop("id", None)
    return CRS.from_json_dict(described)


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


def centre_longitude(crs: CRS, transform: Affine, shape: tuple[int, int]) -> float:
    """Return the longitude of the middle of a grid, in degrees."""
    x, y = transform @ (shape[1] / 2, shape[0] / 2)
    return float(to_geographic(crs).transform(x, y)[0])


def degrees_apart(one: float, other: float) -> float:
    """Return how far two longitudes are from each other, the short way round."""
    return abs((other - one + 180) % 360 - 180)


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
