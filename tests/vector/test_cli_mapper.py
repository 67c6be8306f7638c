"""The verbs a mapper uses after a run, from the command line."""

import json
import sys

import geopandas as gpd
import pyogrio
import pytest
import rasterio
import shapely

from roadex.cli import main
from roadex.config import VectorConfig
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network
from roadex.probability.raster import ProbabilityProfile, probability_writer


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


@pytest.fixture
def dates(draw_roads, make_source, tmp_path):
    """Return the folders of two runs: a street was built, and one was taken away."""
    stays = [[(20, 50), (380, 60)], [(200, 20), (195, 380)]]
    drawn = {"out-2019": [[(20, 300), (380, 300)]], "out-2024": [[(20, 180), (380, 190)]]}
    for name, more in drawn.items():
        source = make_source(draw_roads([*stays, *more], (400, 400), width=6))
        folder = tmp_path / name
        folder.mkdir()
        network = vectorize(source, config=VectorConfig())
        write_network(network, folder / "roads.gpkg", provenance={})
        profile = ProbabilityProfile(
            source.shape, rasterio.CRS.from_epsg(32633), source.transform, {}
        )
        with probability_writer(folder / "probability.tif", profile) as raster:
            raster.write(source.probability, 1)
    return tmp_path / "out-2019", tmp_path / "out-2024"


def test_change_writes_styled_layers_a_page_and_a_summary(dates, tmp_path, monkeypatch, capsys):
    result, summary = tmp_path / "change.gpkg", tmp_path / "change.json"
    assert call(monkeypatch, "change", *dates, "-o", result, "--json", summary) == 0
    assert "appeared" in capsys.readouterr().out
    km = json.loads(summary.read_text())["km"]
    assert km["appeared"] == pytest.approx(0.36, abs=0.02)
    assert km["vanished"] == pytest.approx(0.36, abs=0.02)
    styles = pyogrio.read_dataframe(result, layer="layer_styles")
    assert set(styles.f_table_name) == {"appeared", "vanished", "unsure", "not_seen", "same"}
    appeared = gpd.read_file(result, layer="appeared")
    assert appeared.distance(shapely.Point(400_200, 5_600_000 - 185)).min() < 10
    page = (tmp_path / "change.html").read_text()
    assert "Change from out-2019 to out-2024" in page
    assert f"{km['appeared']:.2f} km appeared, {km['vanished']:.2f} km vanished" in page
    assert "<script" not in page
    again = "change", *dates, "-o", result
    assert call(monkeypatch, *again) == 2
    assert "change.gpkg" in capsys.readouterr().err
    assert call(monkeypatch, *again, "--overwrite") == 0


def test_change_leaves_the_page_of_another_program_alone(dates, tmp_path, monkeypatch, capsys):
    page = tmp_path / "change.html"
    page.write_text("mine")
    words = "change", *dates, "-o", tmp_path / "change.gpkg", "--overwrite"
    assert call(monkeypatch, *words) == 2
    assert page.read_text() == "mine"
    assert not (tmp_path / "change.gpkg").exists()


def test_change_wants_two_runs(dates, out, tmp_path, monkeypatch, capsys):
    assert call(monkeypatch, "change", out, dates[1], "-o", tmp_path / "change.gpkg") == 2
    assert "probability.tif" in capsys.readouterr().err
    assert call(monkeypatch, "change", tmp_path, dates[1], "-o", tmp_path / "change.gpkg") == 2
    assert "does not exist" in capsys.readouterr().err
