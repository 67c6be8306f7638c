"""Shapes as a mapper would draw them: kinds of roads over sizes, angles and places of tiles."""

import networkx as nx
import numpy as np
import pytest
import shapely
import shapely.affinity
from rasterio.features import rasterize
from scipy.ndimage import gaussian_filter

from roadex.config import VectorConfig
from roadex.network.issues import find_issues
from roadex.network.vectorize import vectorize

TILE_SIZES = (1000, 130)


def paint(shapes, shape, *, blur=0.8):
    """Return stored probability of ``(geometry, probability)``; later ones lie on top."""
    image = rasterize([(g, p) for g, p in shapes], out_shape=shape, dtype=np.float32)
    return np.rint(254 * gaussian_filter(image, blur)).astype(np.uint8)


def road(points, width):
    return shapely.LineString(points).buffer(width / 2, cap_style="flat")


def network_of(image, make_source):
    """Return edges, in pixels, and nodes; the same in tiles of any size."""
    found = [vectorize(make_source(image), config=VectorConfig(), tile_size=n) for n in TILE_SIZES]
    one, other = (shapely.to_wkb(network.edges.geometry.to_numpy()) for network in found)
    assert one.tolist() == other.tolist()
    edges, nodes = found[0].edges, found[0].nodes
    for frame in (edges, nodes):
        frame["geometry"] = shapely.transform(
            frame.geometry.to_numpy(), lambda xy: (xy - [400_000, 5_600_000]) * [1, -1]
        )
    return edges, nodes


def farthest(edges, truth):
    """Return the largest distance of the lines from the truth."""
    lines = edges.geometry.to_numpy()
    return max(
        shapely.distance(shapely.line_interpolate_point(x, np.arange(x.length)), truth).max()
        for x in lines
    )


def bend(radius, angle):
    """Return a road that turns by 90 degrees on an arc, rotated."""
    turns = np.linspace(0, np.pi / 2, 90)
    arc = np.stack([60 + radius * np.sin(turns), radius - radius * np.cos(turns)], axis=1)
    line = shapely.LineString([(0, 0), *arc.tolist(), (60 + radius, radius + 60)])
    line = shapely.affinity.rotate(line, angle, origin=(60, 0))
    return shapely.affinity.translate(line, 110.3, 110.6)


@pytest.mark.parametrize("angle", [0, 20, 45, 135])
@pytest.mark.parametrize(("width", "radius"), [(6, 10), (6, 12), (8, 12), (8, 25), (12, 25)])
def test_a_bend_wider_than_its_road_stays_a_curve(make_source, width, radius, angle):
    truth = bend(radius, angle)
    edges, _ = network_of(paint([(truth.buffer(width / 2), 0.9)], (300, 300)), make_source)
    assert len(edges) == 1
    assert farthest(edges, truth) <= 1.6


@pytest.mark.parametrize("shift", [0, 17])
@pytest.mark.parametrize(
    ("radius", "width", "arms"), [(6.5, 7, 4), (9, 8, 4), (9, 8, 3), (14, 7, 5)]
)
def test_a_roundabout_is_a_ring_or_one_junction(make_source, radius, width, arms, shift):
    centre = np.array([150.0 + shift, 150.0])
    ring = shapely.Point(centre).buffer(radius + width / 2)
    shapes = []
    for k in range(arms):
        turn = 2 * np.pi * k / arms + 0.3
        shapes.append(
            (road([centre, centre + 120 * np.array([np.cos(turn), np.sin(turn)])], 7), 0.9)
        )
    shapes += [(ring, 0.9), (shapely.Point(centre).buffer(radius - width / 2), 0)]
    edges, nodes = network_of(paint(shapes, (320, 340)), make_source)
    graph = nx.MultiGraph()
    graph.add_edges_from(zip(edges.u, edges.v, strict=True))
    near = nodes[nodes.distance(shapely.Point(centre)) < radius + 6]
    inside = graph.subgraph(near.node_id).number_of_edges()
    assert (len(near) == 1) or (len(near) == arms and inside == arms)
    assert (nodes.kind == "end").sum() == arms


@pytest.mark.parametrize("angle", [0, 30])
@pytest.mark.parametrize(("length", "gap"), [(4, 5), (5, 2.5), (9, 4)])
def test_cars_on_a_wide_road_make_no_ladder(make_source, length, gap, angle):
    def place(shape):
        return shapely.affinity.rotate(shape, angle, origin=(200, 150))

    cars = [
        (place(shapely.box(x, 149, x + length, 151.2)), 0.05)
        for x in np.arange(-60, 460, length + gap)
    ]
    truth = place(shapely.LineString([(-200, 150), (600, 150)]))
    edges, nodes = network_of(paint([(truth.buffer(11), 0.85), *cars], (300, 400)), make_source)
    assert len(edges) == 1
    assert nodes.kind.tolist() == ["border", "border"]
    assert farthest(edges, truth) <= 2.0
    assert edges.width_m[0] == pytest.approx(22, abs=1.5)
    assert edges.prob_mean[0] >= 0.7


@pytest.mark.parametrize(("width", "median"), [(20, 4), (24, 6), (30, 8)])
def test_a_shaded_median_does_not_take_the_road_away(make_source, width, median):
    truth = shapely.LineString([(-20, 150), (420, 160)])
    shapes = [(truth.buffer(width / 2), 0.85), (truth.buffer(median / 2), 0.42)]
    edges, nodes = network_of(paint(shapes, (300, 400)), make_source)
    assert len(edges) in (1, 2)
    assert not (nodes.kind == "end").any()
    assert edges.prob_mean.min() >= 0.6


@pytest.mark.parametrize("legs", [16, 24, 30])
@pytest.mark.parametrize("shade", [0.10, 0.15])
def test_hairpins_are_bridged_where_they_are_seen(make_source, legs, shade):
    points, turns = [], []
    for k in range(4):
        x, y = (60, 240) if k % 2 == 0 else (240, 60), 60 + legs * k
        points += [(x[0], y), (x[1], y)]
        if k < 3:
            turns.append(shapely.Point(x[1], y + legs / 2).buffer(legs / 2 + 3))
    shapes = []
    for k, turn in enumerate(turns):
        x = points[2 * k + 1][0]
        ring = turn - shapely.Point(x, 60 + legs * (k + 0.5)).buffer(legs / 2 - 3)
        half = shapely.box(x, 0, 300, 300) if k % 2 == 0 else shapely.box(0, 0, x, 300)
        shapes.append((ring & half, shade))
    shapes += [(road(points[2 * k : 2 * k + 2], 6), 0.9) for k in range(4)]
    edges, nodes = network_of(paint(shapes, (260, 300)), make_source)
    assert len(edges) == 1
    assert nodes.kind.tolist() == ["end", "end"]
    assert edges.bridged[0] > 0


@pytest.mark.parametrize(("length", "width"), [(80, 60), (120, 60), (100, 100), (140, 70)])
def test_a_plaza_gets_a_through_line(make_source, length, width):
    truth = shapely.LineString([(-5, 150), (405, 150)])
    plaza = shapely.box(200 - length / 2, 150 - width / 2, 200 + length / 2, 150 + width / 2)
    edges, nodes = network_of(
        paint([(truth.buffer(4), 0.9), (plaza, 0.9)], (300, 400)), make_source
    )
    assert len(edges) == 1
    assert nodes.kind.tolist() == ["border", "border"]
    assert farthest(edges, truth) <= 4


def cut_road(gap, between, angle=0.5, more=()):
    """Return a road of 360 m with a gap in its middle, and what else is road."""
    line = shapely.affinity.rotate(shapely.LineString([(20, 150), (380, 150)]), angle)
    hole = shapely.affinity.rotate(shapely.box(200 - gap / 2, 140, 200 + gap / 2, 160), angle)
    others = [(shapely.LineString(points).buffer(4, cap_style="flat"), 0.9) for points in more]
    return paint([(line.buffer(4, cap_style="flat"), 0.9), (hole, between), *others], (300, 400))


@pytest.mark.parametrize("angle", [0.5, 20, 39])
@pytest.mark.parametrize(
    ("gap", "between", "parts"), [(4, 0, 1), (12, 0.05, 1), (12, 0, 3), (14, 0, 3), (19, 0, 2)]
)
def test_a_bridge_over_nothing_is_an_edge_of_its_own(make_source, gap, between, parts, angle):
    edges, nodes = network_of(cut_road(gap, between, angle), make_source)
    assert len(edges) == parts
    leaps = edges[edges.bridged > 0.5]
    assert len(leaps) == (parts == 3)
    assert (edges.bridged.drop(leaps.index) < 0.05).all()
    if parts == 3:
        assert sorted(nodes.kind) == ["end", "end", "gap", "gap"]
        assert edges.component_id.nunique() == 1
        assert leaps.confidence.item() < edges.confidence.drop(leaps.index).min() / 2


@pytest.mark.parametrize("gap", [12, 13, 14])
def test_two_streets_back_to_back_stay_apart(make_source, gap):
    across = [[(x, 60), (x, 240)] for x in (60, 340)]
    edges, _ = network_of(cut_road(gap, 0, angle=0, more=across), make_source)
    assert edges.component_id.nunique() == 2
    assert edges.bridged.max() < 0.1


@pytest.mark.parametrize("strip", [5, 7, 10])
@pytest.mark.parametrize("gap", [5, 9, 13])
def test_a_cut_carriageway_goes_on_and_does_not_cross_to_the_other(make_source, strip, gap):
    beside = 150 + 8 + strip
    edges, nodes = network_of(
        cut_road(gap, 0, angle=0, more=[[(20, beside), (380, beside)]]), make_source
    )
    assert edges.component_id.nunique() == 2
    assert "junction" not in set(nodes.kind)


@pytest.mark.parametrize("angle", [60, 90, 115])
@pytest.mark.parametrize(
    ("widths", "levels", "unknown"),
    [((14, 6), (0.9, 0.9), 1), ((8, 8), (0.9, 0.9), 0), ((8, 8), (0.95, 0.6), 1)],
)
def test_a_crossing_of_two_different_roads_has_an_unknown_level(
    make_source, angle, widths, levels, unknown
):
    first = shapely.LineString([(10, 150), (390, 152)])
    second = shapely.affinity.rotate(first, angle)
    shapes = [
        (line.buffer(width / 2), level)
        for line, width, level in zip((second, first), widths, levels, strict=True)
    ]
    edges, nodes = network_of(paint(shapes, (300, 400)), make_source)
    assert nodes.level_unknown.sum() == unknown
    assert (find_issues(edges, nodes).kind == "level").sum() == unknown


def test_a_tee_of_two_different_roads_is_on_one_level(make_source):
    shapes = [(road([(10, 150), (390, 150)], 16), 0.9), (road([(200, 150), (200, 20)], 5), 0.9)]
    _, nodes = network_of(paint(shapes, (300, 400)), make_source)
    assert "junction" in set(nodes.kind)
    assert not nodes.level_unknown.any()
