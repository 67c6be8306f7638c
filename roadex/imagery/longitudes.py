"""Longitudes: how far apart they are, grids beyond 180 degrees and around the poles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
from affine import Affine
from pyproj import CRS, Transformer

from roadex.imagery.geodesy import to_geographic

_CYLINDRICAL = (
    "Popular Visualisation Pseudo Mercator", "Mercator (variant A)", "Mercator (variant B)",
    "Mercator (Spherical)", "Equidistant Cylindrical", "Equidistant Cylindrical (Spherical)",
)  # fmt: skip
"""Projections on which x is the longitude times a number."""

_ORIGIN = "Longitude of natural origin"

MOST_DEGREES_APART = 6.0
"""Longitude between places beyond which no transverse Mercator projection is metric for both: the
width of a UTM zone, at whose far edge lengths are wrong by about half a per cent."""


def centre_longitude(crs: CRS, transform: Affine, shape: tuple[int, int]) -> float:
    """Return the longitude of the middle of a grid, in degrees."""
    x, y = transform @ (shape[1] / 2, shape[0] / 2)
    return float(to_geographic(crs).transform(x, y)[0])


def degrees_apart(one: float, other: float) -> float:
    """Return how far two longitudes are from each other, the short way round."""
    return abs((other - one + 180) % 360 - 180)


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
