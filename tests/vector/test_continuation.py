"""Roads end where imagery ends in their own direction, in their middle, whatever the tiles are."""

import numpy as np
import pytest
import shapely
from scipy.ndimage import gaussian_filter

from roadex.config import NODATA, VectorConfig
from roadex.network.continuation import Reach, continue_roads
from roadex.network.scene_lines import merge_fragments, network_hash
from roadex.network.tile_frame import SkeletonSettings
from roadex.network.vectorize import vectorize

GSD_M = 0.7
SIDE = 500
CROSSING = np.array([253.4, 180.3])
ANGLES = (15, 20, 30, 45, 60, 75, 90, 120, 150, 165)
WIDTHS_M = (6, 9, 13, 20, 30, 38, 45)
TILTS = (None, 0, 20, 45, -30)  # None: the upper edge of the scene, else one of nodata inside it


def unit(angle_deg):
    return np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])


def road_across_an_edge(width_m, angle_deg, tilt, *, shift=0.0, noise=0.0, stripe=np.inf):
    """Return stored probability, where the middle of the road meets the edge, its direction.

    Coordinates are (column, row) in pixels; the direction leads into the imagery.
    """
    rows, cols = np.mgrid[:SIDE, :SIDE] + 0.5
    at = CROSSING * [1, tilt is not None] + np.array([shift, 0])
    inward, ahead = unit((tilt or 0) + 90), unit((tilt or 0) + angle_deg)
    across = (cols - at[0]) * ahead[1] - (rows - at[1]) * ahead[0]
    share = np.clip(width_m / GSD_M / 2 - np.abs(across) + 0.5, 0, 1)
    uneven = gaussian_filter(np.random.default_rng(0).normal(size=share.shape), 3)
    share = gaussian_filter(share * np.clip(0.85 + noise * uneven / uneven.std(), 0, 1), 1)
    image = np.rint(229 * share).astype(np.uint8)
    depth = (cols - at[0]) * inward[0] + (rows - at[1]) * inward[1]
    image[(depth < 0) & (depth > -stripe)] = NODATA
    return image, at, ahead


def found_lines(image, make_source):
    """Return the edges of a network in pixels, (column, row), and its nodes."""
    network = vectorize(make_source(image, gsd=GSD_M), config=VectorConfig())
    lines = [
        (np.asarray(line.coords) - [400_000, 5_600_000]) * [1 / GSD_M, -1 / GSD_M]
        for line in network.edges.geometry
    ]
    return lines, network.nodes


def check_end(image, at, ahead, make_source):
    """Hold the end of the only line to the middle of the road, and its last 30 m to it."""
    lines, nodes = found_lines(image, make_source)
    assert len(lines) == 1
    assert sorted(nodes.kind) == ["border", "border"]
    line = min((lines[0], lines[0][::-1]), key=lambda line: np.hypot(*(line[0] - at)))
    assert abs(np.cross(np.append(line[0] - at, 0), np.append(ahead, 0))[2]) * GSD_M <= 1
    assert abs((line[0] - at) @ ahead) * GSD_M <= 3
    last = [shapely.LineString(line).interpolate(m / GSD_M).coords[0] for m in range(0, 31, 2)]
    steps = np.diff(last, axis=0) @ np.stack([ahead, [-ahead[1], ahead[0]]], axis=1)
    assert np.degrees(np.abs(np.arctan2(steps[:, 1], steps[:, 0]))).max() <= 6


@pytest.mark.parametrize("tilt", TILTS)
@pytest.mark.parametrize("angle", [15, 30, 60, 90, 165])
@pytest.mark.parametrize("width", [6, 20, 45])
def test_road_ends_at_the_edge_in_its_own_direction(width, angle, tilt, make_source):
    check_end(*road_across_an_edge(width, angle, tilt), make_source)


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "noise"), [(2.3, 0.05), (-3.7, 0.12)])
@pytest.mark.parametrize("tilt", TILTS)
@pytest.mark.parametrize("angle", ANGLES)
def test_many_roads_end_at_the_edge_in_their_own_direction(angle, tilt, shift, noise, make_source):
    for width in WIDTHS_M:
        road = road_across_an_edge(width, angle, tilt, shift=shift, noise=noise)
        check_end(*road, make_source)


@pytest.mark.parametrize("tilt", [0, 30])
@pytest.mark.parametrize("angle", [45, 70, 90])
@pytest.mark.parametrize("width", [6, 20, 45])
def test_stripe_without_imagery_does_not_bend_the_road_it_cuts(width, angle, tilt, make_source):
    image, at, ahead = road_across_an_edge(width, angle, tilt, stripe=12)
    lines, nodes = found_lines(image, make_source)
    assert sorted(nodes.kind) == ["border", "border"]
    truth = shapely.LineString([at - 900 * ahead, at + 900 * ahead])
    away = [shapely.Point(point).distance(truth) for line in lines for point in line]
    assert max(away) * GSD_M <= 2


def test_what_runs_along_an_edge_or_lies_around_a_hole_is_not_continued():
    nodata = np.zeros((200, 300), dtype=np.bool_)
    nodata[:60] = True
    nodata[120:124, 150:154] = True
    roads = np.zeros(nodata.shape, dtype=np.uint8)
    roads[60:66, 40:120] = 200  # along the edge
    roads[60:, 180:260] = 200  # wider than a road
    roads[110:134, 20:] = 200
    roads[nodata] = 0
    before = roads.copy()
    continue_roads(roads, nodata, Reach(half_width=20, beyond=32))
    assert np.array_equal(roads, before)


def with_nodata(image, seed):
    """Return an image with a collar, holes and specks of nodata."""
    rng = np.random.default_rng(seed)
    rows, cols = np.indices(image.shape)
    collar = rows < rng.uniform(0, 40) + rng.uniform(-0.6, 0.6) * cols
    field = gaussian_filter(rng.normal(size=image.shape), rng.uniform(3, 8))
    gone = collar | (field > 2.0 * field.std()) | (rng.random(image.shape) < 0.0005)
    return np.where(gone, NODATA, image).astype(np.uint8)


def streets(seed, draw_roads):
    """Return roads of many widths in all directions."""
    rng = np.random.default_rng(seed)
    image = np.zeros((150, 420), dtype=np.uint8)
    for _ in range(9):
        at, ahead = rng.uniform((0, 0), (420, 150)), 500 * unit(rng.uniform(0, 180))
        image |= draw_roads([(at - ahead, at + ahead)], image.shape, width=rng.uniform(2, 8))
    return with_nodata(image, seed)


def check_tiles(image, settings, tile_sizes, trace):
    width = image.shape[1]
    whole = network_hash(merge_fragments(trace(image, 1000, settings), width))
    for size in tile_sizes:
        assert network_hash(merge_fragments(trace(image, size, settings)[::-1], width)) == whole


@pytest.mark.parametrize("seed", range(6))
def test_lines_at_nodata_do_not_depend_on_the_tiles(seed, make_blobs, draw_roads, trace):
    settings = SkeletonSettings(threshold=128, max_half_width=2 + seed % 4, max_hole=5 * seed)
    check_tiles(with_nodata(make_blobs(seed), seed), settings, (64, 37), trace)
    check_tiles(streets(seed, draw_roads), settings, (64, 23), trace)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
def test_lines_at_much_nodata_do_not_depend_on_the_tiles(seed, make_blobs, draw_roads, trace):
    settings = SkeletonSettings(threshold=128, max_half_width=2 + seed % 6, max_hole=seed % 60)
    check_tiles(with_nodata(make_blobs(seed), seed), settings, (64, 41, 13), trace)
    check_tiles(streets(seed, draw_roads), settings, (80, 48, 12), trace)


@pytest.mark.parametrize("seed", range(3))
def test_network_at_nodata_does_not_depend_on_the_tiles(seed, draw_roads, make_source):
    """Tiles that see nodata are read with more around them."""
    source = make_source(streets(seed, draw_roads))
    config = VectorConfig(max_road_width_m=8, min_component_m=10)
    whole = vectorize(source, config=config, tile_size=1000)
    assert len(whole.edges) > 5
    for tile_size in (110, 61, 29):
        tiled = vectorize(source, config=config, tile_size=tile_size)
        assert tiled.edges.to_wkb().to_csv() == whole.edges.to_wkb().to_csv()
        assert tiled.nodes.to_wkb().to_csv() == whole.nodes.to_wkb().to_csv()


def slanted_roads(seed, draw_roads):
    """Return wide roads that meet the edges of a scene at 14 to 20 degrees, and some across."""
    rng = np.random.default_rng(seed)
    image = np.zeros((60, 300), dtype=np.uint8)
    for angle in (rng.uniform(14, 20), -rng.uniform(14, 20), *rng.uniform(14, 166, 2)):
        at, ahead = rng.uniform((0, 0), (300, 60)), 400 * unit(angle)
        image |= draw_roads([(at - ahead, at + ahead)], image.shape, width=rng.uniform(4, 12))
    return image


def differ(image, trace, tile_size=15):
    settings = SkeletonSettings(threshold=128, max_half_width=6)
    parts = (trace(image, n, settings) for n in (1000, tile_size))
    return len({network_hash(merge_fragments(part, image.shape[1])) for part in parts}) > 1


@pytest.mark.parametrize("seed", range(12))
def test_lines_at_the_edge_do_not_depend_on_the_tiles(seed, draw_roads, trace, make_source):
    image = slanted_roads(seed, draw_roads)
    assert not differ(image, trace)
    config = VectorConfig(max_road_width_m=12, min_component_m=10)
    whole, tiled = (vectorize(make_source(image), config=config, tile_size=n) for n in (1000, 27))
    assert tiled.edges.to_wkb().to_csv() == whole.edges.to_wkb().to_csv()


def test_tiles_that_see_too_little_of_the_edge_would_be_seen(draw_roads, trace, monkeypatch):
    monkeypatch.setattr(SkeletonSettings, "halo_at_edge", property(lambda s: s.halo + 3))
    assert any(differ(slanted_roads(seed, draw_roads), trace) for seed in range(12))
