"""Scenes: what any raster GDAL opens looks like to the rest of roadex.

One file or many (a mosaic) become one array with the bands a model takes, in its order, and where
there is imagery. Alpha, masks, nodata, palettes and the order of bands end in this package;
nothing behind it knows of them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Geod, Transformer
from rasterio.crs import CRS

from roadex.errors import SceneError
from roadex.imagery.bands import check_bands, choose_bands
from roadex.imagery.containers import open_raster
from roadex.imagery.doubts import doubts, why_no_imagery
from roadex.imagery.locations import READING, public_name
from roadex.imagery.members import Member
from roadex.imagery.mosaic import Mosaic, join_members
from roadex.imagery.native import NativeReader, beyond_edges, open_native
from roadex.imagery.radiometry import Radiometry, measure_radiometry, sample_windows, thinned
from roadex.imagery.raster_sources import check_sources
from roadex.imagery.sampled_validity import find_validity
from roadex.imagery.source_files import FileState
from roadex.imagery.validity import Sampled, Validity, half_width
from roadex.imagery.web_tiles import in_web_mercator

RGB = ("red", "green", "blue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One georeferenced raster; holds no open file and can be sent to other processes."""

    paths: tuple[str, ...]
    mosaic: Mosaic
    """The files, and where each lies."""

    validity: Validity
    """How it is decided which pixels are imagery."""

    shape: tuple[int, int]
    crs: CRS
    transform: Affine
    gsd_m: float
    """Metres per pixel on the ground, at the centre of the scene."""

    bands: tuple[int, ...]
    """Band numbers in the files, from 1, in the network's order."""

    wanted: tuple[str, ...]
    """What the bands are taken for: names of the model's bands."""

    dtype: str
    radiometry: Radiometry
    identity: str
    """Changes when a file is replaced: hash over paths, sizes and modification times."""

    modified: str
    """When the newest file was last changed, ISO 8601 in UTC; 1970 for URLs."""

    pages: tuple[str, ...] = ()
    """Names of further pages of the first file, which are not read."""

    warnings: tuple[str, ...] = ()

    @classmethod
    def open(
        cls, paths: str | Path | Sequence[str | Path], *, wanted: Sequence[str] = RGB,
        bands: Sequence[int] | None = None, nodata: Sequence[float] | None = None,
    ) -> Scene:  # fmt: skip
        """Open a raster, or several that form one mosaic; see :func:`open_scene`."""
        listed = [paths] if isinstance(paths, str | Path) else paths
        return open_scene(listed, wanted=wanted, bands=bands, nodata=nodata)

    @property
    def name(self) -> str:
        """Name of the first file, without its suffix."""
        return Path(self.paths[0]).stem


def open_scene(
    paths: Sequence[str | Path],
    *,
    wanted: Sequence[str] = RGB,
    bands: Sequence[int] | None = None,
    nodata: Sequence[float] | None = None,
    stretch: Sequence[tuple[float, float]] = (),
    trusted_only: bool = False,
    unplaced_gsd_m: float | None = None,
    web_tiles: bool = False,
) -> Scene:
    """Check rasters and describe them as one scene.

    Parameters
    ----------
    paths
        One or more rasters GDAL opens (also ``s3://``, ``https://``). Several are a mosaic: they
        share CRS, pixel size, bands and type; where they overlap the last one wins.
    wanted
        Names of the bands the model takes, in its order.
    bands
        Band numbers from 1, in the model's order; None finds them by what the file says of its
        bands. A single band serves for all of the model's.
    nodata
        Values of pixels without imagery, instead of those that files declare and that are found;
        ``()`` is none.
    stretch
        Per band: the values (0-255) to which the 1st and 99th percentile of scenes of other types
        than 8 bits are brought; empty is 0 and 255.
    trusted_only
        Refuse virtual rasters that read files outside of their own folder.
    unplaced_gsd_m
        Metres per pixel of images that are not placed on the Earth, as benchmarks consist of; they
        get a place of no meaning. None refuses them.
    web_tiles
        The rasters are tiles of a web map, placed in degrees: see
        :func:`~roadex.imagery.web_tiles.in_web_mercator`.

    Raises
    ------
    SceneError
        If a file is missing, not a raster or not placed on the Earth, bands do not fit, or the
        members of a mosaic differ.
    """
    with rasterio.Env(**READING):
        members = _open_members(paths, trusted_only=trusted_only, unplaced_gsd_m=unplaced_gsd_m)
        if web_tiles:
            members = [in_web_mercator(member) for member in members]
        first = members[0]
        chosen, notes = _bands_of(first, wanted, bands)
        mosaic = join_members(members, chosen)
        gsd_m = _gsd_on_earth(mosaic, first)
        if not first.is_placed and unplaced_gsd_m is not None:
            gsd_m = unplaced_gsd_m
        validity, radiometry, seen = _look(mosaic, gsd_m, nodata, stretch)
        states = [state for member in members for state in member.file_states()]
    return Scene(
        paths=tuple(member.path for member in members),
        mosaic=mosaic,
        validity=validity,
        shape=mosaic.shape,
        crs=first.crs,
        transform=mosaic.transform,
        gsd_m=gsd_m,
        bands=chosen,
        wanted=tuple(wanted),
        dtype=first.dtype,
        radiometry=radiometry,
        identity=_identity(members, states, chosen),
        modified=_modified(states),
        pages=first.pages,
        warnings=(*notes, *(note for member in members for note in member.notes), *seen),
    )


def _gsd_on_earth(mosaic: Mosaic, first: Member) -> float:
    """Return metres per pixel of a mosaic, which has to be somewhere in its CRS."""
    gsd_m = gsd_of(first.crs, mosaic.transform, mosaic.shape)
    if not 0 < gsd_m < np.inf:
        x, y = mosaic.transform @ (mosaic.shape[1] / 2, mosaic.shape[0] / 2)
        msg = (
            f"{first.path} has its centre at ({x:.6g}, {y:.6g}), which is no place in "
            f"{first.crs.to_string()}: georeference and CRS do not belong together"
        )
        raise SceneError(msg)
    return gsd_m


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


def _open_members(
    paths: Sequence[str | Path], *, trusted_only: bool, unplaced_gsd_m: float | None
) -> list[Member]:
    if not paths:
        msg = "no scene given"
        raise SceneError(msg)
    members = []
    for path in map(str, paths):
        name = public_name(path)
        with open_raster(path) as raster:
            folder = os.path.dirname(raster.name) if trusted_only else None  # noqa: PTH120
            check_sources(raster, name, trusted_folder=folder)
            members.append(Member.of(raster, path=name, unplaced_gsd_m=unplaced_gsd_m))
    return members


def _bands_of(
    first: Member, wanted: Sequence[str], given: Sequence[int] | None
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the bands to read, given or found, and what is to be said of them."""
    if given is None:
        return choose_bands(first.roles, wanted, first.path)
    return check_bands(given, len(first.roles), wanted, first.path), ()


def _look(
    mosaic: Mosaic,
    gsd_m: float,
    nodata: Sequence[float] | None,
    stretch: Sequence[tuple[float, float]],
) -> tuple[Validity, Radiometry, tuple[str, ...]]:
    """Look at windows of a scene: what is imagery, how bright it is, and what is doubtful."""
    first = mosaic.placed[0].member
    may_be_alpha = first.alpha or _nameless_band(first, mosaic.bands)
    with open_native(mosaic, Validity()) as reader:
        sample, n_unreadable = _sample(reader, mosaic.shape, may_be_alpha, half_width(gsd_m))
    validity, notes = find_validity(
        sample,
        declared=[_declared(one.member, mosaic.bands) for one in mosaic.placed],
        alpha=first.alpha,
        may_be_alpha=may_be_alpha,
        gsd_m=gsd_m,
        is_lossy=any(one.member.is_lossy for one in mosaic.placed),
        given=None if nodata is None else tuple(nodata),
    )
    if n_unreadable:
        notes = (f"{n_unreadable} of the windows sampled from the scene could not be read", *notes)
    valid = [validity.of(part) for part in sample]
    values = [thinned(part.pixels, seen) for part, seen in zip(sample, valid, strict=True)]
    empty = np.empty((len(mosaic.bands), 0))
    radiometry, seen = measure_radiometry(
        np.concatenate([empty, *values], axis=1), first.dtype, stretch
    )
    if not any(part.any() for part in valid):
        return validity, radiometry, (*notes, why_no_imagery(sample, validity))
    return validity, radiometry, (*notes, *seen, *_doubts(sample, valid, mosaic))


def _doubts(
    sample: Sequence[Sampled], valid: Sequence[NDArray[np.bool_]], mosaic: Mosaic
) -> tuple[str, ...]:
    if len(set(mosaic.bands)) > 1:
        return ()
    first = mosaic.placed[0].member
    return doubts(sample, valid, first.dtype, first.roles[mosaic.bands[0] - 1])


def _sample(
    reader: NativeReader, shape: tuple[int, int], alpha: int | None, half: int
) -> tuple[list[Sampled], int]:
    """Return windows spread over a scene, with a border beyond its edges, and how many failed."""
    sample, n_unreadable = [], 0
    for window in sample_windows(shape):
        try:
            sample.append(reader.look(beyond_edges(window, shape, 2 * half + 1), alpha=alpha))
        except SceneError:  # the tiles that need it will say so, one by one
            n_unreadable += 1
    return sample, n_unreadable


def _nameless_band(member: Member, bands: Sequence[int]) -> int | None:
    """Return the last band if nothing says what it shows and it is not chosen: it may be alpha."""
    last = len(member.roles)
    return last if last not in bands and member.roles[-1] is None else None


def _declared(member: Member, bands: Sequence[int]) -> tuple[float | None, ...]:
    if member.palette is not None:  # the reader knows: it is an index, not a colour
        return (None,) * len(bands)
    values = [member.nodata[band - 1] for band in bands]
    return tuple(None if v is None or not np.isfinite(v) else float(v) for v in values)


def _identity(members: Sequence[Member], states: Sequence[FileState], bands: Sequence[int]) -> str:
    digest = hashlib.sha256(repr(tuple(bands)).encode())
    digest.update(repr([(member.location, member.shape) for member in members]).encode())
    digest.update(repr(list(states)).encode())
    return digest.hexdigest()[:16]


def _modified(states: Sequence[FileState]) -> str:
    newest = max(time for _, _, time in states) // 10**9
    return datetime.fromtimestamp(newest, UTC).isoformat()
