"""Laws that any network keeps, whatever it was made from."""

import os

import numpy as np
import pytest
import shapely

from roadex.config import VectorConfig
from roadex.network.smoothing import find_crossing_lines
from roadex.network.vectorize import vectorize
from roadex.probability.source import RasterSource


def check_laws(network):
    edges, nodes = network.edges, network.nodes
    lines, points = edges.geometry.to_numpy(), nodes.geometry.to_numpy()
    assert edges.geometry.is_valid.all()
    assert (edges.length_m > 0).all()
    near, other = shapely.STRtree(points).query(points, predicate="dwithin", distance=1e-6)
    assert (near == other).all()
    for end, column in ((0, "u"), (-1, "v")):
        ends = shapely.get_point(lines, end)
        assert (shapely.to_wkb(ends) == shapely.to_wkb(points[edges[column]])).all()
    # A dead end that touches another line was meant to be joined to it.
    loose = nodes.index[nodes.degree == 1]
    which, touched = shapely.STRtree(lines).query(points[loose], predicate="dwithin", distance=0.1)
    own = edges[["u", "v"]].to_numpy()[touched]
    assert (own == loose.to_numpy()[which][:, None]).any(axis=1).all()
    assert (nodes.kind[nodes.degree == 2] == "loop").all()
    counted = np.bincount(edges[["u", "v"]].to_numpy().ravel(), minlength=len(nodes))
    assert counted.tolist() == nodes.degree.tolist()
    assert edges.set_index(["u", "v", "key"]).index.is_unique
    assert edges.bridged.between(0, 1).all()
    assert edges.prob_min.le(edges.prob_mean).all()
    assert len(find_crossing_lines(lines)) == 0


@pytest.mark.parametrize("seed", range(16))
def test_networks_of_random_masks_keep_the_laws(seed, make_blobs, make_source):
    image = make_blobs(seed)
    check_laws(vectorize(make_source(image), config=VectorConfig(min_component_m=10)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_networks_of_many_random_masks_keep_the_laws(seed, make_blobs, make_source):
    rng = np.random.default_rng(seed)
    config = VectorConfig(
        low=0.5,
        high=0.5 + 0.2 * rng.random(),
        max_road_width_m=rng.uniform(6, 60),
        min_component_m=rng.uniform(0, 30),
        min_spur_m=rng.uniform(0, 20),
        max_gap_m=rng.uniform(0, 40),
        snap_gap_m=rng.uniform(0, 10),
    )
    image = make_blobs(2000 + seed)
    whole = vectorize(make_source(image), config=config)
    check_laws(whole)
    tiled = vectorize(make_source(image), config=config, tile_size=int(rng.integers(20, 120)))
    assert tiled.edges.to_wkb().to_csv() == whole.edges.to_wkb().to_csv()


@pytest.mark.real
@pytest.mark.slow
def test_network_of_a_real_scene_keeps_the_laws():
    if "ROADEX_TEST_PROBABILITY" not in os.environ:
        pytest.skip("ROADEX_TEST_PROBABILITY names no road probability of a real scene")
    source = RasterSource.open(os.environ["ROADEX_TEST_PROBABILITY"])
    network = vectorize(source, config=VectorConfig())
    assert len(network.edges) > 0
    check_laws(network)
