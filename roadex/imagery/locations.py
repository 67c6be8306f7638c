"""Where rasters are: paths and URLs as users give them, and how GDAL is to read them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote

from roadex.errors import public_text

GDAL_CACHE_BYTES = 128 * 2**20
"""Block cache of GDAL; rasterio takes bytes (GDAL's own variable takes megabytes)."""

READING: Mapping[str, object] = MappingProxyType(
    {
        "GDAL_CACHEMAX": GDAL_CACHE_BYTES,
        # Sidecar files are asked for by name: listing a bucket can take minutes.
        "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
        "GDAL_HTTP_MAX_RETRY": "5",
        "GDAL_HTTP_RETRY_DELAY": "0.5",
        "GDAL_HTTP_RETRY_CODES": "429,500,502,503,504",
        "GDAL_HTTP_CONNECTTIMEOUT": "20",
        "GDAL_HTTP_LOW_SPEED_TIME": "60",
        "GDAL_HTTP_LOW_SPEED_LIMIT": "1",
    }
)
"""Options of GDAL under which scenes are read: bounded memory, patience with servers."""

URL_PREFIXES = {
    "s3://": "/vsis3/",
    "gs://": "/vsigs/",
    "az://": "/vsiaz/",
    "http://": "/vsicurl/http://",
    "https://": "/vsicurl/https://",
}
"""URL scheme to the GDAL file system that reads it."""

_ARCHIVE_PREFIXES = {"zip://": "/vsizip/", "tar://": "/vsitar/"}

_SUBDATASET = re.compile(
    r"""((?:NETCDF|HDF5|HDF4|GPKG|ZARR|MBTILES|GTIFF_DIR:(?:off:)?\d+|GTIFF_RAW):"?)"""
    r"""([^":]+(?::[\\/][^":]*)?)("?(?::.*)?)""",
    re.IGNORECASE,
)
"""Names GDAL gives to parts of files: what the driver wants, the file, which part."""

_DRIVER = re.compile(r"[A-Za-z][A-Za-z0-9_]+:")
"""What GDAL takes for the name of a driver or a connection (``WMS:...``), and no path has."""

_ABSENT = re.compile(r"\b404\b|does not exist|No such (file|key|bucket)|NoSuch", re.IGNORECASE)


def gdal_location(path: str) -> str:
    """Return how GDAL opens a path, URL or name of a subdataset from any working directory.

    ``file://`` is a path, ``zip://archive.zip!inner.tif`` (also ``tar://``) a file in an archive,
    ``NETCDF:scene.nc:red`` and its like a part of a file.
    """
    for scheme, prefix in URL_PREFIXES.items():
        if path.startswith(scheme):
            return prefix + path.removeprefix(scheme)
    if path.startswith("file://"):
        return os.path.abspath(unquote(path.removeprefix("file://")))  # noqa: PTH100
    for scheme, prefix in _ARCHIVE_PREFIXES.items():
        if path.startswith(scheme):
            archive, _, inner = path.removeprefix(scheme).partition("!")
            return f"{prefix}{{{gdal_location(archive)}}}/{inner.lstrip('/')}".rstrip("/")
    named = _SUBDATASET.fullmatch(path)
    if named and not os.path.exists(path):  # noqa: PTH110
        start, file, rest = named.groups()
        return f"{start}{gdal_location(file)}{rest}"
    if path.startswith("/vsi") or (_DRIVER.match(path) and not os.path.exists(path)):  # noqa: PTH110
        return path
    return os.path.abspath(path)  # noqa: PTH100


def is_virtual(location: str) -> bool:
    """Return whether a location is something else for GDAL than a path on this machine."""
    return location.startswith("/vsi") or not os.path.isabs(location)  # noqa: PTH117


def means_absent(error: BaseException) -> bool:
    """Return whether an error of GDAL says that there is nothing at a location."""
    return _ABSENT.search(str(error)) is not None


def public_name(path: str) -> str:
    """Return a path or URL without what may be a secret: the query of a signed URL, a password."""
    return (
        public_text(path)
        if "://" in path or path.startswith("/vsi") or _DRIVER.match(path)
        else path
    )
