"""Scenes: any raster becomes network bands plus validity, or an error that says what to do."""

import pickle

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.windows import Window

from roadex.errors import SceneError
from roadex.imagery import warping
from roadex.imagery.radiometry import measure_radiometry, sample_windows
from roadex.imagery.reader import open_grid, read_overview
from roadex.imagery.scene import open_scene
from roadex.imagery.work_grid import plan_grid

RANGE = {"gsd_m": 1.0, "gsd_range_m": (0.7, 1.4)}


def read_whole(path, **options):
    scene = open_scene([path] if not isinstance(path, list) else path, **options)
    grid = plan_grid(scene, **RANGE)
    with open_grid(scene, grid) as reader:
        image, valid = reader.read(Window(0, 0, grid.shape[1], grid.shape[0]))
    return scene, grid, image, valid


def test_eight_bit_values_pass_unchanged(make_scene):
    path = make_scene()
    with rasterio.open(path) as raster:
        stored = raster.read()
    _, grid, image, valid = read_whole(path)
    assert grid.is_native
    assert valid.all()
    np.testing.assert_array_equal(image, stored)


def test_scene_is_small_and_picklable(make_scene):
    scene = open_scene([make_scene()])
    assert pickle.loads(pickle.dumps(scene)) == scene


def test_bands_follow_their_colours(make_scene):
    path = make_scene(bands=4, colours=("blue", "green", "red", "undefined"))
    assert open_scene([path]).bands == (3, 2, 1)


def test_bands_can_be_chosen(make_scene):
    assert open_scene([make_scene(bands=5)], bands=(5, 3, 1)).bands == (5, 3, 1)


def test_alpha_band_is_validity_not_imagery(make_scene):
    values = np.full((4, 64, 64), 100, dtype=np.uint8)
    values[3] = 255
    values[3, :10] = 0
    _, _, image, valid = read_whole(
        make_scene(values=values, colours=("red", "green", "blue", "alpha"))
    )
    assert image.shape[0] == 3
    assert not valid[:10].any()
    assert valid[10:].all()


def test_pixel_is_nodata_only_if_all_bands_are(make_scene):
    values = np.full((3, 64, 64), 100, dtype=np.uint8)
    values[0, 5, 5] = 0  # one dark band of a real pixel
    values[:, 20:30] = 0
    _, _, _, valid = read_whole(make_scene(values=values, nodata=0))
    assert valid[5, 5]
    assert not valid[20:30].any()
    assert valid.sum() == 54 * 64


def test_missing_imagery_is_filled_with_the_scene_mean(make_scene):
    values = np.full((3, 64, 64), 100, dtype=np.uint8)
    values[:, :30] = 0
    _, _, image, _ = read_whole(make_scene(values=values, nodata=0))
    assert (image == 100).all()


def test_eleven_bit_values_are_stretched_and_said(make_scene):
    values = np.random.default_rng(0).integers(200, 1600, (3, 300, 300)).astype(np.uint16)
    scene, _, image, _ = read_whole(make_scene(values=values))
    assert 100 < image.mean() < 155
    assert image.max() == 255
    assert any("uint16" in warning for warning in scene.warnings)


def test_one_band_serves_all_network_bands_and_is_said(make_scene):
    scene = open_scene([make_scene(bands=1)])
    assert scene.bands == (1, 1, 1)
    assert "one band" in scene.warnings[0]


def test_mosaic_members_land_where_they_belong(make_scene):
    values = np.random.default_rng(1).integers(1, 255, (3, 100, 160)).astype(np.uint8)
    origin = Affine(1, 0, 500_000, 0, -1, 5_400_000)
    parts = [(0, 0, 60, 90), (0, 90, 60, 160), (60, 0, 100, 90)]
    paths = [
        make_scene(
            f"part{i}.tif",
            values=values[:, r0:r1, c0:c1],
            transform=origin @ Affine.translation(c0, r0),
        )
        for i, (r0, c0, r1, c1) in enumerate(parts)
    ]
    scene, _, image, valid = read_whole(paths)
    assert scene.shape == (100, 160)
    np.testing.assert_array_equal(image[:, valid], values[:, valid])
    assert not valid[60:, 90:].any()
    assert valid.sum() == 100 * 160 - 40 * 70


def test_window_outside_the_scene_is_mirrored_and_invalid(make_scene):
    scene = open_scene([make_scene()])
    grid = plan_grid(scene, **RANGE)
    with open_grid(scene, grid) as reader:
        inside, _ = reader.read(Window(0, 0, 40, 40))
        around, valid = reader.read(Window(-8, -5, 40, 40))
    np.testing.assert_array_equal(around[:, 5:, 8:], inside[:, :35, :32])
    np.testing.assert_array_equal(around[:, 5:, :8], inside[:, :35, 1:9][:, :, ::-1])
    assert valid.sum() == 35 * 32


def test_window_far_larger_than_a_tiny_scene_is_filled(make_scene):
    scene = open_scene([make_scene(shape=(3, 1))])
    with open_grid(scene, plan_grid(scene, **RANGE)) as reader:
        image, valid = reader.read(Window(-64, -64, 160, 160))
    assert image.shape == (3, 160, 160)
    assert valid.sum() == 3


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        pytest.param("EPSG:4326", Affine(5e-6, 0, 15, 0, -5e-6, 48.7), id="degrees"),
        pytest.param("EPSG:2264", Affine(1.6, 0, 2e6, 0, -1.6, 7e5), id="feet"),
        pytest.param("EPSG:32633", Affine(0.5, 0, 5e5, 0, 0.5, 54e5), id="south-up"),
        pytest.param(
            "EPSG:32633",
            Affine.translation(5e5, 54e5) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5),
            id="rotated",
        ),
        pytest.param("EPSG:3857", Affine(0.75, 0, 1.67e6, 0, -0.75, 6.2e6), id="web-mercator"),
    ],
)
def test_work_grid_is_metric_north_up_and_covers_the_scene(make_scene, crs, transform):
    scene, grid, _, valid = read_whole(make_scene(shape=(300, 400), crs=crs, transform=transform))
    assert grid.crs.is_projected
    assert grid.crs.linear_units_factor[1] == 1
    assert grid.transform.a == pytest.approx(1.0, rel=0.01)
    assert grid.transform.e == pytest.approx(-1.0, rel=0.01)
    assert valid.sum() == pytest.approx(300 * 400 * scene.gsd_m**2, rel=0.03)


def test_warped_pixel_does_not_depend_on_its_window(make_scene):
    path = make_scene(
        shape=(300, 300), crs="EPSG:4326", transform=Affine(5e-6, 0, 15, 0, -5e-6, 48.7)
    )
    scene, grid, image, _ = read_whole(path)
    with open_grid(scene, grid) as reader:
        part, _ = reader.read(Window(37, 21, 50, 60))
    np.testing.assert_array_equal(part, image[:, 21:81, 37:87])


def test_gsd_of_degrees_is_metres_on_the_ground(make_scene):
    path = make_scene(crs="EPSG:4326", transform=Affine(1e-5, 0, 15, 0, -1e-5, 60))
    # At 60 degrees north a degree of longitude is half as long: sqrt(0.557 * 1.114) m.
    assert open_scene([path]).gsd_m == pytest.approx(0.789, abs=0.003)


def test_overview_shows_the_whole_scene_reduced(make_scene):
    scene = open_scene([make_scene(shape=(400, 200))])
    image, valid = read_overview(scene, plan_grid(scene, **RANGE), max_size=100)
    assert image.shape == (3, 100, 50)
    assert valid.all()


def test_overview_of_a_warped_scene_shows_things_where_they_are(make_scene):
    values = np.full((3, 160, 400), 40, dtype=np.uint8)
    values[:, 80:, 300:] = 200
    path = make_scene(values=values, crs="EPSG:4326", transform=Affine(1e-5, 0, 15, 0, -1e-5, 48.7))
    scene = open_scene([path])
    image, valid = read_overview(scene, plan_grid(scene, **RANGE), max_size=80)
    height, width = valid.shape
    assert valid.mean() > 0.9
    rows, cols = np.nonzero(valid & (image[0] > 120))
    assert rows.min() == pytest.approx(height / 2, abs=2)
    assert cols.min() == pytest.approx(width * 3 / 4, abs=2)
    assert len(rows) == pytest.approx(height * width / 8, rel=0.2)


@pytest.mark.parametrize("window", [Window(37, 21, 250, 100), Window(0, 0, 90, 290)])
def test_a_warped_window_read_in_parts_is_the_window(make_scene, monkeypatch, window):
    path = make_scene(
        shape=(400, 400), crs="EPSG:4326", transform=Affine(1e-5, 0, 15, 0, -1e-5, 48.7)
    )
    scene = open_scene([path])
    grid = plan_grid(scene, **RANGE)
    with open_grid(scene, grid) as reader:
        whole = reader.read(window)
    monkeypatch.setattr(warping, "_MOST_PIXELS", 3000)
    monkeypatch.setattr(warping, "_BLOCK", (32, 32))
    with open_grid(scene, grid) as reader:
        parts = reader.read(window)
    np.testing.assert_array_equal(parts[0], whole[0])
    np.testing.assert_array_equal(parts[1], whole[1])


def test_a_pixel_that_holds_four_is_their_mean(make_scene):
    values = np.full((3, 200, 200), 140, dtype=np.uint8)
    values[:, 100, 100] = 240
    path = make_scene(values=values, transform=Affine(0.5, 0, 5e5, 0, -0.5, 54e5))
    _, grid, image, _ = read_whole(path)
    assert grid.shape == (100, 100)
    expected = np.full((3, 100, 100), 140.0)
    expected[:, 50, 50] = 165
    np.testing.assert_allclose(image, expected, atol=0.51)


@pytest.mark.parametrize("gsd", [0.3, 0.55, 0.85, 1.25])
@pytest.mark.parametrize("n_px", [60, 61, 62, 63, 64])
def test_imagery_reaches_all_edges_of_a_grid_that_is_resampled(make_scene, n_px, gsd):
    """Roads are continued over the edge of a scene only where there is imagery up to it."""
    path = make_scene(shape=(n_px, n_px + 3), transform=Affine(gsd, 0, 5e5, 0, -gsd, 54e5))
    _, grid, _, valid = read_whole(path)
    assert not grid.is_native
    assert valid.all()
    lost_m = np.array([n_px, n_px + 3]) * gsd - np.array(grid.shape) * grid.gsd_m
    assert np.abs(lost_m).max() <= grid.gsd_m / 2 + 1e-9


@pytest.mark.parametrize("shape", [(1, 1), (100, 700), (513, 4000), (9000, 5000)])
def test_sampled_windows_lie_in_the_scene_and_reach_its_corners(shape):
    windows = sample_windows(shape)
    places = {(w.row_off, w.col_off) for w in windows}
    assert len(places) == len(windows) <= 64
    ends = {(w.row_off + w.height, w.col_off + w.width) for w in windows}
    assert max(ends) == shape
    assert min(places) == (0, 0)
    assert {len({place[axis] for place in places}) for axis in (0, 1) if shape[axis] < 512} <= {1}


def test_replaced_file_changes_the_identity(make_scene):
    before = open_scene([make_scene()]).identity
    after = open_scene([make_scene(shape=(97, 128))]).identity
    assert before != after


def test_missing_file_is_said(tmp_path):
    with pytest.raises(SceneError, match=r"nope\.tif does not exist"):
        open_scene([tmp_path / "nope.tif"])


def test_file_that_is_no_raster_is_said(tmp_path):
    path = tmp_path / "notes.tif"
    path.write_text("not a raster")
    with pytest.raises(SceneError, match="not a raster"):
        open_scene([path])


def test_missing_crs_is_said_with_the_cure(make_scene):
    with pytest.raises(SceneError, match="rio edit-info --crs"):
        open_scene([make_scene(crs=None)])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_missing_georeference_is_said(make_scene):
    with pytest.raises(SceneError, match="georeference"):
        open_scene([make_scene(transform=None)])


def test_ambiguous_bands_are_said_with_the_cure(make_scene):
    path = make_scene(bands=5, photometric="MINISBLACK")
    with pytest.raises(SceneError, match="--bands 1,2,3"):
        open_scene([path])


def test_band_that_is_not_there_is_said(make_scene):
    with pytest.raises(SceneError, match="bands 1 to 3"):
        open_scene([make_scene()], bands=(1, 2, 7))


def test_mosaic_of_different_pixel_sizes_is_refused(make_scene):
    other = make_scene("b.tif", transform=Affine(2, 0, 500_000, 0, -2, 5_400_000))
    with pytest.raises(SceneError, match="pixel size"):
        open_scene([make_scene("a.tif"), other])


def test_pixels_too_large_for_roads_are_refused(make_scene):
    scene = open_scene([make_scene(transform=Affine(5, 0, 500_000, 0, -5, 5_400_000))])
    with pytest.raises(SceneError, match=r"5\.00 m"):
        plan_grid(scene, **RANGE)


@pytest.mark.parametrize(("gsd_m", "is_refused"), [(2.09, False), (2.11, True)])
def test_pixels_are_refused_from_half_as_large_again_as_the_largest(make_scene, gsd_m, is_refused):
    scene = open_scene([make_scene(transform=Affine(gsd_m, 0, 5e5, 0, -gsd_m, 54e5))])
    if is_refused:
        with pytest.raises(SceneError, match="cannot see roads"):
            plan_grid(scene, **RANGE)
    else:
        assert "larger than any" in plan_grid(scene, **RANGE).warnings[0]


def test_pixels_a_little_too_large_are_a_warning(make_scene):
    scene = open_scene([make_scene(transform=Affine(1.8, 0, 500_000, 0, -1.8, 5_400_000))])
    assert "larger than any" in plan_grid(scene, **RANGE).warnings[0]


def test_dark_scenes_are_brightened_to_a_usual_median(make_scene):
    rng = np.random.default_rng(0)
    dark = np.broadcast_to(rng.integers(5, 60, (64, 64), dtype=np.uint8), (3, 64, 64))
    scene, _, image, valid = read_whole(make_scene(values=dark))
    assert valid.all()
    assert np.median(image.mean(axis=0)) == pytest.approx(75, abs=2)
    assert image.min() >= 0
    assert image.max() < 255
    order = np.argsort(dark.ravel(), kind="stable")
    assert (np.diff(image.ravel()[order]) >= 0).all()  # the order of brightness stays
    assert any("dark" in warning for warning in scene.warnings)


@pytest.mark.parametrize("value", [0, 1e-3, 1e7, -1e7])
def test_a_scene_of_one_value_is_no_division_by_nothing(value):
    radiometry, _ = measure_radiometry(np.full((3, 100), float(value)), "float32")
    pixels = np.full((3, 4, 5), value, np.float32)
    assert np.isfinite(radiometry.apply(pixels, np.ones((4, 5), bool))).all()
    assert all(low < high for low, high in zip(radiometry.low, radiometry.high, strict=True))


def test_fill_is_the_mean_of_the_brightened_scene(make_scene):
    dark = np.full((3, 64, 64), 20, dtype=np.uint8)
    scene = open_scene([make_scene(values=dark)])
    np.testing.assert_allclose(scene.radiometry.fill, 75, atol=0.5)
