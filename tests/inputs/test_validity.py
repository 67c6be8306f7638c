"""Validity: a collar of any kind is no imagery, and what is imagery stays it."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from roadex.imagery.reader import open_grid, read_overview
from roadex.imagery.scene import open_scene
from roadex.imagery.validity import half_width
from roadex.imagery.work_grid import plan_grid


@pytest.mark.parametrize(
    ("dtype", "opaque"),
    [
        ("uint8", 255), ("uint8", 1), ("uint16", 255), ("uint16", 1), ("uint16", 2047),
        ("uint16", 65535), ("int16", 255), ("float32", 1), ("float32", 255),
    ],
)  # fmt: skip
def test_alpha_of_any_type_and_range_hides_the_collar(
    with_band, read_scene, write, pixels, inside, dtype, opaque
):
    values = with_band(pixels.astype(dtype), np.where(inside, opaque, 0))
    read = read_scene(write(values, colours="red green blue alpha"))
    np.testing.assert_array_equal(read.valid, inside)


def test_half_transparent_pixels_are_no_imagery_from_the_middle_on(
    with_band, read_scene, write, pixels
):
    alpha = np.repeat(np.arange(80, dtype=np.uint8)[None] * 3, 80, axis=0)
    alpha[0, 0] = 255
    read = read_scene(write(with_band(pixels, alpha), colours="red green blue alpha"))
    np.testing.assert_array_equal(read.valid[1:], alpha[1:] >= 128)


def test_nodata_and_alpha_both_count(with_band, read_scene, write, pixels, inside):
    values = with_band(np.where(inside, pixels, 252), np.where(inside, 255, 0))
    values[:3, 60:, 60:] = 0
    read = read_scene(write(values.astype(np.uint8), colours="red green blue alpha", nodata=0))
    expected = inside.copy()
    expected[60:, 60:] = False
    np.testing.assert_array_equal(read.valid, expected)


def test_opaque_alpha_stays_so_where_its_value_is_declared_nodata(
    with_band, read_scene, write, pixels, inside
):
    values = with_band(pixels, np.where(inside, 255, 0))
    read = read_scene(write(values, colours="red green blue alpha", nodata=255))
    np.testing.assert_array_equal(read.valid, inside)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_masks_hide_the_collar(read_scene, write, pixels, inside, dtype):
    np.testing.assert_array_equal(
        read_scene(write(pixels.astype(dtype), mask=inside)).valid, inside
    )


def test_a_mask_beside_the_file_hides_the_collar(read_scene, write, pixels, inside):
    path = write(pixels)
    mask = write(np.where(inside, 255, 0).astype(np.uint8), name="scene.tif.msk")
    with rasterio.open(mask, "r+") as raster:
        raster.update_tags(**{f"INTERNAL_MASK_FLAGS_{i}": "2" for i in (1, 2, 3)})
    np.testing.assert_array_equal(read_scene(path).valid, inside)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_few_garbled_numbers_are_bright_or_dark_pixels(read_scene, write, pixels, dtype):
    clean, values = (pixels[0].astype(dtype) for _ in range(2))
    values[3, 5], values[40, 7] = np.finfo(dtype).max / 2, -np.finfo(dtype).max / 2
    read, other = read_scene(write(values)), read_scene(write(clean, name="clean.tif"))
    assert read.image[0, 3, 5] == 255
    assert read.image[0, 40, 7] == 0
    is_same = np.abs(read.image - other.image).max(axis=0) < 3
    assert is_same.sum() == values.size - 2
    assert "elevation" not in read.said


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_numbers_that_signal_are_no_imagery_and_say_nothing(read_scene, write, pixels, inside):
    values = pixels[0].astype(np.float32)
    values.view(np.uint32)[~inside] = 0x7FA00000
    read = read_scene(write(values))
    np.testing.assert_array_equal(read.valid, inside)
    assert "elevation" not in read.said


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_no_imagery(read_scene, write, pixels, inside, value):
    values = np.where(inside, pixels, value).astype(np.float32)
    np.testing.assert_array_equal(read_scene(write(values)).valid, inside)


def test_white_roads_in_a_scene_with_nodata_255_stay_imagery_and_it_is_said(
    read_scene, write, pixels
):
    rng = np.random.default_rng(0)
    values = pixels.copy()
    values[:, 38:46] = 255  # a road from border to border
    for row, col in rng.integers(0, 76, (30, 2)):  # and roofs
        values[:, row : row + 3, col : col + 3] = 255
    read = read_scene(write(values, nodata=255))
    assert read.valid.all()
    assert "the nodata value 255 is a colour of the imagery too" in read.said


def test_a_nodata_collar_stays_one_where_the_imagery_has_its_value_too(
    read_scene, write, pixels, inside
):
    values = np.where(inside, pixels, 0).astype(np.uint8)
    for row, col in np.random.default_rng(0).integers(30, 78, (30, 2)):
        values[:, row, col] = 0  # shadows
    read = read_scene(write(values, nodata=0))
    np.testing.assert_array_equal(read.valid, inside)


def test_a_nodata_stripe_is_no_imagery_however_narrow(read_scene, write, pixels):
    values = pixels.copy()
    values[:, 20:23] = 0
    read = read_scene(write(values, nodata=0))
    assert not read.valid[20:23].any()
    assert read.valid.sum() == 77 * 80


@pytest.mark.parametrize(
    ("dtype", "scale", "fill"),
    [
        ("float32", 1, -9999), ("float32", 1, np.finfo(np.float32).min), ("float32", 1e-3, 1e20),
        ("int16", 8, -32768), ("int16", 8, -9999), ("uint16", 8, 65535), ("uint16", 8, 0),
        ("float32", 8, 0), ("float64", 1, -3.4028234663852886e38),
    ],
)  # fmt: skip
def test_an_undeclared_fill_is_found_said_and_no_imagery(
    read_scene, write, pixels, inside, dtype, scale, fill
):
    values = np.where(inside, pixels.astype(float) * scale, fill).astype(dtype)
    read = read_scene(write(values))
    np.testing.assert_array_equal(read.valid, inside)
    assert "nothing declares as nodata" in read.said
    low, high = read.scene.radiometry.low[0], read.scene.radiometry.high[0]
    assert 12 * scale <= low < high <= 240 * scale  # the fill does not decide the stretch


@pytest.mark.parametrize("fill", [0, 255])
def test_an_undeclared_collar_of_8_bits_is_found_and_its_colour_stays_inside(
    read_scene, write, pixels, inside, fill
):
    values = np.where(inside, pixels, fill).astype(np.uint8)
    values[:, 50:53, 40:80] = fill  # a narrow thing of that colour
    read = read_scene(write(values))
    np.testing.assert_array_equal(read.valid, inside)
    assert f"pixels of {fill} were found" in read.said


def test_a_turned_scene_in_a_black_frame_loses_the_corners(read_scene, write):
    rows, cols = np.mgrid[:120, :120]
    within = abs(rows - 60) + abs(cols - 60) < 56
    values = np.where(within, np.random.default_rng(0).integers(30, 200, (3, 120, 120)), 0)
    read = read_scene(write(values.astype(np.uint8)))
    np.testing.assert_array_equal(read.valid, within)


def test_nodata_given_by_the_user_goes_over_what_is_found(read_scene, write, pixels, inside):
    path = write(np.where(inside, pixels, 0).astype(np.uint8))
    assert read_scene(path, nodata=()).valid.all()
    narrow = pixels.copy()
    narrow[:, 5, 7] = 77
    read = read_scene(write(narrow, name="b.tif", nodata=0), nodata=(77,))
    assert not read.valid[5, 7]


def test_a_collar_smeared_by_jpeg_is_no_imagery(read_scene, write, pixels):
    options = {"compress": "jpeg", "photometric": "ycbcr", "jpeg_quality": 60, "tiled": True}
    inside = np.zeros((80, 80), dtype=bool)
    inside[21:, 21:] = True  # within the blocks of JPEG
    values = np.where(inside, pixels.mean(axis=0), 0)
    values = np.broadcast_to(values, pixels.shape).astype(np.uint8)
    for nodata in (0, None):
        read = read_scene(write(values, nodata=nodata, blockxsize=80, blockysize=80, **options))
        with rasterio.open(read.scene.paths[0]) as raster:
            assert (raster.read()[:, ~inside] > 0).sum() > 500  # it is smeared
        assert (read.valid & ~inside).sum() < 20
        assert (inside & ~read.valid).sum() < 20


def test_a_smeared_collar_reaches_as_far_into_dark_roads_from_every_side(read_scene, write):
    values = np.random.default_rng(0).integers(60, 200, (160, 160))
    for _ in range(4):
        values = np.rot90(values).copy()
        values[:24] = 0
        values[24:64, 72:80] = 0  # a road that leads into the collar
    pixels = np.broadcast_to(values, (3, 160, 160)).astype(np.uint8)
    options = {"compress": "jpeg", "photometric": "ycbcr", "jpeg_quality": 90}
    valid = read_scene(write(pixels, nodata=0, **options)).valid
    for _ in range(4):
        valid = np.rot90(valid)
        assert not valid[:36, 74:78].any()
        assert valid[44:60, 74:78].all()


@pytest.mark.parametrize(
    ("dtype", "options", "why"),
    [
        ("uint8", {"nodata": 0}, "all that was looked at is 0"),
        ("uint16", {}, "all that was looked at is 0"),
        ("uint8", {"mask": np.zeros((80, 80), bool)}, "a mask"),
    ],
)
def test_a_scene_without_imagery_says_so_and_why(read_scene, write, dtype, options, why):
    read = read_scene(write(np.zeros((3, 80, 80), dtype), **options))
    assert not read.valid.any()
    assert "no imagery was found" in read.said
    assert why in read.said


def test_alpha_that_is_0_everywhere_is_named(with_band, read_scene, write, pixels):
    read = read_scene(write(with_band(pixels, pixels[0] * 0), colours="red green blue alpha"))
    assert "the alpha band (4) is 0 everywhere" in read.said


def test_a_nameless_band_that_covers_the_collar_is_taken_for_alpha_and_it_is_said(
    with_band, read_scene, write, pixels, inside
):
    values = with_band(np.where(inside, pixels, 0).astype(np.uint8), np.where(inside, 255, 0))
    path = write(values, photometric="minisblack", colours="gray undefined undefined undefined")
    read = read_scene(path, bands=(1, 2, 3))
    np.testing.assert_array_equal(read.valid, inside)
    assert "band 4 is taken for alpha" in read.said


def test_a_nameless_band_of_other_values_is_not_taken_for_alpha(
    with_band, read_scene, write, pixels
):
    path = write(
        with_band(pixels, pixels[0] > 100), photometric="minisblack",
        colours="gray undefined undefined undefined",
    )  # fmt: skip
    read = read_scene(path, bands=(1, 2, 3))
    assert read.valid.all()
    assert "alpha" not in read.said


def test_validity_does_not_depend_on_the_window(read_scene, write, pixels):
    rng = np.random.default_rng(1)
    values = np.kron(pixels, np.ones((1, 3, 3), np.uint8))
    values[:, :50] = values[:, :, :33] = 0
    for row, col in rng.integers(0, 220, (60, 2)):
        values[:, row : row + 5, col : col + 9] = 0
    whole = read_scene(write(values, nodata=0))
    assert whole.scene.validity.fills[0].is_colour
    with open_grid(whole.scene, whole.grid) as reader:
        for row, col in ((0, 0), (31, 17), (100, 150), (180, 40)):
            _, valid = reader.read(Window(col, row, 60, 60))
            np.testing.assert_array_equal(valid, whole.valid[row : row + 60, col : col + 60])


def test_overview_hides_the_collar_too(write, pixels, inside):
    scene = open_scene([write(np.where(inside, pixels, 0).astype(np.uint8))])
    _, valid = read_overview(scene, plan_grid(scene, gsd_m=1, gsd_range_m=(1, 1)), max_size=40)
    np.testing.assert_array_equal(valid, inside[::2, ::2])


def test_warped_pixels_half_covered_by_imagery_are_the_limit(
    with_band, read_scene, write, pixels, inside
):
    values = with_band(pixels.astype(np.uint16) * 8, np.where(inside, 65535, 0))
    path = write(
        values,
        colours="red green blue alpha",
        transform=rasterio.Affine(0.5, 0, 5e5, 0, -0.5, 54e5),
    )
    read = read_scene(path)
    assert not read.grid.is_native
    np.testing.assert_array_equal(read.valid, inside[::2, ::2])


@pytest.mark.parametrize(("gsd_m", "pixels"), [(1.0, 10), (0.3, 34), (0.1, 64), (5.0, 4)])
def test_the_narrowest_wide_area_is_20_m_within_reason(gsd_m, pixels):
    assert half_width(gsd_m) == pixels


@pytest.mark.parametrize("fill", [-999, -9999, -32767, -32768, -99999])
def test_values_that_programs_write_are_known_where_those_of_the_imagery_reach_as_far(
    read_scene, write, pixels, fill
):
    values = pixels.astype(np.float32) * (0.006 * -fill)
    values[:, 30:38, 20:28] = fill
    expected = np.ones(values.shape[1:], dtype=bool)
    expected[30:38, 20:28] = False
    np.testing.assert_array_equal(read_scene(write(values)).valid, expected)
