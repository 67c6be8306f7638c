"""The files behind a raster: itself, its sidecars, and what a virtual raster reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rasterio.errors import RasterioError

from roadex.imagery.containers import open_location

FileState = tuple[str, int, int]
"""Name, size in bytes and modification time in nanoseconds; zeros for what is not on this disk."""

_OF_VIEWERS = (".aux.xml", ".ovr")


def files_behind(location: str) -> tuple[str, ...]:
    """Return all files GDAL reads for a raster, those of virtual rasters in virtual rasters too.

    Parameters
    ----------
    location
        As GDAL opens it. What is no raster stands for itself.
    """
    found = {location: None}
    waiting = [location]
    while waiting:
        try:
            with open_location(waiting.pop()) as raster:
                names = raster.files
        except RasterioError:  # a file of vectors, or a source that is not there
            continue
        new = [name for name in names if name not in found]
        found.update(dict.fromkeys(new))
        waiting += [name for name in new if name.lower().endswith(".vrt")]
    return tuple(found)


def file_states(files: Iterable[str]) -> tuple[FileState, ...]:
    """Return size and time of each file, so that one that was replaced is another.

    Statistics and overviews, which viewers add to an image they have shown, do not count.
    """
    return tuple(_state(name) for name in files if not name.lower().endswith(_OF_VIEWERS))


def _state(name: str) -> FileState:
    try:
        state = Path(name).stat()
    except OSError:  # a URL, part of a file, or not there
        return name, 0, 0
    return name, state.st_size, state.st_mtime_ns
