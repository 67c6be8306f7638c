"""What a path given to ``roadex score`` is: a raster, a folder of raster tiles, or lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rasterio.errors import RasterioError

from roadex.errors import NetworkError, ScoreError
from roadex.imagery.containers import open_location
from roadex.network.vector_files import is_parquet, layers_of
from roadex.probability.values import PROBABILITY_ENDING

RASTER_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".vrt", ".img")
LINE_SUFFIXES = (
    ".gpkg", ".geojson", ".json", ".geojsonl", ".shp", ".fgb", ".parquet", ".geoparquet", ".gml",
    ".kml", ".gpx", ".sqlite", ".gdb", ".zip",
)  # fmt: skip

IMAGE_ENDINGS = ("_sat",)
"""Files of a folder whose stem ends like this are imagery, not roads (DeepGlobe)."""

ROAD_ENDINGS = (
    "_mask", "_prediction", "_pred", "_probability", "_prob", "_roads", "_road", "_truth", "_label",
    "_labels", "_gt",
)  # fmt: skip
"""Endings of a stem that are not part of the identifier of a tile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison; nothing is open."""

    path: str
    kind: Literal["raster", "tiles", "lines"]
    tiles: dict[str, str]
    """Identifier to file: one entry for a raster, all for a folder, none for lines."""


def recognise_side(path: str | Path) -> Side:
    """Find out what a path is.

    Parameters
    ----------
    path
        A raster, a file with lines, a folder of raster tiles, or a pattern with ``*`` for files in
        a folder. Of a folder with ``{id}_mask`` and ``{id}_probability`` the masks are taken.

    Raises
    ------
    ScoreError
        If there is nothing, or nothing that is raster or lines.
    """
    name = str(path)
    if "*" in Path(name).name:
        return Side(path=name, kind="tiles", tiles=_tiles(Path(name).parent, Path(name).name))
    if Path(name).is_dir() and not name.endswith(".gdb"):
        return Side(path=name, kind="tiles", tiles=_tiles(Path(name)))
    if Path(name).suffix.lower() in LINE_SUFFIXES and _has_layers(name):
        return Side(path=name, kind="lines", tiles={})
    if not _is_raster(name):
        if _has_layers(name):
            return Side(path=name, kind="lines", tiles={})
        what = "holds neither a raster nor lines" if Path(name).exists() else "does not exist"
        msg = f"{name} {what}; give a mask, a probability raster, a folder of tiles or a line file"
        raise ScoreError(msg)
    return Side(path=name, kind="raster", tiles={_identifier(Path(name)): name})


def pair_tiles(prediction: Side, truth: Side) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Pair the rasters of both sides: two single files, or tiles with one identifier.

    Returns
    -------
    pairs, notes
        ``(identifier, prediction, truth)`` sorted by identifier, and what was left out.

    Raises
    ------
    ScoreError
        If a truth tile has no prediction.
    """
    if prediction.kind == truth.kind == "raster":
        (name, truth_path), (predicted_path,) = (
            (*truth.tiles.items(),)[0],
            prediction.tiles.values(),
        )
        return [(name, predicted_path, truth_path)], []
    missing = sorted(set(truth.tiles) - set(prediction.tiles))
    if missing:
        msg = (
            f"{len(missing)} of {len(truth.tiles)} truth tiles in {truth.path} have no prediction "
            f"in {prediction.path}, the first is {missing[0]!r} "
            f"({Path(truth.tiles[missing[0]]).name}); tiles are paired by the stem of their names "
            f"without {', '.join(ROAD_ENDINGS[:4])}, ..."
        )
        raise ScoreError(msg)
    extra = len(set(prediction.tiles) - set(truth.tiles))
    notes = [f"{extra} predicted tile(s) without truth left out"] if extra else []
    pairs = [(name, prediction.tiles[name], truth.tiles[name]) for name in sorted(truth.tiles)]
    return pairs, notes


def _tiles(folder: Path, pattern: str = "*") -> dict[str, str]:
    files = [
        file
        for file in sorted(folder.glob(pattern))
        if file.suffix.lower() in RASTER_SUFFIXES
        and not file.stem.endswith(IMAGE_ENDINGS)
        and not file.name.startswith(".")
    ]
    if not files:
        msg = f"{folder / pattern} matches no raster tiles ({', '.join(RASTER_SUFFIXES)})"
        raise ScoreError(msg)
    tiles: dict[str, str] = {}
    for file in files:
        name = _identifier(file)
        known = tiles.get(name)
        if known is None or _is_mask_beside_probability(file, Path(known)):
            tiles[name] = str(file)
        elif not _is_mask_beside_probability(Path(known), file):
            msg = (
                f"{file.name} and {Path(known).name} in {folder} are both tile {name!r}; "
                f"choose with a pattern, such as '{folder}/*{file.suffix}'"
            )
            raise ScoreError(msg)
    return tiles


def _is_mask_beside_probability(file: Path, other: Path) -> bool:
    """Return whether a tile is there twice, as ``roadex predict --with-probability`` writes it."""
    return file.stem.endswith("_mask") and other.stem.endswith(PROBABILITY_ENDING)


def _identifier(file: Path) -> str:
    return next(
        (file.stem.removesuffix(ending) for ending in ROAD_ENDINGS if file.stem.endswith(ending)),
        file.stem,
    )


def _has_layers(path: str) -> bool:
    if is_parquet(path):
        return Path(path).exists()
    try:
        return len(layers_of(path)) > 0
    except NetworkError:
        return False


def _is_raster(path: str) -> bool:
    try:
        with open_location(path) as dataset:
            return bool(dataset.count > 0)
    except RasterioError:
        return False


def subset(side: Side, identifiers: Iterable[str], *, what: str) -> Side:
    """Return a folder of tiles with the tiles of a list only.

    Raises
    ------
    ScoreError
        If a tile of the list is not there.
    """
    wanted = sorted(set(identifiers))
    missing = [name for name in wanted if name not in side.tiles]
    if missing:
        msg = f"{len(missing)} tile(s) of {what} are missing from {side.path}, first {missing[0]!r}"
        raise ScoreError(msg)
    return Side(path=side.path, kind=side.kind, tiles={n: side.tiles[n] for n in wanted})
