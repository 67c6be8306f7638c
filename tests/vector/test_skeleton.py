import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion
from skimage.measure import euler_number, label
from skimage.morphology import skeletonize

from roadex.network.chains import AREA, HALF_WIDTH_SCALE, pixel_ids
from roadex.network.graph import build_graph
from roadex.network.scene_lines import merge_fragments, network_hash
from roadex.network.thinning import cut_wide_regions, fill_small_holes
from roadex.network.tile_frame import SkeletonSettings

SETTINGS = SkeletonSettings(threshold=128, max_half_width=10)


def line_image(text):
    """Return probability from a picture: # is road."""
    rows = [line.strip() for line in text.strip().splitlines()]
    return np.array([[230 if c == "#" else 10 for c in row] for row in rows], dtype=np.uint8)


@settings(deadline=None)  # the first one compiles
@given(
    row=st.integers(16, 47), col=st.integers(16, 47), radius=st.integers(2, 10),
    more=st.integers(-1, 4),
)  # fmt: skip
def test_a_disc_is_cut_wherever_it_lies(row, col, radius, more):
    y, x = np.ogrid[:64, :64]
    image = ((y - row) ** 2 + (x - col) ** 2 <= (radius + more) ** 2).astype(np.uint8)
    reach = np.arange(-radius, radius + 1)
    disc = reach[:, None] ** 2 + reach**2 <= radius**2
    expected = binary_erosion(image, disc)
    cut = image.copy()
    wide = cut_wide_regions(cut, radius)
    assert expected.any() == (more >= 0)
    if expected.any():
        np.testing.assert_array_equal(wide, expected)
    np.testing.assert_array_equal(cut, image & ~expected)


@pytest.mark.parametrize("seed", range(6))
def test_holes_are_filled_alike_whatever_side_is_up(seed):
    road = np.random.default_rng(seed).random((24, 31)) < 0.75
    image = np.pad(road, 1).astype(np.uint8)
    expected = image.copy()
    filled = fill_small_holes(expected, 4, 3)
    assert len(filled) > 10
    assert (expected >= image).all()
    assert expected.sum() == image.sum() + len(filled)
    assert not np.delete(expected, np.s_[1:-1], 0).any()
    for turns in range(1, 4):
        turned = np.rot90(image, turns).copy()
        fill_small_holes(turned, 4, 3)
        np.testing.assert_array_equal(turned, np.rot90(expected, turns))


def test_thin_line_is_traced_pixel_by_pixel(trace):
    image = line_image("""
        .......
        .##....
        ...#...
        ...#...
        ....##.
        .......
    """)
    lines = merge_fragments(trace(image, 64, SETTINGS), 7)
    assert len(lines) == 1
    assert pixel_ids(lines).tolist() == [8, 9, 17, 24, 32, 33]
    assert lines.codes.tolist() == [2, 3, 4, 3, 2]


def test_junction_ends_three_lines(trace):
    image = line_image("""
        ...#...
        ...#...
        ...#...
        #######
    """)
    graph = build_graph(merge_fragments(trace(image, 64, SETTINGS), 7), 4)
    assert graph.degree.tolist().count(3) == 1
    assert graph.n_edges == 3


def test_ring_is_one_closed_line_from_its_smallest_pixel(trace):
    image = line_image("""
        .......
        ..###..
        .#...#.
        .#...#.
        ..###..
        .......
    """)
    for tile_size in (64, 3, 2, 1):
        lines = merge_fragments(trace(image, tile_size, SETTINGS), 7)
        assert len(lines) == 1
        assert lines.start.tolist() == lines.end.tolist() == [9]
        assert lines.n_steps.tolist() == [10]


def test_half_width_is_the_distance_to_the_nearest_gap(trace):
    image = np.zeros((60, 60), dtype=np.uint8)
    image[20:27, 5:55] = 200  # 7 px wide: the middle is 4 px from the nearest gap
    lines = merge_fragments(trace(image, 64, SETTINGS), 60)
    assert np.median(lines.half_width) == 4 * HALF_WIDTH_SCALE
    assert set(lines.probability) == {200}


def test_inside_of_wide_regions_is_marked_as_area(trace):
    image = np.zeros((120, 120), dtype=np.uint8)
    image[20:80, 20:80] = 200
    lines = merge_fragments(trace(image, 50, SETTINGS), 120)
    assert len(lines) > 0
    assert (lines.half_width == AREA).all()


def test_nodata_is_no_road(trace):
    image = np.full((40, 40), 255, dtype=np.uint8)
    assert len(merge_fragments(trace(image, 16, SETTINGS), 40)) == 0


@pytest.mark.parametrize("seed", range(24))
def test_lines_do_not_depend_on_the_tiles(seed, make_blobs, trace):
    image = make_blobs(seed)
    settings = SkeletonSettings(threshold=128, max_half_width=2 + seed % 9, max_hole=5 * seed)
    hashes = set()
    for tile_size in (1000, 97, 64, 37):
        parts = trace(image, tile_size, settings)
        np.random.default_rng(seed).shuffle(parts)
        hashes.add(network_hash(merge_fragments(parts, image.shape[1])))
    assert len(hashes) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_lines_of_random_masks_do_not_depend_on_the_tiles(seed, make_blobs, trace):
    image = make_blobs(1000 + seed)
    settings = SkeletonSettings(threshold=128, max_half_width=2 + seed % 11, max_hole=seed % 60)
    whole = network_hash(merge_fragments(trace(image, 1000, settings), image.shape[1]))
    for tile_size in (128, 64, 41, 16, 13):
        parts = trace(image, tile_size, settings)
        assert network_hash(merge_fragments(parts[::-1], image.shape[1])) == whole


@pytest.mark.parametrize("seed", range(6))
def test_short_halo_would_be_seen(seed, make_blobs, trace, monkeypatch):
    """The equality above is no accident: it breaks when tiles see too little."""
    images = [make_blobs(seed * 100 + k) for k in range(12)]
    settings = SkeletonSettings(threshold=128, max_half_width=8)
    whole = [network_hash(merge_fragments(trace(i, 999, settings), i.shape[1])) for i in images]
    monkeypatch.setattr(SkeletonSettings, "halo", property(lambda _: 3))
    short = [network_hash(merge_fragments(trace(i, 37, settings), i.shape[1])) for i in images]
    assert whole != short


@pytest.mark.parametrize("seed", range(8))
def test_skeleton_has_the_components_and_loops_of_skimage(seed, make_blobs, trace):
    image = np.pad(make_blobs(seed), 1)  # what crosses the edge of a scene would go on beyond it
    settings = SkeletonSettings(threshold=128, max_half_width=60)  # cuts nothing out
    graph = build_graph(merge_fragments(trace(image, 64, settings), image.shape[1]), len(image))
    reference = skeletonize(image >= 128)
    n_components = label(reference, connectivity=2).max()
    n_single = n_components - (label(reference, connectivity=2, return_num=True)[1])
    assert n_single == 0
    loops = n_components - euler_number(reference, connectivity=2)
    assert graph.n_edges - graph.n_nodes + component_count(graph) == loops


def component_count(graph):
    from roadex.network.graph import group

    return len(set(group(graph.n_nodes, graph.u, graph.v)))


def test_small_holes_are_filled_and_large_ones_stay(trace):
    image = np.full((60, 80), 10, dtype=np.uint8)
    image[20:40] = 230
    image[28:31, 10:14] = 10  # 12 pixels
    image[28:31, 40:46] = 10  # 18 pixels
    image[29:31, :3] = 10  # 6 pixels at the edge of the scene
    loops = {}
    for max_hole in (0, 12, 17, 18):
        settings = SkeletonSettings(threshold=128, max_half_width=15, max_hole=max_hole)
        graph = build_graph(merge_fragments(trace(image, 1000, settings), 80), 60)
        loops[max_hole] = graph.n_edges - graph.n_nodes + 1
        kept = graph.chains.probability
        assert kept.min() >= 128
    assert loops == {0: 2, 12: 1, 17: 1, 18: 0}


def crossing_road(width_px, angle_deg, shape=(160, 320)):
    """Return a straight road through the middle of a scene, and its distance at each pixel."""
    rows, cols = np.mgrid[: shape[0], : shape[1]] - np.array([80.3, shape[1] / 2])[:, None, None]
    angle = np.radians(angle_deg)
    across = cols * np.sin(angle) - rows * np.cos(angle)
    return np.where(np.abs(across) < width_px / 2, 200, 0).astype(np.uint8), across


@pytest.mark.parametrize("angle_deg", [50, 57, 65, 80, 90, 100, 120])
@pytest.mark.parametrize("width_px", [5, 9, 16, 22])
def test_road_leaves_the_scene_in_its_middle(width_px, angle_deg, trace):
    """Thinning alone takes it to one side by half its width, or ends it before the edge."""
    image, across = crossing_road(width_px, angle_deg)
    settings = SkeletonSettings(threshold=128, max_half_width=20)
    for tile_size in (1000, 61):
        lines = merge_fragments(trace(image, tile_size, settings), 320)
        assert len(lines) == 1
        rows, cols = np.divmod(pixel_ids(lines), 320)
        assert {0, 159} <= set(rows.tolist())
        assert np.abs(across[rows, cols]).max() <= 1.5 + 0.1 * width_px


def test_road_along_the_edge_stays_in_the_scene(trace):
    image = np.zeros((80, 200), dtype=np.uint8)
    image[:6, 40:75] = 200
    lines = merge_fragments(trace(image, 1000, SETTINGS), 200)
    rows, cols = np.divmod(pixel_ids(lines), 200)
    assert cols.max() - cols.min() > 25
    assert set(rows[(cols > 45) & (cols < 70)].tolist()) <= {2, 3}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_crossing_roads_do_not_depend_on_the_tiles(seed, trace):
    """Long crossings of the edge, seen whole or in part by the tiles beside it."""
    rng = np.random.default_rng(seed)
    settings = SkeletonSettings(threshold=128, max_half_width=6)
    image = np.zeros((90, 400), dtype=np.uint8)
    for _ in range(6):
        road, _ = crossing_road(rng.uniform(3, 12), rng.uniform(25, 155), image.shape)
        image |= np.roll(road, int(rng.integers(400)), axis=1)
    whole = network_hash(merge_fragments(trace(image, 1000, settings), 400))
    for tile_size in (48, 23, 12):
        assert network_hash(merge_fragments(trace(image, tile_size, settings), 400)) == whole
