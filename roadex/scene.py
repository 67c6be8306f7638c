"""Scenes: what any raster GDAL opens looks like to the rest of roadex.

One file or many (a mosaic) become one virtual raster whose bands are the network's bands in the
network's order, followed by one band that says where there is imagery (255) and where not (0).
Alpha bands, mask bands and nodata values end here; nothing behind this module knows of them.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Geod, Transformer
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from roadex.errors import SceneError
from roadex.mosaic import Member, virtual_raster

URL_PREFIXES = {
    "s3://": "/vsis3/",
    "gs://": "/vsigs/",
    "az://": "/vsiaz/",
    "http://": "/vsicurl/http://",
    "https://": "/vsicurl/https://",
}
"""URL scheme to the GDAL file system that reads it."""

_SAMPLE_GRID, _SAMPLE_SIZE = 8, 256
_STRETCH_PERCENTILES = (1.0, 99.0)
_COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiometry:
    """How stored values become the 0-255 that networks take."""

    low: tuple[float, ...]
    """Per band: the stored value that becomes 0."""

    high: tuple[float, ...]
    """Per band: the stored value that becomes 255."""

    fill: tuple[float, ...]
    """Per band: mean of valid pixels (0-255), put where there is no imagery."""

    def apply(self, stored: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return ``(C, h, w)`` in [0, 255], filled where ``valid`` (``(h, w)``) is False."""
        low, high, fill = (
            np.asarray(values, dtype=np.float32)[:, None, None]
            for values in (self.low, self.high, self.fill)
        )
        scaled = (stored.astype(np.float32) - low) * (255 / (high - low))
        return np.where(valid, np.clip(scaled, 0, 255), fill)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One georeferenced raster; holds no open file and can be sent to other processes."""

    paths: tuple[str, ...]
    source: str
    """What GDAL opens: a virtual raster with the network's bands, then one band of validity."""

    shape: tuple[int, int]
    crs: CRS
    transform: Affine
    gsd_m: float
    """Metres per pixel on the ground, at the centre of the scene."""

    bands: tuple[int, ...]
    """Band numbers in the files, from 1, in the network's order."""

    dtype: str
    radiometry: Radiometry
    identity: str
    """Changes when a file is replaced: hash over paths, sizes and modification times."""

    modified: str
    """When the newest file was last changed, ISO 8601 in UTC; 1970 for URLs."""

    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the first file, without its suffix."""
        return Path(self.paths[0]).stem


def open_scene(
    paths: Sequence[str | Path], *, n_bands: int = 3, bands: Sequence[int] | None = None
) -> Scene:
    """Check rasters and describe them as one scene.

    Parameters
    ----------
    paths
        One or more rasters GDAL opens (also ``s3://``, ``https://``). Several are a mosaic: they
        share CRS, pixel size, bands and type; where they overlap the last one wins.
    n_bands
        How many bands the network takes.
    bands
        Band numbers from 1, in the network's order; None takes red, green and blue where the file
        says which they are, all bands where there are as many as needed, and a single band for
        each of the network's.

    Raises
    ------
    SceneError
        If a file is missing, not a raster or not georeferenced, bands do not fit, or the members
        of a mosaic differ.
    """
    if not paths:
        msg = "no scene given"
        raise SceneError(msg)
    members = [_open_member(str(path)) for path in paths]
    first = members[0]
    chosen, notes = _choose_bands(first, n_bands, bands)
    source, shape, transform = virtual_raster(members, chosen)
    radiometry, seen = _measure(source, shape, len(chosen), first.dtype)
    return Scene(
        paths=tuple(member.path for member in members),
        source=source,
        shape=shape,
        crs=first.crs,
        transform=transform,
        gsd_m=gsd_of(first.crs, transform, shape),
        bands=chosen,
        dtype=first.dtype,
        radiometry=radiometry,
        identity=_identity(members, chosen),
        modified=_modified(members),
        warnings=(*notes, *seen),
    )


@contextmanager
def without_georeference_warning() -> Iterator[None]:
    """Open rasters that are not meant to carry a georeference without a warning each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def gsd_of(crs: CRS, transform: Affine, shape: tuple[int, int]) -> float:
    """Return metres per pixel at the centre of a raster: the square root of a pixel's area.

    Measured on the WGS 84 ellipsoid, so it is right for degrees, feet and Web Mercator too.
    """
    row, col = shape[0] / 2, shape[1] / 2
    corners = [
        (col + dx, row + dy) for dx, dy in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    ]
    x, y = zip(*(transform @ corner for corner in corners), strict=True)
    lon, lat = Transformer.from_crs(crs.to_wkt(), "EPSG:4326", always_xy=True).transform(x, y)
    area_m2, _ = Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)
    return float(abs(area_m2) ** 0.5)


def _open_member(path: str) -> Member:
    location = _gdal_path(path)
    if location == path and not os.path.exists(path) and not path.startswith("/vsi"):  # noqa: PTH110
        msg = f"scene {path} does not exist"
        raise SceneError(msg)
    try:
        with without_georeference_warning(), rasterio.open(location) as raster:
            member = Member.of(raster, path=path, location=_absolute(location))
    except RasterioError as error:
        msg = f"{path} is not a raster that GDAL can read ({error})"
        raise SceneError(msg) from error
    if member.crs is None:
        msg = f"{path} has no CRS. Write one with `rio edit-info --crs EPSG:CODE {path}`"
        raise SceneError(msg)
    if member.transform.is_identity:
        msg = f"{path} has no georeference. Write one with `rio edit-info --transform ... {path}`"
        raise SceneError(msg)
    return member


def _gdal_path(path: str) -> str:
    for scheme, prefix in URL_PREFIXES.items():
        if path.startswith(scheme):
            return prefix + path.removeprefix(scheme)
    return path


def _absolute(location: str) -> str:
    return location if location.startswith("/vsi") else os.path.abspath(location)  # noqa: PTH100


def _choose_bands(
    member: Member, n_bands: int, bands: Sequence[int] | None
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    if bands is not None:
        missing = [band for band in bands if not 1 <= band <= member.n_bands]
        if missing or len(bands) != n_bands:
            msg = (
                f"--bands {','.join(map(str, bands))} does not fit: {member.path} has bands 1 to "
                f"{member.n_bands}, the model takes {n_bands}"
            )
            raise SceneError(msg)
        return tuple(bands), ()
    colours = [member.colours.index(colour) + 1 for colour in _COLOURS if colour in member.colours]
    if n_bands == len(colours) == len(_COLOURS):
        return tuple(colours), ()
    imagery = [i + 1 for i, colour in enumerate(member.colours) if colour != ColorInterp.alpha]
    if len(imagery) == n_bands:
        return tuple(imagery), ()
    if len(imagery) == 1:
        note = f"{member.path} has one band; it is used for all {n_bands} bands of the model"
        return (imagery[0],) * n_bands, (note,)
    example = ",".join(str(i + 1) for i in range(n_bands))
    msg = (
        f"the model takes {n_bands} bands, {member.path} has {len(imagery)} and does not say which "
        f"is which. Choose them with --bands {example}"
    )
    raise SceneError(msg)


def _measure(
    source: str, shape: tuple[int, int], n_bands: int, dtype: str
) -> tuple[Radiometry, tuple[str, ...]]:
    """Look at up to 64 windows spread over the scene.

    8-bit values stay as they are. All others are stretched linearly between two percentiles per
    band: 11-bit and reflectance imagery then looks to the network like what it was trained on.
    """
    values, n_unreadable = _sample(source, shape, n_bands)
    notes: tuple[str, ...] = ()
    if n_unreadable:
        notes = (f"{n_unreadable} of the windows sampled from the scene could not be read",)
    low, high = (0.0,) * n_bands, (255.0,) * n_bands
    if values.shape[1] == 0:
        return Radiometry(low=low, high=high, fill=(0.0,) * n_bands), (
            *notes,
            "no imagery was found in a sample of the scene",
        )
    if dtype != "uint8":
        bounds = np.percentile(values, _STRETCH_PERCENTILES, axis=1)
        low = tuple(float(v) for v in bounds[0])
        high = tuple(float(max(b, a + 1e-6 * max(1.0, abs(a)))) for a, b in bounds.T)
        ranges = ", ".join(f"{a:g}-{b:g}" for a, b in zip(low, high, strict=True))
        stretched = f"{dtype} values were stretched to 8 bits from {ranges}"
        notes += (f"{stretched} (1st to 99th percentile)",)
    scale = 255 / (np.asarray(high) - np.asarray(low))
    fill = np.clip((values.mean(axis=1) - np.asarray(low)) * scale, 0, 255)
    return Radiometry(low=low, high=high, fill=tuple(float(v) for v in fill)), notes


def _sample(source: str, shape: tuple[int, int], n_bands: int) -> tuple[NDArray[np.float64], int]:
    """Return valid values ``(C, n)`` of windows on a regular grid, and how many are unreadable."""
    samples = [np.empty((n_bands, 0))]
    n_unreadable = 0
    with rasterio.open(source) as raster:
        for row in _sample_starts(shape[0]):
            for col in _sample_starts(shape[1]):
                window = Window(
                    col, row, min(_SAMPLE_SIZE, shape[1] - col), min(_SAMPLE_SIZE, shape[0] - row)
                )
                try:
                    stored = raster.read(tuple(range(1, n_bands + 1)), window=window)
                    seen = raster.read(n_bands + 1, window=window) > 0
                except RasterioError:  # the tiles that need it will say so, one by one
                    n_unreadable += 1
                    continue
                values = stored.astype(np.float64)
                valid = seen & np.isfinite(values).all(axis=0)
                samples.append(values[:, valid][:, ::7])
    return np.concatenate(samples, axis=1), n_unreadable


def _sample_starts(size: int) -> list[int]:
    last = max(0, size - _SAMPLE_SIZE)
    return sorted({round(i * last / (_SAMPLE_GRID - 1)) for i in range(_SAMPLE_GRID)})


def _identity(members: Sequence[Member], bands: Sequence[int]) -> str:
    digest = hashlib.sha256(repr(tuple(bands)).encode())
    for member in members:
        digest.update(repr((member.location, member.shape, member.size_and_time())).encode())
    return digest.hexdigest()[:16]


def _modified(members: Sequence[Member]) -> str:
    newest = max(member.size_and_time()[1] for member in members) // 10**9
    return datetime.fromtimestamp(newest, UTC).isoformat()
