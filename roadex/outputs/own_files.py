"""Which files a result may replace: those roadex wrote, never an input, never one that is open.

roadex leaves its mark in what it writes: a tag or the band's description in a raster, the
provenance in a GeoPackage, the key ``roadex`` in a report, the generator of a page. A file of a
format that has no place for a mark is replaced when ``--overwrite`` says so.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from rasterio.errors import RasterioError

from roadex.config import THRESHOLDS_TAG
from roadex.errors import OutputError
from roadex.files import refuse_existing
from roadex.imagery.containers import open_location
from roadex.imagery.locations import gdal_location
from roadex.imagery.source_files import files_behind
from roadex.outputs.html_page import MARK

_OPEN_MARKS = ("-wal", "-journal")
"""Endings of files that stand beside a GeoPackage while a program has it open or left it so."""


def check_replaceable(path: Path, *, overwrite: bool, inputs: Iterable[str | Path] = ()) -> None:
    """Raise :class:`OutputError` unless a result may be written to ``path``.

    Parameters
    ----------
    path
        Where a result is to go.
    overwrite
        Whether a result that is there already may be replaced.
    inputs
        What the result is made from, such as scenes: the files behind them, also those of a virtual
        raster, are never replaced.
    """
    if not path.exists():
        return
    source = next(
        (
            file
            for given in inputs
            for file in files_behind(gdal_location(str(given)))
            if _is_same(file, path)
        ),
        None,
    )
    if source is not None:
        msg = f"{path} is an input of this command ({source}); choose another name for the result"
        raise OutputError(msg)
    refuse_existing(path, overwrite=overwrite)
    if path.is_dir():
        msg = f"{path} is a folder; name a file"
        raise OutputError(msg)
    for ending in _OPEN_MARKS if path.suffix.lower() == ".gpkg" else ():
        beside = Path(f"{path}{ending}")
        if beside.exists() and beside.stat().st_size:
            msg = (
                f"{path} is open in another program ({beside.name} is there); close the layer in "
                "QGIS first, or choose another name"
            )
            raise OutputError(msg)
    if not _is_own(path):
        msg = (
            f"{path} was not written by roadex, so --overwrite does not replace it; choose another "
            "name, or delete it yourself"
        )
        raise OutputError(msg)


def _is_same(file: str, path: Path) -> bool:
    try:
        return path.samefile(file)
    except OSError:  # a URL, or it is not there
        return False


def _is_own(path: Path) -> bool:
    suffix = path.suffix.lower()
    try:
        if path.name.lower().endswith(".maproulette.json"):
            return True
        if suffix == ".json":
            return "roadex" in json.loads(path.read_text(encoding="utf-8"))
        if suffix in (".tif", ".tiff"):
            with open_location(str(path)) as raster:
                is_named = "road probability" in (raster.descriptions or ())
                return THRESHOLDS_TAG in raster.tags() or is_named
        if suffix == ".html":
            return MARK in path.read_text(encoding="utf-8")
        if suffix == ".gpkg":
            return _has_provenance(path)
    except (OSError, ValueError, RasterioError, sqlite3.Error, AttributeError):
        return False  # damaged, not readable, or of another program
    return True


def _has_provenance(path: Path) -> bool:
    """Return whether a GeoPackage carries the provenance that roadex writes as JSON."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT metadata FROM gpkg_metadata WHERE mime_type = 'application/json'"
        ).fetchall()
    return any(isinstance(json.loads(text), dict) for (text,) in rows)
