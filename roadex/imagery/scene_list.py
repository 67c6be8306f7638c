"""Lists of scenes: text, CSV, (Geo)Parquet or STAC, each entry a scene with results of its own."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from roadex.errors import SceneError
from roadex.imagery.locations import public_name

PATH_COLUMNS = ("scene", "path", "href", "url", "location", "file")
"""Columns of a table that can name the raster, the first one found counts."""

NAME_COLUMNS = ("name", "id")
"""Columns that can name the folder of the results."""

ASSET_KEYS = ("visual", "image", "rgb", "data", "ortho", "analytic")
"""Assets of a STAC item that are taken for the image, the first one found counts."""

_RASTER_TYPES = ("image/tiff", "image/vnd.stac.geotiff", "image/jp2", "application/geotiff")
_RASTER_SUFFIXES = (".tif", ".tiff", ".vrt", ".jp2", ".img")


@dataclass(frozen=True, slots=True)
class ListedScene:
    """A scene of a batch."""

    name: str
    """Name of the folder of its results, unique in the batch."""

    path: str


def read_scene_list(path: str | Path, *, asset: str | None = None) -> list[ListedScene]:
    """Read a list of scenes.

    Parameters
    ----------
    path
        ``.txt``: a path or URL per line, ``#`` starts a comment. ``.csv``, ``.parquet``: a column
        of :data:`PATH_COLUMNS`, perhaps one of :data:`NAME_COLUMNS`. ``.json``, ``.geojson``: a
        STAC item, several as GeoJSON features, or a STAC catalog or collection, whose links are
        followed. Relative paths are those of the working directory, or,
        if there is no such file, of the list's folder.
    asset
        Key of the asset to take from STAC items; None takes the one that looks like the image.

    Raises
    ------
    SceneError
        If the list cannot be read or names no scene.
    """
    file = Path(path)
    readers = {
        ".txt": _text_rows, ".csv": _csv_rows, ".parquet": _parquet_rows, ".json": _stac_rows,
        ".geojson": _stac_rows,
    }  # fmt: skip
    reader = readers.get(file.suffix.lower())
    if reader is None:
        msg = (
            f"cannot read a list of scenes from {path}: the suffix must be one of "
            f"{', '.join(readers)}"
        )
        raise SceneError(msg)
    try:
        rows = list(reader(file))
    except (OSError, ValueError, KeyError) as error:
        msg = f"cannot read a list of scenes from {path}: {error}"
        raise SceneError(msg) from error
    if not rows:
        msg = f"{path} lists no scene"
        raise SceneError(msg)
    return name_scenes(_entry(row, file, asset) for row in rows)


def name_scenes(entries: Iterable[tuple[str | None, str]]) -> list[ListedScene]:
    """Give each scene a folder name of its own; a path that comes again is left out.

    Parameters
    ----------
    entries
        Name, or None for that of the file, and path. Scenes that would share a name get a hash of
        their path appended, so that a name does not depend on what else is in the list before it.
    """
    unique = {path: name for name, path in reversed(list(entries))}
    named = [(_folder_name(name or _stem(path)), path) for path, name in reversed(unique.items())]
    count = Counter(name for name, _ in named)
    return [
        ListedScene(name if count[name] == 1 else f"{name}-{_digest(path)}", path)
        for name, path in named
    ]


def _text_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [{"path": line.strip()} for line in lines if line.strip() and line.strip()[0] != "#"]


def _csv_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _parquet_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return rows


def _stac_rows(path: Path) -> Iterable[Mapping[str, Any]]:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(content, dict):
        msg = f"cannot read a list of scenes from {path}: it is not a JSON object"
        raise SceneError(msg)
    if content.get("type") in ("Catalog", "Collection"):
        return _linked_items(content, path)
    # Items by themselves are read as they are: many are not quite valid, which does no harm here.
    features: list[Mapping[str, Any]] = content.get("features", [content])
    return features


def _linked_items(content: dict[str, Any], path: Path) -> list[Mapping[str, Any]]:
    """Follow the links of a STAC catalog; the assets of its items get absolute places."""
    import pystac

    try:
        catalog = pystac.read_dict(content, href=str(path.absolute()))
        items = list(cast("pystac.Catalog", catalog).get_items(recursive=True))
    except (pystac.STACError, pystac.STACTypeError) as error:
        raise ValueError(str(error)) from error
    return [
        {
            "id": item.id,
            "assets": {
                key: asset.to_dict() | {"href": asset.get_absolute_href()}
                for key, asset in item.get_assets().items()
            },
        }
        for item in items
    ]


def _entry(row: Mapping[str, Any], file: Path, asset: str | None) -> tuple[str | None, str]:
    """Return name and path of one row of a list."""
    name = next((str(row[c]) for c in NAME_COLUMNS if row.get(c)), None)
    if row.get("assets"):
        return name, _resolved(_asset_path(row["assets"], name, file, asset), file, cwd=False)
    path = next((str(row[column]) for column in PATH_COLUMNS if row.get(column)), None)
    if path is None:
        msg = (
            f"{file}: an entry has none of the columns {', '.join(PATH_COLUMNS)} for the raster, "
            f"only {', '.join(map(str, row))}"
        )
        raise SceneError(msg)
    return name, _resolved(path, file, cwd=True)


def _asset_path(assets: Mapping[str, Any], name: str | None, file: Path, wanted: str | None) -> str:
    present = {key: value for key, value in assets.items() if value and value.get("href")}
    for key in (wanted,) if wanted else ASSET_KEYS:
        if key in present:
            return str(present[key]["href"])
    rasters = [] if wanted else [value for value in present.values() if _is_raster(value)]
    if len(rasters) == 1:
        return str(rasters[0]["href"])
    what = f"no asset {wanted!r}" if wanted else "no asset that is clearly the image"
    msg = f"{file}: item {name} has {what}, only {', '.join(present)}. Choose one with --asset"
    raise SceneError(msg)


def _is_raster(asset: Mapping[str, Any]) -> bool:
    kind, href = str(asset.get("type") or ""), public_name(str(asset["href"]))
    is_thumbnail = {"thumbnail", "overview"} & set(asset.get("roles") or ())
    looks_it = kind.startswith(_RASTER_TYPES) or href.lower().endswith(_RASTER_SUFFIXES)
    return looks_it and not is_thumbnail


def _resolved(path: str, file: Path, *, cwd: bool) -> str:
    if "://" in path or path.startswith("/") or (cwd and Path(path).exists()):
        return path
    return str(file.parent / path)


def _stem(path: str) -> str:
    return Path(public_name(path)).stem


def _folder_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip("._") or "scene"


def _digest(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:6]
