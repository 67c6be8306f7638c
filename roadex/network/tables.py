"""The two tables of a road network in its files, as other programs may have left them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from roadex.errors import NetworkError
from roadex.imagery.georeference import require_earth
from roadex.network.line_reader import EDGE_LAYER
from roadex.network.vector_files import read_geometries

NODE_LAYER = "road_nodes"
NETWORK_NAME = "roads.gpkg"

EDGE_TABLE: Final = 1
"""Version of the tables, in the provenance of every network as ``edge_table``; 1 where that is
missing. It is raised where a column changes its meaning or goes away; readers of an older version
do not miss new columns."""

EDGE_COLUMNS: Final[Mapping[str, tuple[str, str]]] = {
    "edge_id": ("Edge id", "Number of the edge; the same scene gives the same"),
    "u": ("From node", "node_id at the start of the line"),
    "v": ("To node", "node_id at the end of the line"),
    "key": ("Number among parallel edges", "0, or 1, 2, ... for more edges u-v"),
    "length_m": ("Length (m)", "Length along the ellipsoid"),
    "width_m": ("Width (m)", "Twice the median distance to the edge of the road"),
    "prob_mean": ("Mean road probability", "Mean along the centre line, 0 to 1"),
    "prob_min": ("Lowest road probability", "Minimum along the centre line, 0 to 1"),
    "bridged": ("Share of bridged gaps", "Share of the line not seen as road, 0 to 1"),
    "area": ("Share in wide regions", "Share of the line in regions too wide for roads"),
    "confidence": ("Confidence", "Share of such lines that are roads, as measured, 0 to 1"),
    "sinuosity": ("Length over straight distance", "1 is straight; empty for rings"),
    "component_id": ("Connected part", "Edges that can reach each other share it"),
    "scene": ("Scene", "Scene of a batch, or network of a merge, the edge is from"),
    "surface": ("Surface", "paved or unpaved; empty where the imagery does not decide"),
    "surface_prob": ("Probability of unpaved", "That the road is unpaved, 0 to 1"),
    "review": ("Review", "Verdict of a person: ok, wrong or missing"),
}
"""Columns of ``road_edges``: title and meaning. The last four only some networks have: those of
surface come from imagery, so networks made of probability alone lack them."""

TEXT_COLUMNS: Final = ("scene", "surface", "review", "kind")
"""Columns of either table that hold text; all others hold numbers."""

_POINT, _LINE_STRING = 0, 1  # as GEOS numbers geometries

_WHOLE = ("edge_id", "u", "v", "key", "component_id", "node_id", "degree")

NODE_COLUMNS: Final[Mapping[str, tuple[str, str]]] = {
    "node_id": ("Node id", "Number of the node; the same scene gives the same"),
    "degree": ("Edges that meet", "Number of edge ends at the node"),
    "kind": (
        "Kind of node",
        "junction, end, border (imagery ends), loop or gap (begin of a bridge over nothing)",
    ),
    "level_unknown": ("Level unknown", "Two roads cross here that may pass over each other"),
}
"""Columns of ``road_nodes``: title and meaning."""


def read_tables(path: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Read the edges and nodes of a network.

    Parameters
    ----------
    path
        A GeoPackage of roadex, a GeoParquet or FlatGeobuf file of it with its nodes beside it, or
        the folder of a run.

    Raises
    ------
    NetworkError
        If there is none, it has no CRS, or a newer roadex wrote it in another form.
    SceneError
        If its CRS is not one of the Earth.
    """
    if path.is_dir():
        path = path / NETWORK_NAME
    if not path.exists():
        msg = f"{path} does not exist"
        raise NetworkError(msg)
    try:
        edges, nodes = _read_layers(path)
    except NetworkError as error:
        msg = f"{path} is not a road network of roadex ({EDGE_LAYER}, {NODE_LAYER}): {error}"
        raise NetworkError(msg) from error
    _check_version(path)
    missing = sorted({"edge_id", "u", "v", "key", "length_m"} - set(edges.columns))
    missing += sorted({"node_id", "kind"} - set(nodes.columns))
    if missing:
        msg = f"{path} is not a road network of roadex: it lacks columns {', '.join(missing)}"
        raise NetworkError(msg)
    if edges.crs is None:
        msg = f"{path} has no CRS; write one with `ogr2ogr -a_srs EPSG:CODE OUT {path}`"
        raise NetworkError(msg)
    if nodes.crs != edges.crs:
        msg = f"{path} is not a road network of roadex: edges and nodes have different CRS"
        raise NetworkError(msg)
    require_earth(CRS.from_user_input(edges.crs), str(path))
    return _with_numbers(edges, EDGE_COLUMNS), _with_numbers(nodes, NODE_COLUMNS)


def _read_layers(path: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    if path.suffix == ".gpkg":
        edges, nodes = (read_geometries(path, layer=name) for name in (EDGE_LAYER, NODE_LAYER))
        return edges, nodes
    beside = path.with_name(f"{path.stem}_nodes{path.suffix}")
    return read_geometries(path), read_geometries(beside)


def _with_numbers(frame: gpd.GeoDataFrame, columns: Iterable[str]) -> gpd.GeoDataFrame:
    """Return a table whose columns hold numbers where they should; what is none is unknown."""
    numbers = {}
    for name in set(columns) & set(frame.columns) - set(TEXT_COLUMNS):
        values = pd.to_numeric(frame[name], errors="coerce")
        if values.dtype.kind == "f":
            values = values.where(np.isfinite(values))
            # Ids that other programs have made decimal numbers.
            if name in _WHOLE and (values == np.floor(values)).all() and values.abs().max() < 2**53:
                values = values.astype(np.int64)
        numbers[name] = values
    return frame.assign(**numbers)


def require_whole(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame, name: str) -> None:
    """Refuse tables that a program other than roadex has changed so that they are no network.

    Every edge is one finite line between two nodes of the table, every node a point, and ids,
    degrees and lengths are there.

    Raises
    ------
    NetworkError
        If not; it says what is missing, and that ``roadex rebuild`` restores it.
    """
    whole = {"edge_id", "u", "v", "key"} & _wholes(edges), {"node_id", "degree"} & _wholes(nodes)
    problems = {
        "an edge that is no single line": not _are_all(edges, _LINE_STRING),
        "a node that is no point": not _are_all(nodes, _POINT),
        "an edge without edge_id, u, v or key": len(whole[0]) < 4,
        "a node without node_id or degree": len(whole[1]) < 2,
        "a node without kind": bool(nodes["kind"].isna().any()),
        "two nodes with one node_id": not nodes["node_id"].is_unique,
        "an edge to a node that is not there": not (
            edges["u"].isin(nodes["node_id"]) & edges["v"].isin(nodes["node_id"])
        ).all(),
        "an edge without length_m": not (edges["length_m"] >= 0).all(),
    }
    found = [problem for problem, is_there in problems.items() if is_there]
    if found:
        msg = (
            f"{name} has {found[0]}: it was changed by another program. Restore it with `roadex "
            f"rebuild {name}`"
        )
        raise NetworkError(msg)


def _wholes(frame: gpd.GeoDataFrame) -> set[str]:
    return {str(name) for name, kind in frame.dtypes.items() if kind.kind in "iu"}


def _are_all(frame: gpd.GeoDataFrame, type_id: int) -> bool:
    geometry = frame.geometry.to_numpy()
    is_kind = (shapely.get_type_id(geometry) == type_id) & ~shapely.is_empty(geometry)
    return bool(is_kind.all() and np.isfinite(shapely.get_coordinates(geometry)).all())


def read_provenance(path: Path) -> dict[str, Any]:
    """Return how a GeoPackage of roadex came about; nothing where another program dropped it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            row = database.execute("SELECT metadata FROM gpkg_metadata WHERE id = 1").fetchone()
        content = json.loads(row[0])
    except (sqlite3.Error, ValueError, TypeError):
        return {}
    return content if isinstance(content, dict) else {}


def _check_version(path: Path) -> None:
    """Refuse a GeoPackage whose tables a newer roadex gave another form."""
    if path.suffix != ".gpkg":
        return
    version = read_provenance(path).get("edge_table")
    if not isinstance(version, int):  # of an older roadex
        return
    if version > EDGE_TABLE:
        msg = (
            f"{path} has edge tables of version {version}; this roadex reads up to {EDGE_TABLE}. "
            "Update roadex"
        )
        raise NetworkError(msg)
