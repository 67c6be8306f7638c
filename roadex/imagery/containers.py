"""Opening rasters: also archives with one raster, and what to say of folders and others."""

from __future__ import annotations

import os
import tarfile
import threading
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError

from roadex.errors import SceneError
from roadex.imagery.locations import gdal_location, is_virtual, means_absent, public_name

RASTER_SUFFIXES = (".tif", ".tiff", ".vrt", ".jp2", ".img", ".png", ".jpg", ".ecw", ".sid", ".nc")
"""What rasters in folders and archives are called; GDAL opens many more."""

_MOST_NAMES = 5
"""Names an error lists before it only counts."""


class _Quiet:
    """Silences a warning while any thread asks for it: filters belong to the whole process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_users = 0
        self._filters = warnings.catch_warnings()

    def enter(self) -> None:
        with self._lock:
            if self._n_users == 0:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
            # Each time: filters that another library restores meanwhile may have lost it.
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            self._n_users += 1

    def leave(self) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._filters.__exit__(None, None, None)


_QUIET = _Quiet()


@contextmanager
def without_georeference_warning() -> Iterator[None]:
    """Open rasters that are not meant to carry a georeference without a warning each."""
    _QUIET.enter()
    try:
        yield
    finally:
        _QUIET.leave()


def open_location(location: str) -> rasterio.DatasetReader:
    """Open what GDAL calls ``location``, in the same way each time, placed on the Earth or not.

    Raises
    ------
    RasterioError
        If GDAL cannot read it.
    """
    options = {}
    if location.upper().startswith("NETCDF:") or location.lower().endswith(".nc"):
        # Axes x and y of files that do not follow the CF conventions to the letter.
        options["IGNORE_XY_AXIS_NAME_CHECKS"] = "YES"
    with without_georeference_warning():
        try:
            return rasterio.open(location, **options)
        except UnicodeDecodeError as error:  # what GDAL says of the file quotes its bytes
            msg = f"{location} names parts of itself with bytes that are no text"
            raise RasterioIOError(msg) from error


@contextmanager
def open_raster(path: str) -> Iterator[rasterio.DatasetReader]:
    """Open a raster by its path, URL or GDAL name.

    An archive with one raster in it stands for that raster.

    Raises
    ------
    SceneError
        If there is nothing, no raster, or several to choose from; it says how to name one.
    """
    location, name = _inside_archive(gdal_location(path), path), public_name(path)
    if not is_virtual(location) and not os.path.exists(location):  # noqa: PTH110
        msg = f"scene {name} does not exist"
        raise SceneError(msg)
    try:
        raster = open_location(location)
    except (RasterioError, ValueError) as error:
        raise _unreadable(location, name, error) from error
    with raster, only_text(name):
        if raster.count == 0:
            raise _several(raster, name)
        yield raster


@contextmanager
def only_text(name: str) -> Iterator[None]:
    """Ask for what a raster says of itself: tags, names of bands, files it is made of.

    Raises
    ------
    SceneError
        If that is in bytes that are no text.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        msg = (
            f"{name} describes itself with bytes that are no UTF-8 text. Write it anew with "
            f"`gdal_translate -co PROFILE=GeoTIFF {name} new.tif`"
        )
        raise SceneError(msg) from error


def listed(names: Sequence[str]) -> str:
    """Return names for a sentence: the first few, and how many there are besides."""
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def other_pages(raster: rasterio.DatasetReader) -> tuple[str, ...]:
    """Return the names of the further pages of a TIFF, as they are given to roadex."""
    return tuple(name for name in raster.subdatasets[1:] if name.upper().startswith("GTIFF_DIR:"))


def _unreadable(location: str, name: str, error: Exception) -> SceneError:
    folder, reason = Path(location), public_name(str(error))
    if is_virtual(location) and isinstance(error, RasterioError) and means_absent(error):
        return SceneError(
            f"scene {name} does not exist, or may not be read without signing in ({reason})"
        )
    if folder.is_dir():
        inside = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in RASTER_SUFFIXES)
        if not inside:
            return SceneError(f"{name} is a folder without rasters; name a raster file")
        return SceneError(
            f"{name} is a folder; name what is in it: {listed([f'{name}/{i}' for i in inside])}"
        )
    return SceneError(f"{name} is not a raster that GDAL can read ({reason})")


def _several(raster: rasterio.DatasetReader, name: str) -> SceneError:
    parts = [public_name(part) for part in raster.subdatasets]
    if not parts:
        return SceneError(f"{name} holds no raster bands")
    return SceneError(
        f"{name} holds {len(parts)} rasters; name one of them, in quotes: {listed(parts)}"
    )


def _inside_archive(location: str, path: str) -> str:
    """Return where the one raster of an archive is; other locations as they are."""
    if is_virtual(location) or not os.path.isfile(location):  # noqa: PTH113
        return location
    try:
        if location.lower().endswith(".zip"):
            kind = "zip"
            with zipfile.ZipFile(location) as archive:
                members = archive.namelist()
        elif location.lower().endswith((".tar", ".tgz", ".tar.gz")):
            kind = "tar"
            with tarfile.open(location) as archive:
                members = archive.getnames()
        else:
            return location
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        msg = f"{path} is not an archive that can be read ({error})"
        raise SceneError(msg) from error
    names = [f"{kind}://{path}!{m}" for m in members if m.lower().endswith(RASTER_SUFFIXES)]
    if len(names) == 1:
        return gdal_location(names[0])
    if not names:
        msg = f"{path} is an archive without rasters; unpack it and name the raster"
    else:
        msg = f"{path} is an archive of {len(names)} rasters; name one of them: {listed(names)}"
    raise SceneError(msg)
