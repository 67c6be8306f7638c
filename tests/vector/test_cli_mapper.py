"""The verbs a mapper uses after a run, from the command line."""

import sys

import geopandas as gpd
import pyogrio
import pytest
import shapely

from roadex.cli import main
from roadex.config import VectorConfig
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["roadex", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0


@pytest.fixture
def out(draw_roads, make_source, tmp_path):
    lines = [[(20, 50), (380, 60)], [(200, 20), (195, 380)], [(20, 300), (380, 300)]]
    network = vectorize(make_source(draw_roads(lines, (400, 400), width=6)), config=VectorConfig())
    folder = tmp_path / "out"
    folder.mkdir()
    write_network(network, folder / "roads.gpkg", provenance={"created": "2026-01-02T03:04:05Z"})
    return folder


def test_compare_writes_a_styled_layer_for_each_class(out, tmp_path, monkeypatch, capsys):
    edges = gpd.read_file(out / "roads.gpkg", layer="road_edges")
    edges[edges.length_m > edges.length_m.min()].to_file(tmp_path / "known.gpkg")
    result = tmp_path / "todo.gpkg"
    assert call(monkeypatch, "compare", out, tmp_path / "known.gpkg", "-o", result) == 0
    names = {str(name) for name, _ in pyogrio.list_layers(result)}
    assert names >= {"missing_in_reference", "only_in_reference", "shifted", "matched", "hidden"}
    styles = pyogrio.read_dataframe(result, layer="layer_styles")
    assert set(styles.f_table_name) < names
    missing = gpd.read_file(result, layer="missing_in_reference")
    assert missing.length_m.sum() == pytest.approx(edges.length_m.min(), abs=1)
    assert "missing in the reference" in capsys.readouterr().out


def test_compare_refuses_a_reference_that_does_not_exist(out, tmp_path, monkeypatch, capsys):
    assert call(monkeypatch, "compare", out, tmp_path / "no.gpkg", "-o", tmp_path / "c.gpkg") == 2
    assert "does not exist" in capsys.readouterr().err


def test_convert_changes_format_and_crs_and_keeps_ends_at_nodes(out, tmp_path, monkeypatch):
    result = tmp_path / "roads.parquet"
    assert call(monkeypatch, "convert", out, "-o", result, "--crs", "EPSG:4326") == 0
    edges = gpd.read_parquet(result)
    nodes = gpd.read_parquet(tmp_path / "roads_nodes.parquet").set_index("node_id").geometry
    assert edges.crs == 4326
    for edge in edges.itertuples():
        assert edge.geometry.coords[0] == nodes[edge.u].coords[0]
        assert edge.geometry.coords[-1] == nodes[edge.v].coords[0]


def test_convert_says_what_is_no_network(tmp_path, monkeypatch, capsys):
    lines = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=32633)
    lines.to_file(tmp_path / "lines.gpkg")
    assert call(monkeypatch, "convert", tmp_path / "lines.gpkg", "-o", tmp_path / "x.osm") == 2
    assert "is not a road network of roadex" in capsys.readouterr().err


def test_unknown_crs_is_one_line(out, tmp_path, monkeypatch, capsys):
    code = call(monkeypatch, "convert", out, "-o", tmp_path / "x.osm", "--crs", "EPSG:nonsense")
    assert code == 2
    assert "unknown CRS" in capsys.readouterr().err
