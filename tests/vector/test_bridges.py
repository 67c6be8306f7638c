"""Gaps that are bridged, and those that are not."""

import numpy as np
import pytest

from roadex.config import VectorConfig
from roadex.network.cleaning import cheapest_way
from roadex.network.vectorize import vectorize


def kinds(network):
    return network.nodes.kind.value_counts().to_dict()


def test_side_road_with_a_short_gap_is_joined(draw_roads, network_of):
    lines = [[(10, 100), (190, 100)], [(100, 109), (100, 190)]]  # 5 px from edge to edge
    network = network_of(draw_roads(lines, (200, 200), width=8))
    assert kinds(network) == {"end": 3, "junction": 1}
    assert (network.edges.bridged > 0).sum() == 1


def test_road_under_a_bridge_goes_on_behind_it(draw_roads, network_of):
    """From above a bridge is a crossing; its railings and shadow hide a stretch of the road below.

    Which road is on top cannot be seen in road probability, so the two share a node.
    """
    over, under = [(10, 100), (190, 100)], [[(100, 10), (100, 91)], [(100, 109), (100, 190)]]
    network = network_of(draw_roads([over, *under], (200, 200), width=8))
    assert kinds(network) == {"end": 4, "junction": 1}
    assert network.nodes.degree.max() == 4
    assert (network.edges.bridged > 0).sum() == 2


@pytest.mark.parametrize(
    ("gap_px", "value", "is_bridged"),
    [(5, 0, True), (20, 60, True), (20, 0, False), (115, 60, False)],
)
def test_gap_is_bridged_if_short_or_probable(gap_px, value, is_bridged, draw_roads, network_of):
    image = draw_roads([[(10, 100), (390, 100)]], (200, 400), width=8)
    image[90:110, 150 : 150 + gap_px] = np.minimum(image[90:110, 150 : 150 + gap_px], value)
    network = network_of(image)
    assert len(network.edges) == (1 if is_bridged else 2)
    if is_bridged:
        share = gap_px / network.edges.length_m.iloc[0]
        assert network.edges.bridged.iloc[0] == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(("value", "is_joined"), [(2, False), (3, True), (4, True)])
def test_a_short_gap_beside_a_road_is_joined_where_something_is_seen(
    value, is_joined, draw_roads, network_of
):
    # Stored 2 is a probability below one hundredth: nothing.
    image = draw_roads([[(10, 100), (190, 100)], [(100, 10), (100, 84)]], (200, 200), width=8)
    image[84:96, 90:110] = value
    network = network_of(image)
    assert kinds(network).get("junction", 0) == is_joined


@pytest.mark.parametrize(("stripe", "bridged"), [(3, True), (12, True), (18, False)])
def test_nodata_is_bridged_over_a_snap_gap_only(draw_roads, network_of, stripe, bridged):
    image = draw_roads([[(10, 100), (290, 100)]], (200, 300), width=8)
    image[:, 150 : 150 + stripe] = 255
    edges = network_of(image).edges
    assert len(edges) == (1 if bridged else 2)
    assert (edges.bridged.max() > 0) == bridged
    assert (edges.prob_mean <= 1).all()


def test_a_step_costs_less_the_likelier_a_road_and_nodata_as_much_as_nothing():
    costs = cheapest_way.step_costs()
    assert costs[255] == costs[0] == costs.max()
    assert (np.diff(costs[:255]) <= 0).all()
    assert costs[254] == pytest.approx(cheapest_way.STEP_COST)


def test_bridges_are_the_same_for_any_grouping(draw_roads, make_source, monkeypatch):
    rng = np.random.default_rng(3)
    lines = [[(10, k), (390, k + 30)] for k in range(20, 360, 40)]
    image = draw_roads(lines, (400, 400), width=7)
    image = np.where(rng.random((40, 40)).repeat(10, 0).repeat(10, 1) < 0.1, image // 4, image)
    results = []
    for side in (4096, 64, 45):
        monkeypatch.setattr("roadex.network.cleaning.bridge_tasks._TASK_SIDE", side)
        network = vectorize(make_source(image), config=VectorConfig())
        results.append((network.edges.to_wkb().to_csv(), network.nodes.to_wkb().to_csv()))
    assert results[0] == results[1] == results[2]
    assert network.summary["bridged_km"] > 0


def test_roads_that_end_side_by_side_are_not_joined(draw_roads, network_of):
    lines = [[(10, 100), (100, 100)], [(20, 114), (104, 114)]]
    assert len(network_of(draw_roads(lines, (200, 200), width=7)).edges) == 2
