import hashlib

import numpy as np
import pytest
import shapely

from roadex.config import VectorConfig
from roadex.network.vectorize import vectorize

CONFIG = VectorConfig(min_component_m=20)


def fingerprint(network):
    text = network.edges.drop(columns="geometry").to_csv()
    text += network.nodes.drop(columns="geometry").to_csv()
    digest = hashlib.sha256(text.encode())
    for frame in (network.edges, network.nodes):
        for wkb in shapely.to_wkb(frame.geometry.values):
            digest.update(wkb)
    return digest.hexdigest()


def shuffled_map(function, items):
    items = list(items)
    return [function(items[k]) for k in np.random.default_rng(1).permutation(len(items))]


def grid_of_streets(draw_roads):
    lines = [[(k, 5), (k + 20, 395)] for k in range(30, 380, 70)]
    lines += [[(5, k), (395, k + 15)] for k in range(40, 380, 60)]
    return draw_roads(lines, (400, 400), width=7)


def test_network_does_not_depend_on_tiles_and_order(draw_roads, make_source):
    source = make_source(grid_of_streets(draw_roads))
    prints = {
        fingerprint(vectorize(source, config=CONFIG, tile_size=size, map_tiles=mapping))
        for size in (4096, 200, 128, 77)
        for mapping in (map, shuffled_map)
    }
    assert len(prints) == 1


def test_lines_end_exactly_at_their_nodes(draw_roads, make_source):
    network = vectorize(make_source(grid_of_streets(draw_roads)), config=CONFIG)
    ends = {
        0: shapely.get_point(network.edges.geometry.values, 0),
        1: shapely.get_point(network.edges.geometry.values, -1),
    }
    for side, column in ((0, "u"), (1, "v")):
        nodes = network.nodes.geometry.values[network.edges[column]]
        assert (shapely.to_wkb(ends[side]) == shapely.to_wkb(nodes)).all()


def test_straight_road_has_its_length_and_width(draw_roads, make_source):
    image = draw_roads([[(20, 30), (220, 130)]], (160, 240), width=9)
    network = vectorize(make_source(image, gsd=0.5), config=CONFIG)
    assert len(network.edges) == 1
    edge = network.edges.iloc[0]
    # Thinning ends a line about half a width before the road does.
    assert edge.length_m == pytest.approx(np.hypot(200, 100) / 2, abs=6)
    assert edge.width_m == pytest.approx(4.5, abs=0.5)
    assert edge.prob_mean == pytest.approx(230 / 254, abs=1e-3)
    assert edge.sinuosity == pytest.approx(1, abs=2e-3)


def test_roads_that_leave_the_scene_reach_its_border(draw_roads, make_source):
    image = draw_roads([[(-20, 50), (220, 90)], [(100, 70), (110, 220)]], (200, 200), width=8)
    network = vectorize(make_source(image), config=CONFIG)
    assert sorted(network.nodes.kind) == ["border"] * 3 + ["junction"]


@pytest.mark.parametrize("value", [0, 255])
def test_uniform_scene_has_no_roads(value, make_source):
    image = np.full((300, 300), value, dtype=np.uint8)
    network = vectorize(make_source(image), config=CONFIG)
    assert len(network.edges) == len(network.nodes) == 0


@pytest.mark.parametrize("shape", [(300, 300), (300, 90), (70, 70)])
def test_scene_of_road_all_over_is_an_area(shape, make_source):
    network = vectorize(make_source(np.full(shape, 254, dtype=np.uint8)), config=CONFIG)
    assert len(network.edges) == len(network.nodes) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2)])
def test_smallest_scenes_go_through(shape, make_source):
    network = vectorize(make_source(np.full(shape, 254, dtype=np.uint8)), config=CONFIG)
    assert network.edges.geometry.is_valid.all()


def test_single_pixel_is_no_road(make_source):
    image = np.zeros((50, 50), dtype=np.uint8)
    image[20, 20] = 254
    assert len(vectorize(make_source(image), config=CONFIG).edges) == 0
