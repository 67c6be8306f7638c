"""Laws and worked examples of the metrics on masks and probability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from roadex.config import ScoreConfig
from roadex.scoring.metrics import PIXEL_METRICS, load_metric
from roadex.scoring.metrics.betti import betti_numbers
from roadex.scoring.metrics.confusion import Confusion
from roadex.scoring.metrics.iou import accumulated_iou, mean_iou
from roadex.scoring.metrics.relaxed import dilate
from roadex.scoring.metrics.windows import PixelWindow, road_level, whole_window

CONFIG = ScoreConfig(tile_size=16, betti_window_px=8)
MASKS = arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))
IS_ERROR = {"betti0_error", "betti1_error", "ece", "brier"}
IS_THRESHOLD = {"relaxed_break_even_threshold", "best_iou_threshold"}


def scores(name, prediction, truth, probability=None, config=CONFIG):
    window = whole_window(prediction, truth, probability=probability)
    return load_metric(name).count(window, config).scores()


def sure(mask):
    return mask.astype(np.float32)


def cut(window, halo, size):
    """The window in tiles of ``size``, each with its context."""
    height, width = window.truth.shape
    for row in range(0, height, size):
        for col in range(0, width, size):
            top, left = max(0, row - halo), max(0, col - halo)
            rows, cols = slice(top, row + size + halo), slice(left, col + size + halo)
            core = (
                slice(row - top, min(row + size, height) - top),
                slice(col - left, min(col + size, width) - left),
            )
            parts = (array[rows, cols] for array in window[:3])
            yield PixelWindow(*parts, core, window.level[rows, cols])


# The family's contract: every pixel metric, also one that is added later.


@pytest.mark.parametrize("name", PIXEL_METRICS)
@pytest.mark.parametrize("road", ["none", "all", "line"])
def test_perfect_prediction_has_the_best_score(name, road):
    truth = np.full((20, 20), road == "all")
    truth[8:11] |= road == "line"
    for score, value in scores(name, truth, truth, sure(truth)).items():
        if score not in IS_THRESHOLD:
            assert value == (0 if score in IS_ERROR else 1), score


@pytest.mark.parametrize("name", PIXEL_METRICS)
@pytest.mark.parametrize("side", ["prediction", "truth"])
def test_road_on_one_side_only_is_finite(name, side):
    road, nothing = np.ones((12, 12), bool), np.zeros((12, 12), bool)
    prediction, truth = (road, nothing) if side == "prediction" else (nothing, road)
    for score, value in scores(name, prediction, truth, sure(prediction)).items():
        assert np.isfinite(value), score
        if score in ("iou", "precision", "recall", "f1", "relaxed_f1", "cldice", "ece"):
            assert value == (1 if score in IS_ERROR else 0), score


@pytest.mark.parametrize("name", PIXEL_METRICS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_counts_of_tiles_add_up_to_the_whole(name, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    shape = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    smooth = ndimage.gaussian_filter(rng.random((2, *shape)), (0, 2, 2))
    probability = smooth[0].astype(np.float32)
    truth, valid = smooth[1] > 0.5, rng.random(shape) > 0.1
    window = whole_window(probability >= 0.5, truth, valid=valid, probability=probability)
    metric = load_metric(name)
    parts = [metric.count(tile, CONFIG) for tile in cut(window, metric.halo(CONFIG), 16)]
    total = parts[0]
    for part in parts[1:]:
        total += part
    expected = metric.count(window, CONFIG).scores()
    assert total.scores() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", PIXEL_METRICS)
def test_pixels_without_data_change_nothing(name):
    rng = np.random.default_rng(3)
    probability = rng.random((16, 16)).astype(np.float32)
    truth = rng.random((16, 16)) > 0.6
    valid = np.zeros((16, 16), bool)
    valid[:8] = True
    metric = load_metric(name)
    whole = whole_window(probability >= 0.5, truth, valid=valid, probability=probability)
    part = whole_window(probability[:8] >= 0.5, truth[:8], probability=probability[:8])
    config = ScoreConfig(betti_window_px=8, tile_size=8)
    whole_scores, part_scores = (metric.count(w, config).scores() for w in (whole, part))
    if name == "betti":  # windows without data count as windows
        whole_scores = {k: 2 * v for k, v in whole_scores.items()}
    assert whole_scores == pytest.approx(part_scores)


# IoU


def test_iou_worked_example_of_both_definitions():
    images = [Confusion(5, 0, 5, 90), Confusion(50, 0, 0, 50), Confusion(0, 0, 0, 100)]
    assert accumulated_iou(images) == pytest.approx(55 / 60)
    assert round(accumulated_iou(images), 4) == 0.9167
    assert round(mean_iou(images), 4) == 0.8333


@given(MASKS, st.integers(0, 2**32 - 1))
def test_accumulated_f1_is_a_function_of_iou(truth, seed):
    prediction = np.random.default_rng(seed).random(truth.shape) > 0.5
    counts = Confusion.of(prediction, truth)
    assert counts.f1 == pytest.approx(2 * counts.iou / (1 + counts.iou))
    assert counts.n_pixels == truth.size


@given(MASKS, st.integers(0, 2**32 - 1))
def test_swapping_the_sides_swaps_precision_and_recall(truth, seed):
    prediction = np.random.default_rng(seed).random(truth.shape) > 0.5
    forward, backward = Confusion.of(prediction, truth), Confusion.of(truth, prediction)
    assert (forward.iou, forward.f1) == (backward.iou, backward.f1)
    assert (forward.precision, forward.recall) == (backward.recall, backward.precision)


def test_no_images_score_one():
    assert accumulated_iou([]) == mean_iou([]) == 1


# Relaxed


@given(MASKS, st.integers(0, 6))
def test_disc_dilation_is_euclidean_distance(mask, radius):
    distance = ndimage.distance_transform_edt(~mask)
    near = distance <= radius if mask.any() else np.zeros_like(mask)
    np.testing.assert_array_equal(dilate(mask, radius), near)


def test_dilation_of_levels_is_grey_dilation():
    rng = np.random.default_rng(1)
    level = rng.integers(0, 255, (30, 20)).astype(np.uint8)
    y, x = np.mgrid[-3:4, -3:4]
    oracle = ndimage.grey_dilation(level, footprint=x * x + y * y <= 9, mode="constant")
    np.testing.assert_array_equal(dilate(level, 3), oracle)


@pytest.mark.parametrize(("shift", "expected"), [(0, 1.0), (3, 1.0), (4, 0.0)])
def test_relaxed_score_tolerates_a_shift_by_the_radius(shift, expected):
    truth = np.zeros((20, 40), bool)
    truth[5] = True
    found = scores("relaxed", np.roll(truth, shift, axis=0), truth)
    assert found["relaxed_f1"] == expected


def test_break_even_is_where_precision_and_recall_meet():
    # Four true pixels with p .9 .7 .5 .3; false ones (far away) with p .8 .6 .4.
    probability = np.zeros((1, 200), np.float32)
    probability[0, [10, 20, 30, 40]] = 0.9, 0.7, 0.5, 0.3
    probability[0, [110, 120, 130]] = 0.8, 0.6, 0.4
    truth = np.zeros((1, 200), bool)
    truth[0, [10, 20, 30, 40]] = True
    config = ScoreConfig(relaxed_radius_px=0)
    window = whole_window(probability > 0.5, truth, probability=probability)
    found = load_metric("relaxed_curve").count(window, config).scores()
    # With t in (.6, .7] precision is 2/3 and recall 1/2; with t in (.5, .6] both are 1/2.
    assert found["relaxed_break_even"] == pytest.approx(0.5, abs=0.01)
    assert 0.5 < found["relaxed_break_even_threshold"] <= 0.7


def test_break_even_needs_something_predicted():
    # Every pixel has p = 0.5: above it nothing is predicted, below it everything.
    truth = np.zeros((10, 10), bool)
    truth[0] = True
    window = whole_window(truth, truth, probability=np.full((10, 10), 0.5, np.float32))
    metric = load_metric("relaxed_curve")
    found = metric.count(window, ScoreConfig(relaxed_radius_px=0)).scores()
    assert found["relaxed_break_even"] == pytest.approx(0.1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.25, 0.5, 0.9]))
def test_relaxed_curve_agrees_with_relaxed_masks(seed, threshold):
    rng = np.random.default_rng(seed)
    probability = rng.integers(0, 255, (24, 24)).astype(np.float32) / 254
    truth = rng.random((24, 24)) > 0.8
    mask = np.rint(probability * 254) >= road_level(threshold)
    plain = scores("relaxed", mask, truth)
    window = whole_window(mask, truth, probability=probability)
    _, precision, recall = load_metric("relaxed_curve").count(window, CONFIG).curve()
    i = road_level(threshold) - 1
    assert precision[i] == pytest.approx(plain["relaxed_precision"])
    assert recall[i] == pytest.approx(plain["relaxed_recall"])


# Thresholds and calibration


def test_threshold_curve_agrees_with_masks_at_every_level():
    rng = np.random.default_rng(0)
    probability = rng.integers(0, 255, (40, 40)).astype(np.float32) / 254
    truth = rng.random((40, 40)) < probability
    window = whole_window(probability >= 0.5, truth, probability=probability)
    curve = load_metric("thresholds").count(window, CONFIG).curve()
    for level in (0, 1, 100, 127, 254):
        counts = Confusion.of(np.rint(probability * 254) >= level, truth)
        assert curve.iou[level] == pytest.approx(counts.iou)
        assert curve.recall[level] == pytest.approx(counts.recall)


def test_honest_probability_is_calibrated_and_a_bold_one_is_not():
    rng = np.random.default_rng(5)
    probability = rng.random((300, 300)).astype(np.float32)
    truth = rng.random((300, 300)) < probability
    bold = np.where(probability > 0.5, 1, 0).astype(np.float32)
    honest = scores("calibration", probability > 0.5, truth, probability)
    assert honest["ece"] < 0.02
    assert honest["brier"] == pytest.approx(1 / 6, abs=0.01)
    assert scores("calibration", bold > 0.5, truth, bold)["ece"] == pytest.approx(0.25, abs=0.02)


# Topology


def test_cldice_forgives_width_and_punishes_gaps():
    thick, thin, broken = (np.zeros((40, 60), bool) for _ in range(3))
    thick[15:24], thin[18:21] = True, True
    broken[18:21] = True
    broken[:, 25:35] = False
    assert scores("cldice", thin, thick)["cldice"] > 0.9
    found = scores("cldice", broken, thick)
    assert found["topology_precision"] == 1
    assert found["topology_sensitivity"] < 0.9


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["...", "...", "..."], (0, 0)),
        (["#.#", "...", "#.#"], (4, 0)),
        (["#.#", ".#.", "#.#"], (1, 0)),
        ([".#.", "#.#", ".#."], (1, 1)),
        (["#####", "#.#.#", "#####"], (1, 2)),
        (["#######", "#.....#", "#.###.#", "#.....#", "#######"], (2, 1)),
    ],
)
def test_betti_numbers_count_pieces_and_holes(rows, expected):
    mask = np.array([[cell == "#" for cell in row] for row in rows])
    assert betti_numbers(mask) == expected


@given(MASKS)
def test_betti_numbers_agree_with_labelling_the_background(mask):
    holes = ndimage.label(np.pad(~mask, 1, constant_values=True))[1] - 1
    assert betti_numbers(mask)[1] == holes
