"""Formats for one program each: what that program asks for is there."""

import json
import random
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import geopandas as gpd
import networkx as nx
import numpy as np
import osmnx
import pyogrio
import pyproj
import pytest
import shapely

from roadex.config import OutputConfig
from roadex.errors import OutputError
from roadex.network.road_network import assemble_network
from roadex.outputs import WRITERS, write_network

PROVENANCE = {"created": "2026-01-02T03:04:05+00:00", "name": "town"}
CRS = pyproj.CRS.from_epsg(32633)


def town(n=6, *, origin=(400_000.0, 5_600_000.0)):
    """Return a network of streets from crossing to crossing, with a ring at one corner."""
    x, y = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    rng = np.random.default_rng(0)
    points = (np.stack([x, y], axis=-1) * 100 + rng.normal(0, 10, (n, n, 2))).reshape(-1, 2)
    points += origin
    number = np.arange(n * n).reshape(n, n)
    pairs = sorted(
        [*zip(number[:-1].ravel(), number[1:].ravel(), strict=True),
         *zip(number[:, :-1].ravel(), number[:, 1:].ravel(), strict=True)]
    )  # fmt: skip
    lines = [shapely.LineString([points[a], points[b]]) for a, b in pairs]
    ring = points[0] + np.array([[0, 0], [-40, 0], [-40, -40], [0, -40], [0, 0]])
    u, v = map(np.array, zip(*[(0, 0), *pairs], strict=True))
    measured = {
        "width_m": np.full(len(u), 6.5),
        "prob_mean": np.linspace(0.45, 0.99, len(u)),
        "prob_min": np.full(len(u), 0.3),
        "bridged": np.where(np.arange(len(u)) % 7 == 3, 0.2, 0.0),
        "area": np.zeros(len(u)),
    }
    return assemble_network(
        np.array([shapely.LineString(ring), *lines], dtype=object), points, u, v, measured,
        np.zeros(len(points), dtype=bool), CRS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def network():
    return town()


def nothing():
    empty = np.zeros(0, dtype=np.int64)
    columns = ("width_m", "prob_mean", "prob_min", "bridged", "area")
    return assemble_network(
        np.zeros(0, dtype=object), np.zeros((0, 2)), empty, empty,
        {name: np.zeros(0) for name in columns}, np.zeros(0, dtype=bool), CRS,
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [s for s in WRITERS if s != ".pmtiles"])
def test_a_network_without_roads_is_written(suffix, tmp_path):
    assert write_network(nothing(), tmp_path / f"roads{suffix}", provenance=PROVENANCE).exists()


def test_osmnx_loads_the_graphml_and_routes_as_networkx_does(network, tmp_path):
    path = write_network(network, tmp_path / "roads.graphml", provenance=PROVENANCE)
    graph = osmnx.load_graphml(path, edge_dtypes={"width_m": float})
    osmnx.convert.validate_graph(graph)
    assert graph.number_of_edges() == 2 * len(network.edges)
    plain = nx.Graph()
    for edge in network.edges.itertuples():
        plain.add_edge(edge.u, edge.v, length=edge.length_m)
    pick = random.Random(0)
    for _ in range(100):
        a, b = pick.sample(sorted(plain), 2)
        route = osmnx.routing.shortest_path(graph, a, b, weight="length")
        metres = sum(graph[s][t][0]["length"] for s, t in pairwise(route))
        assert metres == pytest.approx(nx.shortest_path_length(plain, a, b, weight="length"))
    assert {type(w) for _, _, w in graph.edges(data="width_m")} == {float}


def test_osmnx_geometry_of_the_way_back_is_reversed(network, tmp_path):
    path = write_network(network, tmp_path / "roads.graphml", provenance=PROVENANCE)
    graph = osmnx.load_graphml(path)
    for u, v, data in graph.edges(data=True):
        places = [(graph.nodes[n]["x"], graph.nodes[n]["y"]) for n in (u, v)]
        assert [data["geometry"].coords[0], data["geometry"].coords[-1]] == places


def test_osmnx_has_both_ways_of_two_rings_at_one_node():
    rings = [
        shapely.LineString([(0, 0), (side, 0), (side, side), (0, 0)]) for side in (40.0, -60.0)
    ]
    one = {"width_m": 6.0, "prob_mean": 0.9, "prob_min": 0.9, "bridged": 0.0, "area": 0.0}
    network = assemble_network(
        np.array(rings, dtype=object), np.zeros((1, 2)), np.zeros(2, int), np.zeros(2, int),
        {name: np.full(2, value) for name, value in one.items()}, np.zeros(1, dtype=bool), CRS,
    )  # fmt: skip
    lines = [line for *_, line in network.to_graph().edges(data="geometry")]
    both = [*rings, *map(shapely.reverse, rings)]
    assert {line.wkt for line in lines} == {line.wkt for line in both}


@pytest.fixture
def osm(network, tmp_path):
    path = tmp_path / "roads.osm"
    config = OutputConfig(source="Town orthophoto 2024")
    write_network(network, path, provenance=PROVENANCE, config=config)
    return path


def test_josm_file_is_new_connected_and_not_for_upload(network, osm):
    root = ET.parse(osm).getroot()
    nodes = {node.get("id") for node in root.iter("node")}
    assert root.get("upload") == "false"
    assert all(int(number) < 0 for number in nodes)
    ways = list(root.iter("way"))
    assert len(ways) == len(network.edges)
    refs = [[nd.get("ref") for nd in way.iter("nd")] for way in ways]
    assert {ref for way in refs for ref in way} == nodes
    # As many shared ends as the network has nodes: junctions are one node.
    assert len({end for way in refs for end in (way[0], way[-1])}) == len(network.nodes)
    assert not any(
        element.get("action") or element.get("version")
        for element in root.iter()
        if element is not root
    )


def test_josm_roads_have_no_guessed_class_and_say_where_they_are_unsure(network, osm):
    tags = [
        {tag.get("k"): tag.get("v") for tag in way.iter("tag")}
        for way in ET.parse(osm).getroot().iter("way")
    ]
    assert {way["highway"] for way in tags} == {"road"}
    assert {way["source"] for way in tags} == {"Town orthophoto 2024"}
    unsure = (network.edges.confidence < 0.6) | (network.edges.bridged > 0)
    assert ["fixme" in way for way in tags] == unsure.tolist()


def test_josm_file_has_no_source_unless_it_was_given(network, tmp_path):
    path = write_network(network, tmp_path / "roads.osm", provenance=PROVENANCE)
    assert "source" not in path.read_text()


def test_gdal_reads_the_josm_file(network, osm):
    pyogrio.set_gdal_config_options({"OSM_USE_CUSTOM_INDEXING": "NO"})
    try:
        lines = pyogrio.read_dataframe(osm, layer="lines")
    finally:
        pyogrio.set_gdal_config_options({"OSM_USE_CUSTOM_INDEXING": None})
    metres = lines.to_crs(CRS).length.sum()
    assert metres == pytest.approx(network.edges.length.sum(), rel=1e-5)


def test_long_ways_are_split_at_two_thousand_nodes_and_stay_connected(tmp_path):
    x = np.arange(5001) * 2.0 + 400_000
    line = shapely.LineString(np.stack([x, 5_600_000 + 50 * np.sin(x / 90)], axis=1))
    ends = shapely.get_coordinates(line)[[0, -1]]
    one = {"width_m": [6.0], "prob_mean": [0.9], "prob_min": [0.9], "bridged": [0.0], "area": [0.0]}
    network = assemble_network(
        np.array([line], dtype=object), ends, np.array([0]), np.array([1]),
        {name: np.array(value) for name, value in one.items()}, np.zeros(2, dtype=bool), CRS,
    )  # fmt: skip
    path = write_network(network, tmp_path / "long.osm", provenance=PROVENANCE)
    ways = [
        [nd.get("ref") for nd in way.iter("nd")] for way in ET.parse(path).getroot().iter("way")
    ]
    assert max(map(len, ways)) <= 2000
    assert all(a[-1] == b[0] for a, b in pairwise(ways))
    assert sum(map(len, ways)) - (len(ways) - 1) == 5001


def test_maproulette_has_a_task_a_road_with_an_id_of_its_own(network, tmp_path):
    path = write_network(network, tmp_path / "t.maproulette.json", provenance=PROVENANCE)
    lines = path.read_text().removesuffix("\n").split("\n")
    assert all(line.startswith("\x1e") for line in lines)
    tasks = [json.loads(line[1:]) for line in lines]
    assert len(tasks) == len(network.edges)
    assert len({task["features"][0]["id"] for task in tasks}) == len(tasks)
    feature = tasks[3]["features"][0]
    assert "crs" not in tasks[3]
    assert all("." not in name for name in feature["properties"])
    assert all(len(point) == 2 for point in feature["geometry"]["coordinates"])


def test_too_many_tasks_are_refused(network, tmp_path, monkeypatch):
    monkeypatch.setattr("roadex.outputs.maproulette.MOST_TASKS", 5)
    with pytest.raises(OutputError, match="too many for one challenge"):
        write_network(network, tmp_path / "t.maproulette.json", provenance=PROVENANCE)
    assert list(tmp_path.iterdir()) == []


def test_overture_segments_end_at_connectors(network, tmp_path):
    write_network(network, tmp_path / "t.overture.parquet", provenance=PROVENANCE)
    segments = gpd.read_parquet(tmp_path / "t.overture.parquet")
    connectors = gpd.read_parquet(tmp_path / "t_connectors.overture.parquet")
    places = dict(zip(connectors["id"], connectors.geometry, strict=True))
    assert segments.crs == 4326
    for segment in segments.itertuples():
        first, last = segment.connectors
        assert (first["at"], last["at"]) == (0, 1)
        assert segment.geometry.coords[0] == places[first["connector_id"]].coords[0]
        assert segment.geometry.coords[-1] == places[last["connector_id"]].coords[0]
    assert set(segments["class"]) == {"unknown"}
    own = {name for name in segments if name.startswith("ext_")}
    assert own == {"ext_length_m"}
    assert segments.sources.iloc[-1][0]["confidence"] == pytest.approx(
        network.edges.confidence.iloc[-1]
    )


def test_pmtiles_hold_the_roads(network, tmp_path):
    path = write_network(network, tmp_path / "roads.pmtiles", provenance=PROVENANCE)
    tiles = pyogrio.read_dataframe(path)
    metres = tiles.to_crs(CRS).union_all().length
    assert metres == pytest.approx(network.edges.union_all().length, rel=0.05)


def test_kml_has_all_roads_in_folders_of_confidence(network, tmp_path):
    path = write_network(network, tmp_path / "roads.kml", provenance=PROVENANCE)
    names = [str(name) for name, _ in pyogrio.list_layers(path)]
    assert names[0] == "0.90 to 1.00"
    text = path.read_text()
    assert len(re.findall("<Placemark>", text)) == len(network.edges)
    sure = (network.edges.confidence >= 0.9).sum()
    assert len(pyogrio.read_dataframe(path, layer="0.90 to 1.00")) == sure


def test_the_longest_ending_chooses_the_format(network, tmp_path):
    write_network(network, tmp_path / "x.overture.parquet", provenance=PROVENANCE)
    write_network(network, tmp_path / "x.parquet", provenance=PROVENANCE)
    assert "subtype" in gpd.read_parquet(tmp_path / "x.overture.parquet")
    assert "edge_id" in gpd.read_parquet(tmp_path / "x.parquet")
