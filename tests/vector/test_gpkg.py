import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import geopandas as gpd
import pyogrio
import pytest

from roadex.config import VectorConfig
from roadex.network.tables import EDGE_TABLE
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network

PROVENANCE = {"created": "2026-01-02T03:04:05+00:00", "software": "roadex"}


@pytest.fixture
def network(draw_roads, make_source):
    image = draw_roads([[(10, 50), (190, 60)], [(100, 10), (95, 190)]], (200, 200))
    return vectorize(make_source(image), config=VectorConfig(min_component_m=20))


@pytest.fixture
def empty_network(draw_roads, make_source):
    return vectorize(make_source(draw_roads([[(1, 1), (1, 2)]], (99, 99))), config=VectorConfig())


def query(path, sql):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def test_layers_come_back_as_they_were_written(network, tmp_path):
    path = write_network(network, tmp_path / "roads.gpkg", provenance=PROVENANCE)
    edges, nodes = (gpd.read_file(path, layer=layer) for layer in ("road_edges", "road_nodes"))
    assert edges.crs == network.crs
    assert edges.geometry.to_wkb().tolist() == network.edges.geometry.to_wkb().tolist()
    assert edges.u.tolist() == network.edges.u.tolist()
    assert nodes.kind.tolist() == network.nodes.kind.tolist()


def test_styles_are_where_qgis_looks_for_them(network, tmp_path):
    path = write_network(network, tmp_path / "roads.gpkg", provenance=PROVENANCE)
    rows = query(
        path,
        "SELECT f_table_name, sum(useAsDefault) FROM layer_styles WHERE f_table_catalog = ''"
        " AND f_table_schema = '' AND f_geometry_column = 'geom' GROUP BY f_table_name",
    )
    assert rows == [("road_edges", 1), ("road_issues", 1), ("road_nodes", 1)]


def test_networks_with_surfaces_have_a_style_for_them(network, tmp_path):
    told = replace(network, edges=network.edges.assign(surface="paved", surface_prob=0.1))
    names = "SELECT styleName FROM layer_styles WHERE f_table_name = 'road_edges'"
    for each, is_there in ((network, False), (told, True)):
        path = write_network(each, tmp_path / f"{is_there}.gpkg", provenance=PROVENANCE)
        assert (("surface",) in query(path, names)) is is_there
        (style,) = query(path, f"{names} AND useAsDefault")
        assert style == ("confidence",)


def test_styles_name_every_column(network, tmp_path):
    path = write_network(network, tmp_path / "roads.gpkg", provenance=PROVENANCE)
    for layer in ("road_edges", "road_nodes", "road_issues"):
        styles = query(path, f"SELECT styleQML FROM layer_styles WHERE f_table_name = '{layer}'")
        for column in ["fid", *pyogrio.read_info(path, layer=layer)["fields"]]:
            assert all(f'field="{column}"' in style for (style,) in styles)


def test_file_is_a_sound_geopackage_1_3(network, tmp_path):
    path = write_network(network, tmp_path / "roads.gpkg", provenance=PROVENANCE)
    assert query(path, "PRAGMA user_version") == [(10300,)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert query(path, "PRAGMA foreign_key_check") == []
    assert (
        len(query(path, "SELECT * FROM gpkg_extensions WHERE extension_name LIKE '%rtree%'")) == 3
    )
    assert [p.name for p in tmp_path.iterdir()] == ["roads.gpkg"]


def test_provenance_comes_back(network, tmp_path):
    path = write_network(network, tmp_path / "roads.gpkg", provenance=PROVENANCE)
    [(text,)] = query(path, "SELECT metadata FROM gpkg_metadata")
    assert json.loads(text) == PROVENANCE | {"edge_table": EDGE_TABLE}


def test_equal_networks_give_equal_files(network, tmp_path):
    one = write_network(network, tmp_path / "one.gpkg", provenance=PROVENANCE)
    other = write_network(network, tmp_path / "other.gpkg", provenance=PROVENANCE)
    assert one.read_bytes() == other.read_bytes()


def test_files_written_side_by_side_are_equal_too(network, tmp_path):
    def write(i):
        path = tmp_path / f"{i}.gpkg"
        write_network(network, path, provenance=PROVENANCE)
        return path.read_bytes()

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(write, range(24)))) == 1


def test_empty_layers_know_their_geometry(empty_network, tmp_path):
    path = write_network(empty_network, tmp_path / "roads.gpkg", provenance=PROVENANCE)
    assert gpd.read_file(path, layer="road_nodes").crs == empty_network.crs
    assert pyogrio.read_info(path, layer="road_edges")["geometry_type"] == "LineString"


def test_failure_leaves_the_old_file_and_no_rest(network, tmp_path):
    path = tmp_path / "roads.gpkg"
    path.write_text("precious")
    network.edges["geom"] = network.edges.geometry  # a second column of the geometry's name
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the libraries raise
        write_network(network, path, provenance=PROVENANCE, overwrite=True)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("roads.gpkg", "precious")]
