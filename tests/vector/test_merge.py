from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from pyproj import CRS

from roadex.config import MergeConfig, VectorConfig
from roadex.errors import NetworkError
from roadex.network.merge import merge
from roadex.network.tables import read_tables
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network
from roadex.probability.source import ArraySource

CONFIG = VectorConfig(min_component_m=20)
UTM = CRS("EPSG:32633")

STREETS = [[(-20, k), (620, k + 25)] for k in range(40, 380, 65)]
STREETS += [[(k, -20), (k + 15, 420)] for k in range(45, 580, 95)]


@pytest.fixture
def town(draw_roads):
    return draw_roads(STREETS, (400, 600), width=7)


def network_of(image, first_col, last_col, output_crs=None):
    transform = Affine(1, 0, 400_000 + first_col, 0, -1, 5_600_000)
    source = ArraySource(image[:, first_col:last_col], transform, UTM)
    network = vectorize(source, config=CONFIG, output_crs=output_crs)
    return network.edges, network.nodes


def check_sound(network):
    nodes = network.nodes.geometry
    for edge in network.edges.itertuples():
        ends = [shapely.Point(edge.geometry.coords[k]).wkb for k in (0, -1)]
        assert ends == [nodes[edge.u].wkb, nodes[edge.v].wkb]
    degree = np.bincount(network.edges[["u", "v"]].to_numpy().ravel(), minlength=len(nodes))
    assert degree.tolist() == network.nodes.degree.tolist()
    assert network.edges.set_index(["u", "v", "key"]).index.is_unique


@pytest.mark.parametrize(("left_end", "right_begin"), [(300, 300), (350, 250), (400, 399)])
def test_two_halves_make_the_whole(left_end, right_begin, town):
    whole, _ = network_of(town, 0, 600)
    merged = merge([network_of(town, 0, left_end), network_of(town, right_begin, 600)])
    check_sound(merged)
    assert merged.summary["components"] == 1
    assert merged.edges.length_m.sum() == pytest.approx(whole.length_m.sum(), rel=0.01)
    assert len(merged.edges) == len(whole)
    away = shapely.hausdorff_distance(
        shapely.union_all(merged.edges.geometry.to_numpy()),
        shapely.union_all(whole.geometry.to_numpy()),
    )
    assert away < 6


def test_three_scenes_in_two_crs(town):
    parts = [
        network_of(town, 0, 230),
        network_of(town, 190, 480, CRS("EPSG:4326")),
        network_of(town, 480, 600),
    ]
    merged = merge(parts)
    check_sound(merged)
    assert merged.crs == UTM
    assert merged.summary["components"] == 1
    whole, _ = network_of(town, 0, 600)
    assert merged.edges.length_m.sum() == pytest.approx(whole.length_m.sum(), rel=0.01)


def test_road_only_the_second_scene_has_is_tied_to_the_first(draw_roads):
    street = [(-20, 100), (620, 100)]
    first = network_of(draw_roads([street], (400, 600)), 0, 600)
    side_road = [(300, 100), (310, 300)]
    second = network_of(draw_roads([street, side_road], (400, 600)), 0, 600)
    merged = merge([first, second])
    check_sound(merged)
    assert sorted(merged.nodes.kind) == ["border", "border", "end", "junction"]
    assert merged.edges.length_m.sum() == pytest.approx(second[0].length_m.sum(), abs=3)


def test_road_that_begins_beside_a_junction_is_tied_to_the_junction(draw_roads):
    street = [(-20, 200), (620, 200)]
    first = network_of(draw_roads([street, [(300, 200), (300, 420)]], (400, 600)), 0, 600)
    second = network_of(draw_roads([street, [(306, 200), (306, -20)]], (400, 600)), 0, 600)
    merged = merge([first, second])
    check_sound(merged)
    assert sorted(merged.nodes.degree) == [1, 1, 1, 1, 4]


def test_crossing_only_the_second_scene_has_becomes_a_junction(draw_roads):
    first = network_of(draw_roads([[(-20, 200), (620, 200)]], (400, 600)), 0, 600)
    second = network_of(draw_roads([[(300, -20), (300, 420)]], (400, 600)), 0, 600)
    merged = merge([first, second])
    check_sound(merged)
    assert merged.summary["components"] == 1
    assert merged.nodes.degree.max() >= 3


def test_network_merged_with_itself_is_itself(town):
    network = network_of(town, 0, 600)
    merged = merge([network, network])
    assert merged.edges.geometry.to_wkb().tolist() == network[0].geometry.to_wkb().tolist()
    assert merged.edges.prob_mean.tolist() == network[0].prob_mean.tolist()


def test_empty_scene_adds_nothing(town):
    network, empty = network_of(town, 0, 300), network_of(np.zeros_like(town), 0, 300)
    for order in ([network, empty], [empty, network]):
        merged = merge(order)
        assert len(merged.edges) == len(network[0])
    assert len(merge([empty, empty]).edges) == 0


def test_attributes_of_joined_lines_are_weighted_means(draw_roads):
    image = draw_roads([[(-20, 100), (620, 100)]], (200, 600), value=254)
    image[:, 400:][image[:, 400:] > 0] = 127
    merged = merge([network_of(image, 0, 400), network_of(image, 400, 600)])
    assert len(merged.edges) == 1
    assert merged.edges.prob_mean[0] == pytest.approx((2 * 1 + 0.5) / 3, abs=0.01)
    assert merged.edges.prob_min[0] == 0.5


def test_files_are_merged_and_others_refused(town, tmp_path):
    paths = []
    for k, (begin, end) in enumerate([(0, 300), (300, 600)]):
        transform = Affine(1, 0, 400_000 + begin, 0, -1, 5_600_000)
        network = vectorize(ArraySource(town[:, begin:end], transform, UTM), config=CONFIG)
        paths.append(write_network(network, tmp_path / f"{k}.gpkg", provenance={}))
    merged = merge(paths)
    assert merged.summary["components"] == 1
    write_network(merged, tmp_path / "all.gpkg", provenance={})
    (tmp_path / "no.gpkg").write_text("no")
    with pytest.raises(NetworkError, match="is not a road network"):
        merge([paths[0], tmp_path / "no.gpkg"])


def straight(y=0.0, *, x=400_000.0, crs=32633, **columns):
    """Return edges of one road of 200 m, as frames of roadex have them."""
    line = shapely.LineString([(x, 5_600_000 + y), (x + 200, 5_600_000 + y)])
    data = {"width_m": [6.0], "prob_mean": [0.9], "prob_min": [0.8], "bridged": [0.0]}
    return gpd.GeoDataFrame(data | columns, geometry=[line], crs=crs)


def network_file(path, edges, nodes):
    edges.to_file(path, layer="road_edges", driver="GPKG")
    nodes.to_file(path, layer="road_nodes", driver="GPKG")
    return path


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e, n: (e.drop(columns=["u", "length_m"]), n), "lacks columns length_m, u"),
        (lambda e, n: (e, n.drop(columns="kind")), "lacks columns kind"),
        (lambda e, n: (e.set_crs(None, allow_override=True), n), "has no CRS"),
        (lambda e, n: (e, n.to_crs(4326)), "edges and nodes have different CRS"),
    ],
)
def test_tables_that_lack_something_are_refused(change, said, town, tmp_path):
    with pytest.raises(NetworkError, match=said):
        read_tables(network_file(tmp_path / "a.gpkg", *change(*network_of(town, 0, 200))))


def test_multi_part_lines_are_taken_apart_and_kept():
    edges = straight()
    parts = [edges.geometry[0], shapely.LineString([(400_500, 5_600_000), (400_600, 5_600_000)])]
    edges = edges.set_geometry([shapely.MultiLineString(parts)], crs=32633)
    merged = merge([edges, straight(900)])
    assert merged.edges.length_m.sum() == pytest.approx(500, rel=1e-3)
    check_sound(merged)


@pytest.mark.parametrize(
    "geometry",
    [None, shapely.LineString(), shapely.Point(400_000, 5_600_000),
     "not finite"],
    ids=["null", "empty", "point", "not finite"],
)  # fmt: skip
def test_what_is_no_line_is_left_out_and_said(geometry):
    if geometry == "not finite":
        with np.errstate(invalid="ignore"):
            geometry = shapely.LineString([(400_000, np.nan), (400_100, 5_600_000)])
    edges = pd.concat([straight(), straight(500)], ignore_index=True)
    edges = edges.set_geometry([geometry, edges.geometry[1]], crs=32633)
    merged = merge([edges, straight(900)])
    assert merged.edges.length_m.sum() == pytest.approx(400, rel=1e-3)
    assert np.isfinite(merged.edges.total_bounds).all()
    assert any("left out" in note for note in merged.summary["notes"])


def test_heights_are_dropped():
    edges = straight()
    edges = edges.set_geometry(shapely.force_3d(edges.geometry.to_numpy(), 7.0), crs=32633)
    assert not merge([edges, straight(900)]).edges.has_z.any()


def test_network_without_crs_is_refused():
    with pytest.raises(NetworkError, match="has no CRS"):
        merge([straight(crs=None), straight()])


def test_network_on_another_side_of_the_earth_is_refused():
    with pytest.raises(NetworkError, match="degrees of longitude"):
        merge([straight(), straight(crs=32610)])


def test_web_mercator_is_not_taken_for_metres(tmp_path):
    # 8 m apart on the ground at 50.5 degrees north are 12.6 m in Web Mercator.
    far, near = straight(), straight(4.0)
    merged = merge([far.to_crs(3857), near.to_crs(3857)], config=MergeConfig(same_road_m=5))
    assert len(merged.edges) == 1


def test_distances_of_networks_in_degrees_are_measured_in_their_own_zone():
    config = MergeConfig(same_road_m=5)
    for apart, n_edges in ((4.9, 1), (5.1, 2)):
        pair = [straight(y, crs=32660).to_crs(4326) for y in (0, apart)]
        assert len(merge(pair, config=config).edges) == n_edges


def test_edges_say_which_scene_they_are_from(tmp_path):
    for name, y in (("east", 0), ("west", 700)):
        folder = tmp_path / name
        folder.mkdir()
        network = merge([straight(y, scene=["first" if y == 0 else "second"])])
        write_network(network, folder / "roads.gpkg", provenance={})
    merged = merge([tmp_path / "east" / "roads.gpkg", tmp_path / "west" / "roads.gpkg"])
    assert sorted(merged.edges.scene) == ["first", "second"]
    again = merge([straight(), straight(900)])
    assert sorted(again.edges.scene) == ["network 1", "network 2"]


def test_one_network_gets_its_topology_anew():
    # As QGIS leaves it: a line split in two, both parts with the attributes of the whole.
    first = shapely.LineString([(400_000, 5_600_000), (400_100, 5_600_000)])
    second = shapely.LineString([(400_100, 5_600_000), (400_200, 5_600_000)])
    edges = pd.concat([straight(), straight()], ignore_index=True).set_geometry(
        [first, second], crs=32633
    )
    merged = merge([edges])
    assert len(merged.edges) == 1
    assert merged.edges.length_m[0] == pytest.approx(200, rel=1e-3)


def test_confidence_of_joined_lines_is_their_weighted_mean():
    x = np.array([400_000, 400_100, 400_300])
    lines = [shapely.LineString([(a, 5_600_000), (b, 5_600_000)]) for a, b in pairwise(x)]
    edges = gpd.GeoDataFrame({"confidence": [0.9, 0.6]}, geometry=lines, crs=32633)
    (merged,) = merge([edges]).edges.itertuples()
    assert merged.confidence == pytest.approx((100 * 0.9 + 200 * 0.6) / 300, abs=1e-3)


def test_frames_without_measured_columns_are_merged():
    edges = straight()[["geometry"]]
    merged = merge([edges, straight(900)])
    assert merged.edges.width_m.isna().sum() == 1


@pytest.mark.slow
def test_time_of_merging_grows_with_the_number_of_scenes():
    import time

    def row(n):
        return [
            pd.concat([straight(y * 60.0, x=400_000 + 200 * i) for y in range(40)])
            for i in range(n)
        ]

    seconds = []
    for n in (8, 32):
        networks = row(n)
        began = time.process_time()
        merge(networks)
        seconds.append(time.process_time() - began)
    assert seconds[1] < 8 * seconds[0]  # four times the scenes; it had been sixteen times the time
