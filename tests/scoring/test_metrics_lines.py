"""The contract of metrics on line networks: every one, also one that is added later."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from roadex.scoring.metrics import LINE_METRICS, load_metric
from roadex.scoring.metrics.lines import LineNetwork
from tests.scoring.networks import CONFIG, grid, moved, vegas

BEST_IS_ZERO = {
    "components_error", "loops_error", "rms_m", "gaps_per_km", "mean_gap_m", "redundancy",
    "junction_offset_m", "paths_missing", "paths_too_long", "paths_too_short",
    "apls_standard_error",
}  # fmt: skip
BEST_IS_ONE = {
    "completeness", "correctness", "quality", "apls", "apls_gt", "apls_prop", "topo_precision",
    "topo_recall", "topo_f1", "junction_precision", "junction_recall", "junction_f1",
    "junction_degree_agreement", "paths_right",
}  # fmt: skip
HAS_NO_BEST = {
    "predicted_km", "true_km", "turn_deg_per_100m", "true_turn_deg_per_100m",
    "predicted_components", "true_components", "predicted_loops", "true_loops",
    "predicted_junctions", "true_junctions", "topo_starts", "topo_starts_paired",
    "topo_starts_kept", "apls_control_points_gt", "apls_control_points_prop", "apls_sources_gt",
    "apls_sources_prop", "lines_per_road",
}  # fmt: skip
"""Counts, what describes one of the two networks alone, and what is best in the middle."""


@pytest.mark.parametrize("name", LINE_METRICS)
def test_every_score_is_said_to_have_a_best_value_or_none(name):
    lines = LineNetwork.from_lines(grid())
    for score in load_metric(name).measure(lines, lines, CONFIG):
        assert (score in BEST_IS_ONE) + (score in BEST_IS_ZERO) + (score in HAS_NO_BEST) == 1, score


@pytest.mark.parametrize("name", LINE_METRICS)
def test_perfect_network_has_the_best_score(name):
    lines = LineNetwork.from_lines(grid())
    for score, value in load_metric(name).measure(lines, lines, CONFIG).items():
        if score in BEST_IS_ONE:
            assert value == pytest.approx(1, abs=1e-9), score
        if score in BEST_IS_ZERO:
            assert value == pytest.approx(0, abs=1e-9), score


@pytest.mark.parametrize("name", LINE_METRICS)
def test_disjoint_networks_score_zero(name):
    lines = LineNetwork.from_lines(grid())
    far = LineNetwork.from_lines(moved(grid(), 5000, 0))
    for score, value in load_metric(name).measure(far, lines, CONFIG).items():
        if score in BEST_IS_ONE:
            assert value == 0, score


@pytest.mark.parametrize("name", LINE_METRICS)
@pytest.mark.parametrize("sides", ["neither", "prediction", "truth"])
def test_empty_networks_have_finite_scores(name, sides):
    empty, lines = LineNetwork.from_lines([]), LineNetwork.from_lines(grid())
    prediction = lines if sides == "prediction" else empty
    truth = lines if sides == "truth" else empty
    scores = load_metric(name).measure(prediction, truth, CONFIG)
    assert np.isfinite(list(scores.values())).all()
    for score in BEST_IS_ONE & set(scores):
        assert scores[score] == (1 if sides == "neither" else 0), score


@pytest.mark.parametrize("name", LINE_METRICS)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1000))
def test_order_direction_and_vertices_of_features_change_nothing(name, seed):
    rng = np.random.default_rng(seed)
    gt, prop = vegas("gt"), vegas("prop")
    metric = load_metric(name)
    expected = metric.measure(LineNetwork.from_lines(prop), LineNetwork.from_lines(gt), CONFIG)
    mixed = [shapely.segmentize(lines[rng.permutation(len(lines))], 6.0) for lines in (prop, gt)]
    mixed = [
        np.where(rng.random(len(lines)) < 0.5, shapely.reverse(lines), lines) for lines in mixed
    ]
    found = metric.measure(*(LineNetwork.from_lines(lines) for lines in mixed), CONFIG)
    # A piece at the very limit of a tolerance may fall on either side of it.
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)
