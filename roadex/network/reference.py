"""A reference to compare a network with: its roads, and what of it is no road.

A reference is a network of roadex, any file with lines, or an OpenStreetMap extract (``.osm.pbf``,
``.osm``), which GDAL reads. Where lines carry OpenStreetMap tags, paths for feet and bicycles,
planned roads and everything that is no road are left out, and roads in tunnels are told apart:
imagery cannot show them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from pyproj import CRS

from roadex.errors import NetworkError
from roadex.imagery.georeference import require_earth
from roadex.network.line_reader import line_layer
from roadex.network.sound_lines import single_lines
from roadex.network.vector_files import is_parquet, read_geometries

NOT_ROADS = frozenset(
    {
        "footway", "steps", "path", "cycleway", "bridleway", "corridor", "platform", "proposed",
        "construction", "raceway", "rest_area", "services", "elevator", "via_ferrata", "no",
    }
)  # fmt: skip
"""Values of ``highway`` that are not roads a car may use."""

LANE_WIDTH_M = 3.25
"""Width that a lane of ``lanes`` stands for."""

_TAG = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_OSM_COLUMNS = ["osm_id", "highway", "other_tags"]
_OSM_KEYS = ("tunnel", "width", "lanes", "surface", "area", "covered")
_OSM_SUFFIXES = (".osm", ".osm.pbf", ".pbf")


@dataclass(frozen=True, slots=True)
class Reference:
    """Roads of a reference."""

    roads: gpd.GeoDataFrame
    """Single lines with ``reference_id`` (text), ``width_m`` (NaN where unknown), ``surface`` (text
    or None), ``is_hidden`` (True in tunnels)."""

    notes: tuple[str, ...]
    """What was left out, and how much."""


def read_reference(path: str | Path) -> Reference:
    """Read the roads of a reference.

    Parameters
    ----------
    path
        A network of roadex, a file with lines, or an OpenStreetMap extract.

    Raises
    ------
    NetworkError
        If the file cannot be read, has no CRS, or holds no roads.
    SceneError
        If its CRS is not one of the Earth.
    """
    frame = _read(Path(path))
    if frame.crs is None:
        msg = f"{path} has no CRS, so its roads have no location; add one with `ogr2ogr -a_srs`"
        raise NetworkError(msg)
    require_earth(CRS.from_user_input(frame.crs), str(path))
    n_read = len(frame)
    frame, notes = _roads_only(frame)
    frame, left_out = single_lines(frame, str(path))
    notes += left_out
    if frame.empty:
        msg = f"{path} holds no roads: {n_read} features were read. {'; '.join(notes)}".rstrip(". ")
        raise NetworkError(msg)
    return Reference(_columns(frame), tuple(notes))


def _read(path: Path) -> gpd.GeoDataFrame:
    if not path.exists():
        msg = f"{path} does not exist"
        raise NetworkError(msg)
    if path.name.endswith(_OSM_SUFFIXES):
        return _read_osm(path)
    frame = read_geometries(path, layer=None if is_parquet(path) else line_layer(str(path)))
    return _with_tags(frame)


def _with_tags(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Take a column ``tags`` apart, as GeoJSON from OpenStreetMap's servers often has it."""
    if "tags" not in frame or "highway" in frame:
        return frame
    tags = [_json_object(text) for text in frame["tags"]]
    if not any("highway" in row for row in tags):
        return frame
    return frame.assign(**{key: [row.get(key) for row in tags] for key in ("highway", *_OSM_KEYS)})


def _json_object(text: object) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _read_osm(path: Path) -> gpd.GeoDataFrame:
    """Read ways with ``highway``; ids of new objects are negative, which GDAL must be told."""
    pyogrio.set_gdal_config_options({"OSM_USE_CUSTOM_INDEXING": "NO"})
    try:
        frame = read_geometries(
            path, layer="lines", columns=_OSM_COLUMNS, where="highway IS NOT NULL"
        )
    finally:
        pyogrio.set_gdal_config_options({"OSM_USE_CUSTOM_INDEXING": None})
    texts = frame["other_tags"].fillna("")
    tags = [dict(_TAG.findall(text)) for text in texts]
    for key in _OSM_KEYS:
        frame[key] = [row.get(key) for row in tags]
    return frame.drop(columns="other_tags")


def _roads_only(frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, list[str]]:
    notes: list[str] = []
    if "highway" in frame:
        is_road = frame["highway"].notna() & ~frame["highway"].isin(NOT_ROADS)
        if "area" in frame:
            is_road &= frame["area"] != "yes"
        if not is_road.all():
            notes.append(f"{int((~is_road).sum())} ways that are no roads for cars were left out")
        frame = frame[is_road]
    return frame, notes


def _columns(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    ids = next((frame[name] for name in ("osm_id", "edge_id", "id") if name in frame), None)
    hidden = pd.Series(data=False, index=frame.index)
    for key in ("tunnel", "covered"):
        if key in frame:
            hidden |= frame[key].notna() & ~frame[key].isin(["no", "building_passage"])
    columns = {
        "reference_id": (frame.index if ids is None else ids).astype(str),
        "width_m": _widths(frame),
        "surface": frame.get("surface"),
        "is_hidden": hidden,
    }
    return gpd.GeoDataFrame(columns, geometry=frame.geometry, crs=frame.crs)


def _widths(frame: gpd.GeoDataFrame) -> list[float]:
    if "width_m" in frame:
        return list(pd.to_numeric(frame["width_m"], errors="coerce"))
    width = _numbers(frame["width"]) if "width" in frame else [np.nan] * len(frame)
    lanes = _numbers(frame["lanes"]) if "lanes" in frame else [np.nan] * len(frame)
    return [w if w > 0 else n * LANE_WIDTH_M for w, n in zip(width, lanes, strict=True)]


def _numbers(values: Iterable[object]) -> list[float]:
    found = [_NUMBER.search(value) if isinstance(value, str) else None for value in values]
    return [float(match.group()) if match else np.nan for match in found]
