"""Lines and networks as other programs leave them: what is sound is used, the rest is said."""

from __future__ import annotations

import json
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

import roadex
from roadex.cli import cli
from roadex.config import RunConfig
from roadex.errors import ConfigError, NetworkError, RoadexError, SceneError
from roadex.imagery.scene import open_scene
from roadex.imagery.work_grid import plan_grid
from roadex.network.conflation import compare_networks
from roadex.network.line_reader import metric_crs, read_line_table, read_lines
from roadex.network.reference import read_reference
from roadex.network.road_network import RoadNetwork
from roadex.network.sound_lines import single_lines
from roadex.network.tables import read_tables
from roadex.outputs import write_network
from roadex.pipeline.area_file import read_area

from .conftest import PLACE, RANGE

UTM = "EPSG:32633"
LINE = shapely.LineString([(500_000, 5_400_000), (500_100, 5_400_000)])


@pytest.fixture(scope="module")
def network() -> RoadNetwork:
    mask = np.zeros((80, 80), dtype=bool)
    mask[36:43] = mask[:, 30:37] = True
    return roadex.vectorize(mask, transform=PLACE, crs=UTM)


@pytest.fixture
def edited(network, tmp_path):
    """Return a function that writes a network whose tables were changed."""

    def write(change, suffix=".gpkg"):
        edges, nodes = change(network.edges.copy(), network.nodes.copy())
        path = tmp_path / f"edited{suffix}"
        for name, table in (("road_edges", edges), ("road_nodes", nodes)):
            beside = path if name == "road_edges" or suffix == ".gpkg" else path.with_stem(
                "edited_nodes"
            )  # fmt: skip
            if suffix == ".parquet":
                table.to_parquet(beside)
            else:
                pyogrio.write_dataframe(table, beside, layer=name, append=beside.exists())
        return path

    return write


def frame_of(*geometries: shapely.Geometry | None, crs: str = UTM) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": range(len(geometries))}, geometry=list(geometries), crs=crs)


def changed(geometry: shapely.Geometry, x: float) -> shapely.Geometry:
    coordinates = shapely.get_coordinates(geometry).copy()
    coordinates[0, 0] = x
    return shapely.set_coordinates(geometry, coordinates)


@pytest.mark.parametrize("suffix", [".parquet", ".gpkg", ".fgb", ".geojson"])
@pytest.mark.parametrize("keep", [0, 7, 300, 1500])
def test_a_file_of_lines_cut_short_is_one_line(network, tmp_path, suffix, keep):
    path = tmp_path / f"roads{suffix}"
    write_network(network, path, provenance={})
    path.write_bytes(path.read_bytes()[:keep])
    for read in (read_lines, read_line_table, read_tables, read_reference):
        with pytest.raises(RoadexError) as caught:
            read(path if read in (read_tables, read_reference) else str(path))
        assert str(path) in str(caught.value)
        assert str(caught.value).isprintable()


def test_bytes_that_are_no_text_are_one_line(tmp_path):
    path = tmp_path / "roads.geojson"
    path.write_bytes(b'{"type": "FeatureCollection", "features": [\xff\xfe')
    with pytest.raises(RoadexError, match="neither a raster nor lines"):
        roadex.score(str(path), str(path))


def test_a_table_without_geometries_is_one_line(tmp_path):
    path = tmp_path / "table.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(NetworkError, match="cannot read"):
        read_lines(str(path))
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RoadexError, match=r"table\.csv"):
        read_lines(str(tmp_path / "table.csv"))


@pytest.mark.parametrize("x", [1e300, -1e9, 4e7, np.inf, np.nan])
def test_a_coordinate_off_the_earth_is_left_out_and_said(x):
    found, notes = single_lines(frame_of(LINE, changed(LINE, x)), "roads")
    assert list(found["name"]) == [0]
    assert len(notes) == 1
    assert "1 rows of roads with coordinates" in notes[0]


def test_a_jump_across_the_earth_is_no_road():
    near, far = changed(LINE, 499_000), shapely.LineString([(15, 48), (22.5, 48)])
    assert len(single_lines(frame_of(LINE, near), "")[0]) == 2
    found, notes = single_lines(frame_of(far, crs="EPSG:4326"), "roads")
    assert found.empty
    assert "a jump across it" in notes[0]


@pytest.mark.parametrize("place", [(179.99, -179.99), (-180.001, -179.9), (287.0, 287.1)])
def test_lines_at_180_degrees_are_on_the_earth(place):
    line = shapely.LineString([(place[0], -17), (place[1], -17)])
    found, notes = single_lines(frame_of(line, crs="EPSG:4326"), "")
    assert len(found) == 1
    assert not notes


def test_collections_in_collections_are_taken_apart():
    inner = shapely.GeometryCollection([LINE, shapely.Point(0, 0)])
    for _ in range(4):
        inner = shapely.GeometryCollection([inner, shapely.GeometryCollection()])
    found, notes = single_lines(frame_of(inner), "roads")
    assert found.geometry.to_list() == [LINE]
    assert any("no lines" in note for note in notes)


def test_a_coordinate_off_the_earth_costs_no_memory_in_scores(edited, network, tmp_path):
    def far(edges, nodes):
        edges.loc[0, "geometry"] = changed(edges.geometry[0], 1e9)
        return edges, nodes

    path, sound = edited(far), tmp_path / "sound.gpkg"
    write_network(network, sound, provenance={})
    start = time.perf_counter()
    report = roadex.score(str(path), str(sound))
    assert any("off the Earth" in note for note in report.decisions)
    assert time.perf_counter() - start < 10
    assert roadex.merge([path, sound]).summary["length_km"] < 1
    assert compare_networks(read_tables(path)[0], read_reference(sound)).summary["network_km"] < 1


@pytest.mark.parametrize("geometry", [None, shapely.Point(5e5, 54e5), shapely.LineString()])
def test_edges_that_are_no_lines_are_left_out_of_a_comparison(edited, network, tmp_path, geometry):
    def change(edges, nodes):
        edges.loc[0, "geometry"] = geometry
        edges.loc[1, "confidence"] = np.nan
        return edges, nodes

    write_network(network, tmp_path / "sound.gpkg", provenance={})
    edges, _ = read_tables(edited(change))
    found = compare_networks(edges, read_reference(tmp_path / "sound.gpkg"))
    assert any("were left out" in note for note in found.summary["notes"])


def test_numbers_that_are_none_are_unknown(edited):
    def change(edges, nodes):
        edges["prob_mean"] = np.inf
        edges["width_m"] = [*edges["width_m"][:-1].astype(str), "wide"]
        edges["u"] = edges["u"].astype(float)
        return edges, nodes

    path = edited(change, ".fgb")
    edges, _ = read_tables(path)
    assert edges["prob_mean"].isna().all()
    assert edges["width_m"].isna().sum() == 1
    assert edges["u"].dtype == np.int64
    merged = roadex.merge([path]).edges
    assert not np.isinf(merged["prob_mean"]).any()


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        ("edges", lambda t: t.assign(geometry=t.buffer(1)), "no single line"),
        ("edges", lambda t: t.assign(u=t["u"] + 1000), "a node that is not there"),
        ("edges", lambda t: t.assign(v=np.nan), "without edge_id, u, v or key"),
        ("edges", lambda t: t.assign(length_m=np.nan), "without length_m"),
        ("nodes", lambda t: t.assign(node_id=1), "one node_id"),
        ("nodes", lambda t: t.assign(geometry=None), "no point"),
        ("nodes", lambda t: t.assign(kind=None), "without kind"),
        ("nodes", lambda t: t.assign(degree=np.inf), "without node_id or degree"),
    ],
)
def test_a_network_changed_elsewhere_is_not_converted_but_can_be_rebuilt(
    edited, tmp_path, table, change, said
):
    path = edited(
        lambda edges, nodes: (change(edges), nodes) if table == "edges" else (edges, change(nodes)),
        ".parquet",
    )
    with pytest.raises(NetworkError, match=rf"{said}.*roadex rebuild"):
        cli.main(["convert", str(path), "-o", str(tmp_path / "a.graphml")], standalone_mode=False)


@pytest.mark.parametrize("crs", ["EPSG:4978", "IAU_2015:30100", 'LOCAL_CS["here"]'])
@pytest.mark.parametrize("table", ["edges", "nodes"])
def test_a_network_off_the_map_is_one_line(edited, table, crs):
    def change(edges, nodes):
        if table == "edges":
            return edges.set_crs(crs, allow_override=True), nodes
        return edges, nodes.set_crs(crs, allow_override=True)

    with pytest.raises((NetworkError, SceneError), match=r"edited\.parquet"):
        roadex.merge([edited(change, ".parquet")])


def test_networks_beyond_utm_are_scored_in_a_polar_projection(tmp_path):
    line = shapely.LineString([(10, 86), (10.1, 86)])
    frame_of(line, crs="EPSG:4326").to_file(tmp_path / "north.geojson")
    lines = read_lines(str(tmp_path / "north.geojson"))
    assert metric_crs(lines, lines)[0] == "EPSG:5041"


def test_a_network_is_not_brought_to_a_crs_that_has_no_such_place(network):
    with pytest.raises(NetworkError, match="has no coordinates"):
        network.to_crs("+proj=gnom +lat_0=-48 +lon_0=-165")


def test_a_projected_area_larger_than_the_earth_is_one_line(write, tmp_path, pixels):
    path = tmp_path / "area.fgb"
    frame_of(shapely.box(5e5, 54e5, 1e30, 1e30)).to_file(path)
    scene = open_scene([write(pixels)])
    with pytest.raises(ConfigError, match="no places on the Earth"):
        read_area(str(path), plan_grid(scene, **RANGE))


def test_merge_says_what_it_leaves_out(edited, tmp_path, capsys):
    def change(edges, nodes):
        edges.loc[0, "geometry"] = None
        return edges, nodes

    words = ["merge", str(edited(change)), "-o", str(tmp_path / "merged.gpkg")]
    cli.main(words, standalone_mode=False)
    assert "1 rows of edited without geometry were left out" in capsys.readouterr().out


def test_a_network_without_crs_is_told_how_to_get_one(edited, tmp_path):
    path = edited(
        lambda edges, nodes: (
            edges.set_crs(None, allow_override=True), nodes.set_crs(None, allow_override=True)
        ),
        ".parquet",
    )  # fmt: skip
    with pytest.raises(NetworkError, match="has no CRS; write one"):
        roadex.merge([path])


@pytest.mark.parametrize("x", ["NaN", "1e300", "-1e9"])
def test_an_area_off_the_earth_is_one_line(write, tmp_path, pixels, x):
    ring = [[15, 48], [15.1, 48], [15.1, 48.1], [15, 48]]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    text = json.dumps({"type": "Feature", "properties": {}, "geometry": polygon})
    path = tmp_path / "area.geojson"
    path.write_text(text.replace("15.1", x, 1))
    scene = open_scene([write(pixels)])
    with pytest.raises((ConfigError, SceneError), match="area of interest"):
        read_area(str(path), plan_grid(scene, **RANGE))


def test_settings_of_any_size_end(network):
    config = {"vector": {"max_hole_m2": 1e300, "max_road_width_m": 1e300, "max_gap_m": 1e300}}
    mask = np.zeros((80, 80), dtype=bool)
    mask[36:43] = mask[:, 30:37] = True
    found = roadex.vectorize(mask, transform=PLACE, crs=UTM, config=RunConfig.from_dict(config))
    assert np.isfinite(shapely.get_coordinates(found.edges.geometry)).all()
    with pytest.raises(ConfigError, match="finite number"):
        RunConfig.from_dict({"vector": {"max_gap_m": 10**400}})
