"""Networks as metrics see them: edges, places along them, paths."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, Point

from roadex.scoring.metrics.lines import LineNetwork, Segments
from roadex.scoring.metrics.paths import Locations, Router, control_points, snap
from tests.scoring.networks import network


def test_lines_meet_at_shared_vertices_and_cross_without():
    t_junction = network([(0, 0), (50, 0), (100, 0)], [(50, 0), (50, 30)])
    bridge = network([(0, 0), (100, 0)], [(50, -30), (50, 30)])
    assert (len(t_junction.u), sorted(t_junction.degrees)) == (3, [1, 1, 1, 3])
    assert (len(bridge.u), sorted(bridge.degrees)) == (2, [1, 1, 1, 1])


def test_twins_points_and_repeated_vertices_are_left_out():
    lines = LineNetwork.from_lines(
        [
            LineString([(0, 0), (1, 0), (1, 0), (2, 0)]),
            LineString([(2, 0), (1, 0), (0, 0)]),
            LineString([(5, 5), (5, 5)]),
            LineString(),
            MultiLineString([[(0, 9), (1, 9)], [(3, 9), (4, 9)]]),
        ]
    ).merge_degree_2()
    assert sorted(lines.lengths_m) == [1, 1, 2]


def test_what_is_no_line_is_refused():
    with pytest.raises(ValueError, match="needs lines, got POINT"):
        LineNetwork.from_lines([Point(0, 0)])
    with pytest.raises(ValueError, match="not finite"):
        LineNetwork.from_lines([LineString([(0, 0), (np.inf, 0)])])


def test_merging_keeps_junctions_rings_and_loops():
    ring = [(0, 0), (10, 0), (10, 10), (0, 0)]
    lines = network(ring[:3], ring[2:], [(50, 0), (60, 0)], [(60, 0), (70, 0), (65, 5), (60, 0)])
    merged = lines.merge_degree_2()
    assert sorted(merged.degrees) == [1, 2, 3]
    assert merged.lengths_m.sum() == pytest.approx(lines.lengths_m.sum())
    free = next(line for line in merged.lines if line.is_ring and line.length > 20)
    assert free.coords[0] == (0, 0)


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_places_along_edges_are_those_of_shapely(seed):
    rng = np.random.default_rng(seed)
    lines = network(*(rng.random((rng.integers(2, 6), 2)) * 100 for _ in range(4)))
    edge = rng.integers(0, len(lines.u), 20)
    along = rng.random(20) * lines.lengths_m[edge]
    xy, heading = Segments.of(lines).at(edge, along)
    oracle = shapely.get_coordinates(shapely.line_interpolate_point(lines.lines[edge], along))
    np.testing.assert_allclose(xy, oracle, atol=1e-9)
    np.testing.assert_allclose(np.hypot(*heading.T), 1)


def test_control_points_are_nodes_and_equal_parts():
    lengths = {30.0: 0, 37.5: 1, 50.0: 1, 50.1: 1, 100.0: 1, 101.0: 2, 400.0: 7}
    for length, n_inner in lengths.items():
        places = control_points(network([(0, 0), (length, 0)]), 50)
        inner = np.sort(places.along_m)[1:-1]
        assert len(inner) == n_inner, length
        np.testing.assert_allclose(inner, np.arange(1, n_inner + 1) * length / (n_inner + 1))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_router_agrees_with_a_dense_graph(seed):
    rng = np.random.default_rng(seed)
    xy = rng.integers(0, 6, (8, 2)) * 10.0
    pairs = rng.integers(0, 8, (12, 2))
    wiggle = rng.random((12, 2)) * 5
    middle = (xy[pairs[:, 0]] + xy[pairs[:, 1]]) / 2 + wiggle
    lines = network(*np.stack([xy[pairs[:, 0]], middle, xy[pairs[:, 1]]], axis=1))
    edge = rng.integers(0, len(lines.u), 10)
    places = Locations(edge, rng.random(10) * lines.lengths_m[edge])
    found = list(Router.of(lines).distances(places, np.arange(10)))
    np.testing.assert_allclose(found, _dense_distances(lines, places), atol=1e-9)


def _dense_distances(lines, places):
    """Floyd and Warshall over nodes and places, each place linked to the ends of its edge."""
    n = len(lines.xy)
    size = n + len(places.edge)
    distance = np.full((size, size), np.inf)
    np.fill_diagonal(distance, 0)

    def link(a, b, length):
        distance[a, b] = distance[b, a] = min(distance[a, b], length)

    for u, v, length in zip(lines.u, lines.v, lines.lengths_m, strict=True):
        link(u, v, length)
    for i, (edge, along) in enumerate(zip(*places, strict=True)):
        link(n + i, lines.u[edge], along)
        link(n + i, lines.v[edge], lines.lengths_m[edge] - along)
        for j in np.flatnonzero(places.edge == edge):
            link(n + i, n + j, abs(along - places.along_m[j]))
    for k in range(size):
        distance = np.minimum(distance, distance[:, [k]] + distance[[k], :])
    return distance[n:, n:]


def test_places_too_far_away_are_nowhere():
    lines = network([(0, 0), (100, 0)])
    found = snap(np.array([[50.0, 4.0], [50.0, 4.1], [-3.0, 0.0]]), lines, 4)
    assert found.edge.tolist() == [0, -1, 0]
    assert found.along_m[[0, 2]].tolist() == [50, 0]
