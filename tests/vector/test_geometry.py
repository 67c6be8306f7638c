import numpy as np
import pytest
import shapely
from scipy.ndimage import gaussian_filter
from shapely.ops import substring

from roadex.config import VectorConfig
from roadex.network.smoothing import find_crossing_lines
from roadex.network.vectorize import vectorize

CONFIG = VectorConfig(low=0.5, high=0.5, min_component_m=20)
TRIM = 20.0


def smooth_curve(rng):
    heading = np.cumsum(np.repeat(rng.normal(0, 0.009, 30), 20)) + rng.uniform(0, 6.28)
    return np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)


def stairs_of_streets(rng):
    turn = np.where(np.arange(6) % 2, 1, -1) * np.pi / 2 * rng.uniform(0.9, 1.1, 6)
    heading = rng.uniform(0, 6.28) + np.cumsum(turn)
    steps = rng.uniform(60, 140, (6, 1)) * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    return np.cumsum(steps, axis=0)


def ragged(road, rng):
    """Return probability as a network gives it: soft edges, wavy outline."""
    noise = gaussian_filter(rng.normal(size=road.shape), 2)
    soft = gaussian_filter((road > 0).astype(float), 1.2)
    return (254 * (soft + 0.12 * noise / noise.std() * (soft > 0.02))).clip(0, 254).astype(np.uint8)


def compare(kind, seeds, draw_roads, make_source):
    """Return length over true length and mean offset in pixels over several roads."""
    lengths, true_lengths, offsets = [], [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        points = kind(rng)
        points += 30 - points.min(axis=0)
        truth = shapely.LineString(points)
        if shapely.buffer(truth, 16).interiors or not truth.is_simple:
            continue
        shape = tuple((points.max(axis=0) + 30).astype(int)[::-1])
        image = ragged(draw_roads([points], shape, width=rng.uniform(6, 14)), rng)
        network = vectorize(make_source(image), config=CONFIG)
        assert len(network.edges) == 1
        x, y = shapely.get_coordinates(network.edges.geometry.iloc[0]).T
        line = shapely.LineString(np.stack([x - 400_000, 5_600_000 - y], axis=1))
        middle = substring(truth, TRIM, truth.length - TRIM)
        ends = sorted(line.project(shapely.Point(middle.coords[k])) for k in (0, -1))
        found = substring(line, *ends)
        along = shapely.line_interpolate_point(found, np.arange(found.length))
        lengths.append(found.length)
        true_lengths.append(middle.length)
        offsets.append(shapely.distance(along, truth).mean())
    assert len(lengths) >= 5
    return sum(lengths) / sum(true_lengths), np.mean(offsets)


@pytest.mark.parametrize("kind", [smooth_curve, stairs_of_streets])
def test_length_and_place_of_generated_roads(kind, draw_roads, make_source):
    ratio, offset = compare(kind, range(12), draw_roads, make_source)
    assert ratio == pytest.approx(1, abs=0.005)
    assert offset < 0.5


def test_right_angle_stays_a_corner(draw_roads, make_source):
    image = draw_roads([[(20, 100), (120, 100), (120, 200)]], (220, 200), width=9)
    line = vectorize(make_source(image), config=CONFIG).edges.geometry.iloc[0]
    corner = shapely.Point(400_120, 5_599_900)
    assert shapely.distance(shapely.MultiPoint(line.coords), corner) < 1.0
    assert len(line.coords) <= 5


def test_round_bend_does_not_become_a_corner(draw_roads, make_source):
    angle = np.linspace(0, np.pi / 2, 40)
    bend = list(zip(60 + 40 * np.sin(angle), 140 - 40 * np.cos(angle), strict=True))
    image = draw_roads([[(10, 100), *bend, (100, 230)]], (240, 200), width=8)
    line = vectorize(make_source(image), config=CONFIG).edges.geometry.iloc[0]
    ring = shapely.Point(400_060, 5_599_860)
    distances = shapely.distance(shapely.points(line.coords), ring)
    assert distances[distances < 60].max() < 42.5


def test_crossing_lines_are_found():
    lines = shapely.from_wkt(
        ["LINESTRING (0 0, 9 9)", "LINESTRING (9 9, 20 9)", "LINESTRING (0 5, 9 0)",
         "LINESTRING (30 0, 40 9, 40 0, 30 9)"]
    )  # fmt: skip
    assert find_crossing_lines(lines).tolist() == [0, 2, 3]


def test_tangles_of_lines_are_drawn_without_crossings(make_source):
    n_redrawn = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        noise = gaussian_filter(rng.normal(size=(200, 200)), 1.2)
        image = np.where(noise > 0, 220, 0).astype(np.uint8)
        network = vectorize(
            make_source(image), config=VectorConfig(min_component_m=20, max_hole_m2=0)
        )
        n_redrawn += network.summary["redrawn_to_avoid_crossings"]
        assert len(find_crossing_lines(network.edges.geometry.values)) == 0
        assert network.edges.geometry.is_valid.all()
    assert n_redrawn > 0
