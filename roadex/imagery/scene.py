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

import rasterio
from affine import Affine
from pyproj import Geod, Transformer
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from roadex.errors import SceneError
from roadex.imagery.locations import READING, gdal_location, is_virtual, means_absent, public_name
from roadex.imagery.radiometry import Radiometry, measure_radiometry
from roadex.imagery.virtual_raster import Member, virtual_raster

_COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


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

    @classmethod
    def open(
        cls, paths: str | Path | Sequence[str | Path], *, n_bands: int = 3,
        bands: Sequence[int] | None = None,
    ) -> Scene:  # fmt: skip
        """Open a raster, or several that form one mosaic; see :func:`open_scene`."""
        listed = [paths] if isinstance(paths, str | Path) else paths
        return open_scene(listed, n_bands=n_bands, bands=bands)

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
    with rasterio.Env(**READING):
        members = [_open_member(str(path)) for path in paths]
        first = members[0]
        chosen, notes = _choose_bands(first, n_bands, bands)
        source, shape, transform = virtual_raster(members, chosen)
        radiometry, seen = measure_radiometry(source, shape, len(chosen), first.dtype)
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
    location, name = gdal_location(path), public_name(path)
    if not is_virtual(location) and not os.path.exists(location):  # noqa: PTH110
        msg = f"scene {name} does not exist"
        raise SceneError(msg)
    try:
        with without_georeference_warning(), rasterio.open(location) as raster:
            member = Member.of(raster, path=name, location=location)
    except RasterioError as error:
        if is_virtual(location) and means_absent(error):
            msg = f"scene {name} does not exist, or may not be read without signing in ({error})"
        else:
            msg = f"{name} is not a raster that GDAL can read ({error})"
        raise SceneError(msg) from error
    if member.crs is None:
        msg = f"{name} has no CRS. Write one with `rio edit-info --crs EPSG:CODE {name}`"
        raise SceneError(msg)
    if member.transform.is_identity:
        msg = f"{name} has no georeference. Write one with `rio edit-info --transform ... {name}`"
        raise SceneError(msg)
    return member


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


def _identity(members: Sequence[Member], bands: Sequence[int]) -> str:
    digest = hashlib.sha256(repr(tuple(bands)).encode())
    for member in members:
        digest.update(repr((member.location, member.shape, member.size_and_time())).encode())
    return digest.hexdigest()[:16]


def _modified(members: Sequence[Member]) -> str:
    newest = max(member.size_and_time()[1] for member in members) // 10**9
    return datetime.fromtimestamp(newest, UTC).isoformat()
