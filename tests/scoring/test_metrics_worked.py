"""Line metrics by worked examples: what was found, where, and how it hangs together."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from roadex.scoring.metrics import cycles, load_metric
from roadex.scoring.metrics.junctions import match_points
from roadex.scoring.metrics.lines import LineNetwork
from tests.scoring.networks import CONFIG, grid, moved, network, vegas


def test_half_found_with_a_false_road():
    truth = network([(0, 0), (200, 0)])
    prediction = network([(0, 2), (100, 2)], [(0, 300), (50, 300)])
    scores = load_metric("completeness").measure(prediction, truth, CONFIG)
    # Matched truth reaches a little past the end of the found road: sqrt(5^2 - 2^2) = 4.6 m.
    assert scores["completeness"] == pytest.approx(104.6 / 200, abs=0.005)
    assert scores["correctness"] == pytest.approx(100 / 150)
    assert scores["quality"] == pytest.approx(100 / (150 + 95.4), abs=0.005)
    assert scores["rms_m"] == pytest.approx(2)
    assert scores["gaps_per_km"] == 5
    assert scores["mean_gap_m"] == pytest.approx(95.4, abs=1)


def test_road_found_twice_is_redundant():
    truth = network([(0, 0), (200, 0)])
    prediction = network([(0, 1), (200, 1)], [(0, -1), (200, -1)])
    scores = load_metric("completeness").measure(prediction, truth, CONFIG)
    assert scores["redundancy"] == pytest.approx(0.5)
    assert scores["lines_per_road"] == pytest.approx(2)
    assert scores["completeness"] == scores["correctness"] == 1


def test_lines_per_road_counts_only_roads_that_were_found():
    truth = network([(0, 0), (200, 0)], [(0, 500), (200, 500)])
    prediction = network([(0, 1), (200, 1)], [(0, -300), (200, -300)])
    scores = load_metric("completeness").measure(prediction, truth, CONFIG)
    assert scores["lines_per_road"] == pytest.approx(1)


def test_zigzag_is_what_lines_turn_to_and_fro():
    truth = network([(0, 0), (200, 0)])
    # Every 10 m a metre aside: half a turn of 2 x 5.71 degrees there and back.
    points = [(10 * k, k % 2) for k in range(21)]
    scores = load_metric("zigzag").measure(network(points), truth, CONFIG)
    per_turn = 2 * np.degrees(np.arctan(0.1))
    length_m = 20 * np.hypot(10, 1)
    assert scores["turn_deg_per_100m"] == pytest.approx(19 * per_turn * 100 / length_m, rel=0.02)
    assert scores["true_turn_deg_per_100m"] == 0


@pytest.mark.parametrize("n_points", [2, 50, 777])
def test_zigzag_does_not_depend_on_how_many_points_draw_a_line(n_points):
    angle = np.linspace(0, np.pi / 2, 4)
    arc = shapely.LineString(np.stack([np.cos(angle), np.sin(angle)], axis=1) * 100)
    places = shapely.line_interpolate_point(arc, np.linspace(0, arc.length, 3 * n_points + 1))
    drawn = network(shapely.get_coordinates(places))
    found = load_metric("zigzag").measure(drawn, network([(0, 0), (9, 0)]), CONFIG)
    assert found["turn_deg_per_100m"] == pytest.approx(60 * 100 / arc.length, rel=0.1)


def test_two_edges_do_not_turn_from_one_to_the_other():
    lines = network([(0, 0), (100, 0)], [(100, 0), (100, 100)], [(100, 0), (200, -100)])
    found = load_metric("zigzag").measure(lines, lines, CONFIG)
    assert found["turn_deg_per_100m"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("shift", "expected"), [(4.9, 1.0), (5.1, 0.0)])
def test_lines_may_be_off_by_the_buffer(shift, expected):
    truth, prediction = network([(0, 0), (300, 0)]), network([(0, shift), (300, shift)])
    scores = load_metric("completeness").measure(prediction, truth, CONFIG)
    assert scores["completeness"] == scores["correctness"] == expected


@pytest.mark.parametrize(("angle_deg", "expected"), [(0, 1.0), (29, 1.0), (31, 0.0), (90, 0.0)])
def test_lines_must_have_the_heading(angle_deg, expected):
    truth = network([(-4, 0), (4, 0)])
    angle = np.radians(angle_deg)
    end = np.array([np.cos(angle), np.sin(angle)]) * 4
    scores = load_metric("completeness").measure(network([-end, end]), truth, CONFIG)
    assert scores["correctness"] == expected


def test_swapping_the_sides_swaps_completeness_and_correctness():
    gt, prop = (LineNetwork.from_lines(vegas(side)) for side in ("gt", "prop"))
    metric = load_metric("completeness")
    forward, backward = metric.measure(prop, gt, CONFIG), metric.measure(gt, prop, CONFIG)
    assert forward["completeness"] == backward["correctness"]
    assert forward["correctness"] == backward["completeness"]


def test_junction_displaced_within_and_beyond_the_radius():
    cross = [[(0, 0), (50, 0)], [(50, 0), (100, 0)], [(50, 0), (50, 50)]]
    truth = network(*cross)
    for shift, expected in ((7.9, 1), (8.1, 0)):
        prediction = LineNetwork.from_lines(moved(truth.lines, shift, 0))
        scores = load_metric("junctions").measure(prediction, truth, CONFIG)
        assert scores["junction_f1"] == expected
        assert scores["junction_offset_m"] == pytest.approx(shift * expected)
    x = network(*cross, [(50, 0), (50, -50)])
    scores = load_metric("junctions").measure(x, truth, CONFIG)
    assert (scores["junction_f1"], scores["junction_degree_agreement"]) == (1, 0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_matching_is_the_best_assignment(seed):
    rng = np.random.default_rng(seed)
    a, b = (rng.random((rng.integers(0, 12), 2)) * 30 for _ in range(2))
    pairs, distance = match_points(a, b, 8)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    assert (distance <= 8).all()
    table = np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1)) if len(a) and len(b) else None
    if table is not None:
        cost = np.where(table <= 8, table, 1e6)
        oracle = cost[linear_sum_assignment(cost)]
        oracle = oracle[oracle < 1e6]
        assert len(oracle) == len(pairs)
        assert distance.sum() == pytest.approx(oracle.sum())


def test_detours_short_cuts_and_breaks_are_told_apart():
    square = [[(0, 0), (200, 0)], [(200, 0), (200, 200)], [(200, 200), (0, 200)]]
    closing = [(0, 200), (0, 0)]
    whole, open_ = network(*square, closing), network(*square)
    path_lengths = load_metric("path_lengths")
    detour = path_lengths.measure(open_, whole, CONFIG)
    assert detour["paths_too_long"] > 0.05
    assert detour["paths_too_short"] == 0
    assert path_lengths.measure(whole, open_, CONFIG)["paths_too_short"] > 0.05
    broken = path_lengths.measure(network(square[0], square[2]), open_, CONFIG)
    assert broken["paths_missing"] > 0.5
    for scores in (detour, broken):
        assert sum(scores.values()) == pytest.approx(1)


def test_cycles_count_components_and_loops():
    assert cycles.betti_numbers(LineNetwork.from_lines(grid(4))) == (1, 9)
    parallel = network([(0, 0), (9, 0)], [(0, 0), (5, 5), (9, 0)], [(50, 0), (60, 0)])
    assert cycles.betti_numbers(parallel) == (2, 1)
