"""Where a raster says it lies: read, checked, and refused where it is no place on the Earth."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import rasterio.crs
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from roadex.errors import SceneError
from roadex.imagery.longitudes import longitude_in_range

_EARTH_AXIS_M = (6.3e6, 6.45e6)
"""Semi-major axes of the ellipsoids people have measured the Earth with, with room to spare."""


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


def require_place(raster: rasterio.DatasetReader, path: str) -> None:
    """Refuse a raster that is not placed on the Earth by CRS and transform.

    Raises
    ------
    SceneError
        If either is missing or has no meaning; it says what places the raster instead.
    """
    points, _ = raster.gcps
    is_placed = raster.crs is not None and is_somewhere(raster.transform)
    if not is_placed and points:
        msg = (
            f"{path} is placed by {len(points)} ground control points alone. Bring it onto a map "
            f"with `gdalwarp -tps -t_srs EPSG:CODE {path} new.tif`"
        )
        raise SceneError(msg)
    if not is_placed and raster.rpcs is not None:
        msg = (
            f"{path} is placed by RPCs (a raw satellite image). Orthorectify it with an elevation "
            f"model: `gdalwarp -rpc -to RPC_DEM=dem.tif -t_srs EPSG:CODE {path} new.tif`"
        )
        raise SceneError(msg)
    if raster.crs is None:
        msg = f"{path} has no CRS. Write one with `rio edit-info --crs EPSG:CODE {path}`"
        raise SceneError(msg)
    if not is_somewhere(raster.transform):
        msg = f"{path} has no georeference. Write one with `rio edit-info --transform ... {path}`"
        raise SceneError(msg)
    require_pixels(raster.transform, path)
    parse_crs(raster.crs.to_wkt(), path)


def is_somewhere(transform: Affine) -> bool:
    """Return whether a transform is more than rows and columns, from above or from below.

    GDAL writes neither: a result on such a grid would have no place.
    """
    return not (transform.is_identity or transform == Affine.scale(1, -1))


def read_place(
    raster: rasterio.DatasetReader, path: str
) -> tuple[rasterio.crs.CRS, Affine, tuple[str, ...]]:
    """Return CRS and transform of a raster, and what is doubtful about them.

    Raises
    ------
    SceneError
        As :func:`require_place`.
    """
    require_place(raster, path)
    given = parse_crs(raster.crs.to_wkt(), path)
    crs, transform = longitude_in_range(given, raster.transform, raster.shape)
    same = raster.crs if crs is given else rasterio.crs.CRS.from_wkt(crs.to_wkt())
    return same, transform, _contradictions(raster, path)


def _contradictions(raster: rasterio.DatasetReader, path: str) -> tuple[str, ...]:
    """Say where a world file places a TIFF elsewhere than the TIFF itself."""
    file = Path(raster.name)
    if raster.driver != "GTiff" or not file.is_file():
        return ()
    for suffix in (".tfw", ".tifw", ".wld"):
        world = file.with_suffix(suffix)
        if not world.is_file():
            continue
        try:
            a, d, b, e, x, y = (float(v) for v in world.read_text(encoding="ascii").split()[:6])
        except (OSError, ValueError):  # GDAL does not read it either
            return ()
        other = Affine(a, b, x, d, e, y) @ Affine.translation(-0.5, -0.5)
        corners = [(0, 0), (raster.width, raster.height)]
        seen = [~raster.transform @ (other @ corner) for corner in corners]
        if np.abs(np.subtract(seen, corners)).max() > 1:
            return (
                f"{world.name} places {path} elsewhere than its own georeference does; the "
                "file's own counts",
            )
    return ()


def place_nowhere(gsd_m: float) -> tuple[rasterio.crs.CRS, Affine]:
    """Return a place without meaning for an image without one, in metres: any such CRS will do."""
    return rasterio.crs.CRS.from_epsg(32631), Affine(gsd_m, 0, 500_000, 0, -gsd_m, 1_000_000)
