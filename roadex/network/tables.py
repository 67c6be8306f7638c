"""The two tables of a road network in its files, as other programs may have left them."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from roadex.errors import NetworkError
from roadex.network.line_reader import EDGE_LAYER

NODE_LAYER = "road_nodes"
NETWORK_NAME = "roads.gpkg"


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
        If there is none, or it has no CRS.
    """
    if path.is_dir():
        path = path / NETWORK_NAME
    if not path.exists():
        msg = f"{path} does not exist"
        raise NetworkError(msg)
    try:
        edges, nodes = _read_layers(path)
    except (DataSourceError, DataLayerError, OSError) as error:
        msg = f"{path} is not a road network of roadex ({EDGE_LAYER}, {NODE_LAYER}): {error}"
        raise NetworkError(msg) from error
    missing = sorted({"edge_id", "u", "v", "key", "length_m"} - set(edges.columns))
    if missing or "node_id" not in nodes or edges.crs is None:
        what = f"columns {', '.join(missing)}" if missing else "a CRS or column node_id"
        msg = f"{path} is not a road network of roadex: it lacks {what}"
        raise NetworkError(msg)
    return edges, nodes


def _read_layers(path: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    if path.suffix == ".gpkg":
        edges, nodes = (
            pyogrio.read_dataframe(path, layer=layer) for layer in (EDGE_LAYER, NODE_LAYER)
        )
        return edges, nodes
    beside = path.with_name(f"{path.stem}_nodes{path.suffix}")
    read = gpd.read_parquet if path.suffix == ".parquet" else pyogrio.read_dataframe
    return read(path), read(beside)
