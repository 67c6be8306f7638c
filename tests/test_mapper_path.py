"""The way of a mapper: a run, a comparison, twenty corrections, a sound network, other programs."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import networkx as nx
import numpy as np
import osmnx
import pyogrio
import pytest
import shapely
from shapely.affinity import translate

from roadex import RoadNetwork
from roadex.network.tables import require_whole
from roadex.synthetic import generate_scene, write_scene

pytestmark = pytest.mark.slow

SIZE = 1024
GAPS = 8
"""Roads of the truth that the reference lacks."""


@pytest.fixture(scope="module")
def path(call, tmp_path_factory):
    """Return the files of the whole way, and what was planted on it."""
    folder = tmp_path_factory.mktemp("mapper")
    scene = generate_scene(shape=(SIZE, SIZE), seed=11, style="suburban")
    made = write_scene(scene, folder / "made")
    truth = gpd.read_file(made["roads"])
    west, south, east, north = truth.total_bounds
    area = shapely.box(west, south, west + 0.85 * (east - west), north)
    gpd.GeoSeries([area], crs=truth.crs).to_file(folder / "area.geojson")
    quick = "--tta", "none", "--gpus", "none", "--workers", "0", "-q"
    area_file = folder / "area.geojson"
    assert not call("run", made["scene"], "-o", folder / "out", "--aoi", area_file, *quick)
    known = truth.drop(index=_inside(truth, area).nlargest(GAPS).index)
    known.to_file(folder / "known.gpkg")
    assert not call("compare", folder / "out", folder / "known.gpkg", "-o", folder / "todo.gpkg")
    changes = correct(folder / "out" / "roads.gpkg", folder / "edited.gpkg")
    assert not call("rebuild", folder / "edited.gpkg", "-o", folder / "roads.gpkg")
    assert not call("convert", folder / "roads.gpkg", "-o", folder / "roads.osm")
    assert not call("convert", folder / "roads.gpkg", "-o", folder / "roads.graphml")
    lacking = truth.drop(index=known.index)
    return SimpleNamespace(
        folder=folder, area=area, lacking=lacking, changes=changes,
        network=RoadNetwork.read(folder / "roads.gpkg"),
    )  # fmt: skip


def _inside(lines, area):
    """Return the length of lines that lie wholly in the area."""
    return lines[lines.within(area.buffer(-20))].length


def correct(network: Path, edited: Path) -> SimpleNamespace:
    """Edit a GeoPackage as a person does in QGIS: delete seven lines, move six, draw seven."""
    shutil.copy(network, edited)
    edges = gpd.read_file(network, layer="road_edges")
    order = np.random.default_rng(0).permutation(np.flatnonzero(edges.length_m > 25))
    deleted, moved, rest = np.split(order, [7, 13])
    away = edges.geometry.iloc[deleted]
    edges.loc[moved, "geometry"] = [translate(g, 3, 3) for g in edges.geometry.iloc[moved]]
    # New roads lead from the middle of one road to the middle of another, across what is between.
    places = shapely.get_coordinates(edges.geometry.iloc[rest].interpolate(0.5, normalized=True))
    drawn = [shapely.LineString(places[2 * k : 2 * k + 2]) for k in range(7)]
    new = gpd.GeoDataFrame(geometry=drawn, crs=edges.crs)
    kept = edges.drop(index=deleted)
    changed = gpd.GeoDataFrame(
        {name: [*kept[name], *[None] * len(new)] for name in kept.columns if name != "geometry"},
        geometry=[*kept.geometry, *new.geometry], crs=edges.crs,
    )  # fmt: skip
    changed.to_file(edited, layer="road_edges")
    return SimpleNamespace(deleted=away, drawn=drawn, moved=edges.geometry.iloc[moved])


def test_the_network_keeps_to_the_area(path):
    edges = RoadNetwork.read(path.folder / "out").edges
    assert edges.length_m.sum() > 3000
    assert edges.within(path.area.buffer(2)).all()


def test_the_gaps_of_the_reference_are_the_work_to_do(path):
    edges = RoadNetwork.read(path.folder / "out").edges
    todo = gpd.read_file(path.folder / "todo.gpkg", layer="missing_in_reference")
    seen = path.lacking.intersection(edges.union_all().buffer(5))
    listed = seen.intersection(todo.union_all().buffer(8))
    assert seen.length.sum() > 0.5 * path.lacking.length.sum()
    assert listed.length.sum() > 0.9 * seen.length.sum()


def test_what_was_corrected_is_in_the_rebuilt_network(path):
    require_whole(path.network.edges, path.network.nodes, "roads.gpkg")
    roads = path.network.edges.union_all()
    for line in [*path.changes.drawn, *path.changes.moved]:
        assert line.difference(roads.buffer(1.5)).length < 0.02 * line.length
    left = path.changes.deleted.intersection(roads.buffer(0.5)).length
    # A new or moved line may cross the place of a deleted one.
    assert left.sum() < 0.1 * path.changes.deleted.length.sum()


def test_every_drawn_road_is_connected_with_both_roads_it_leads_to(path):
    nodes = path.network.nodes.set_index("node_id")
    joints = nodes[nodes.degree >= 3].union_all()
    ends = [shapely.Point(line.coords[k]) for line in path.changes.drawn for k in (0, -1)]
    assert max(end.distance(joints) for end in ends) < 1.5


def ways_of(osm):
    root = ET.parse(osm).getroot()
    nodes = {node.get("id"): (node.get("lon"), node.get("lat")) for node in root.iter("node")}
    ways = [[nd.get("ref") for nd in way.iter("nd")] for way in root.iter("way")]
    return root, nodes, ways


def test_josm_finds_every_node_once_and_is_not_told_to_upload(path):
    root, nodes, ways = ways_of(path.folder / "roads.osm")
    assert root.get("upload") == "false"
    assert len(ways) == len(path.network.edges)
    assert {ref for way in ways for ref in way} == set(nodes)
    assert len(set(nodes.values())) == len(nodes)
    assert all(a != b for way in ways for a, b in pairwise(way))
    numbers = [element.get("id") for element in root if element.tag in ("node", "way")]
    assert len(set(numbers)) == len(numbers)


def test_gdal_reads_the_osm_file_with_all_its_kilometres(path):
    pyogrio.set_gdal_config_options({"OSM_USE_CUSTOM_INDEXING": "NO"})
    try:
        lines = pyogrio.read_dataframe(path.folder / "roads.osm", layer="lines")
    finally:
        pyogrio.set_gdal_config_options({"OSM_USE_CUSTOM_INDEXING": None})
    assert len(lines) == len(path.network.edges)
    metres = lines.to_crs(path.network.crs).length.sum()
    assert metres == pytest.approx(path.network.edges.length.sum(), rel=1e-5)


@pytest.mark.service
def test_osmium_finds_all_nodes_of_the_ways(path):
    osmium = shutil.which("osmium")
    if osmium is None:
        pytest.skip("no osmium-tool")
    for task in ("check-refs", "fileinfo"):
        done = subprocess.run(
            [osmium, task, path.folder / "roads.osm"], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert "Nodes in ways missing: 0" in done.stderr or task == "fileinfo"


def from_graphml(path):
    return osmnx.load_graphml(path.folder / "roads.graphml")


def from_geopackage(path):
    return RoadNetwork.read(path.folder / "roads.gpkg").to_graph()


@pytest.mark.parametrize("load", [from_graphml, from_geopackage])
def test_osmnx_finds_the_shortest_routes_networkx_finds(path, load):
    graph = load(path)
    osmnx.convert.validate_graph(graph)
    plain = nx.MultiGraph()
    for edge in path.network.edges.itertuples():
        plain.add_edge(edge.u, edge.v, length=edge.length_m)
    assert set(graph) == set(plain)
    pairs = np.random.default_rng(0).choice(sorted(plain), (1000, 2)).tolist()
    routes = osmnx.routing.shortest_path(
        graph, [a for a, _ in pairs], [b for _, b in pairs], weight="length", cpus=1
    )
    n_found = 0
    for (a, b), route in zip(pairs, routes, strict=True):
        if not nx.has_path(plain, a, b):
            assert route is None
            continue
        metres = sum(
            min(edge["length"] for edge in graph[s][t].values()) for s, t in pairwise(route)
        )
        shortest = nx.shortest_path_length(plain, a, b, weight="length")
        assert metres == pytest.approx(shortest, abs=1e-6)
        n_found += a != b
    assert n_found > 500
