import json
import re
from pathlib import Path

import geopandas as gpd
import networkx as nx
import osmnx
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

from roadex.cli.convert import convert
from roadex.config import OutputConfig, VectorConfig
from roadex.errors import OutputError
from roadex.network.tables import EDGE_TABLE
from roadex.network.vectorize import vectorize
from roadex.outputs import WRITERS, write_network

DOCS = Path(__file__).parents[2] / "docs"

GIVES_BACK = [".gpkg", ".parquet", ".fgb", ".geojson", ".csv", ".shp"]
"""Formats that hold the whole network."""

FOR_ONE_PROGRAM = [
    ".graphml", ".osm", ".kml", ".pmtiles", ".maproulette.json", ".overture.parquet",
    ".cooperative.maproulette.json",
]  # fmt: skip
"""Formats that test_handover.py and test_handover_contracts.py give to what they are for."""

PROVENANCE = {"created": "2026-01-02T03:04:05+00:00", "model": "<test> & more"}
CONFIG = VectorConfig(min_component_m=20)
WRITTEN = PROVENANCE | {"edge_table": EDGE_TABLE}


@pytest.fixture
def network(draw_roads, make_source):
    lines = [[(20, 50), (180, 60)], [(100, 20), (95, 180)], [(20, 150), (180, 150)]]
    lines.append([(150, 55), (150, 90), (180, 90), (180, 60)])
    return vectorize(make_source(draw_roads(lines, (200, 200), width=6)), config=CONFIG)


@pytest.fixture
def empty_network(draw_roads, make_source):
    return vectorize(make_source(draw_roads([[(1, 1), (1, 2)]], (99, 99))), config=CONFIG)


def read_layers(path):
    if path.suffix == ".gpkg":
        return [gpd.read_file(path, layer=layer) for layer in ("road_edges", "road_nodes")]
    files = [path, path.with_name(f"{path.stem}_nodes{path.suffix}")]
    if path.suffix == ".parquet":
        return [gpd.read_parquet(file) for file in files]
    if path.suffix == ".csv":
        tables = [pd.read_csv(file) for file in files]
        return [gpd.GeoDataFrame(t, geometry=gpd.GeoSeries.from_wkt(t.geometry)) for t in tables]
    return [gpd.read_file(file) for file in files]


def test_every_format_is_read_by_a_test_and_named_where_users_look():
    assert sorted([*GIVES_BACK, *FOR_ONE_PROGRAM]) == sorted(WRITERS)
    page = (DOCS / "mapping.md").read_text(encoding="utf-8")
    table = page.partition("## Formats of other programs")[2].partition("\n## ")[0]
    for suffix in WRITERS:
        assert re.search(rf"(?<=[\s]){re.escape(suffix)}\s", convert.help), suffix
        assert f"`{suffix}`" in table, suffix


@pytest.mark.parametrize("suffix", GIVES_BACK)
def test_every_format_gives_back_edges_and_nodes(suffix, network, tmp_path):
    path = write_network(network, tmp_path / f"roads{suffix}", provenance=PROVENANCE)
    edges, nodes = read_layers(path)
    edges = edges.set_index("edge_id").loc[network.edges.edge_id]
    nodes = nodes.set_index("node_id").loc[network.nodes.node_id]
    assert nodes.kind.tolist() == network.nodes.kind.tolist()
    assert edges.width_m.tolist() == pytest.approx(network.edges.width_m.tolist(), nan_ok=True)
    for edge in edges.itertuples():
        ends = {edge.geometry.coords[k] for k in (0, -1)}
        assert ends == {nodes.geometry[edge.u].coords[0], nodes.geometry[edge.v].coords[0]}


@pytest.mark.parametrize("suffix", GIVES_BACK)
def test_every_format_writes_an_empty_network(suffix, empty_network, tmp_path):
    path = write_network(empty_network, tmp_path / f"roads{suffix}", provenance=PROVENANCE)
    assert [len(layer) for layer in read_layers(path)] == [0, 0]


@pytest.mark.parametrize("suffix", WRITERS)
def test_no_format_replaces_a_file_unasked(suffix, network, tmp_path):
    path = tmp_path / f"roads{suffix}"
    write_network(network, path, provenance=PROVENANCE)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="exists already"):
        write_network(network, path, provenance=PROVENANCE)
    write_network(network, path, provenance=PROVENANCE, overwrite=True)
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert before.keys() == after.keys()
    # A DBF carries the day it was written; everything else is the same bytes.
    assert all(before[name] == after[name] for name in before if not name.endswith(".dbf"))


def test_unknown_suffix_and_missing_folder_are_said(network, tmp_path):
    with pytest.raises(OutputError, match=r"Supported: \.gpkg"):
        write_network(network, tmp_path / "roads.dxf", provenance=PROVENANCE)
    with pytest.raises(OutputError, match="cannot be written: folder"):
        write_network(network, tmp_path / "nowhere" / "roads.gpkg", provenance=PROVENANCE)


def test_geojson_is_longitude_and_latitude_rounded(network, tmp_path):
    config = OutputConfig(geojson_digits=6)
    path = tmp_path / "roads.geojson"
    write_network(network, path, provenance=PROVENANCE, config=config)
    collection = json.loads(path.read_text())
    assert "crs" not in collection
    assert json.loads(collection["description"]) == WRITTEN
    coordinates = [c for f in collection["features"] for c in f["geometry"]["coordinates"]]
    assert all(13 < x < 14 and 50 < y < 51 for x, y in coordinates)
    assert all(round(x, 6) == x and round(y, 6) == y for x, y in coordinates)


def test_parquet_carries_provenance_and_crs(network, tmp_path):
    path = write_network(network, tmp_path / "roads.parquet", provenance=PROVENANCE)
    assert json.loads(pq.read_schema(path).metadata[b"roadex"]) == PROVENANCE | {
        "edge_table": EDGE_TABLE
    }
    assert gpd.read_parquet(path).crs == network.crs


def test_shapefile_column_names_fit_into_ten_characters(network, tmp_path):
    path = write_network(network, tmp_path / "roads.shp", provenance=PROVENANCE)
    columns = gpd.read_file(path).columns.drop("geometry")
    assert max(map(len, columns)) <= 10
    assert columns.is_unique
    assert json.loads((tmp_path / "roads.provenance.json").read_text()) == PROVENANCE | {
        "edge_table": EDGE_TABLE
    }


def test_osmnx_opens_the_geopackage(network, tmp_path):
    path = write_network(network, tmp_path / "roads.gpkg", provenance=PROVENANCE)
    nodes = gpd.read_file(path, layer="road_nodes").set_index("node_id")
    nodes["x"], nodes["y"] = nodes.geometry.x, nodes.geometry.y
    edges = gpd.read_file(path, layer="road_edges").set_index(["u", "v", "key"])
    graph = osmnx.convert.graph_from_gdfs(nodes, edges)
    assert (len(graph.nodes), len(graph.edges)) == (len(nodes), len(edges))
    ends = [n for n, kind in graph.nodes(data="kind") if kind == "end"]
    route = nx.shortest_path(graph.to_undirected(), ends[0], ends[-1], weight="length_m")
    assert len(route) > 2
    _, back = osmnx.convert.graph_to_gdfs(graph)
    assert set(shapely.to_wkb(back.geometry)) == set(shapely.to_wkb(edges.geometry))
