"""Colours: what bands show is read from the file, and the same ground gives the same image."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from roadex.errors import SceneError
from roadex.imagery.scene import open_scene


@pytest.mark.parametrize(
    "names",
    [
        ("blue", "green", "red"),
        ("Band 1 - Blue", "Band 2 - Green", "Band 3 - Red"),
        ("B02", "B03", "B04", "B08"),
        ("SR_B2", "SR_B3", "SR_B4", "SR_B5"),
        ("coastal_blue", "blue", "green_i", "green", "yellow", "red", "rededge", "nir"),
        ("Deep Blue", "Blue", "Green", "Red", "Red Edge", "NIR"),
        ("nir", "blau", "grün", "rot"),
        ("Red", "Green", "NIR", "Rededge", "Blue"),
    ],
)
def test_bands_are_taken_by_their_descriptions(read_scene, write, pixels, names):
    roles = {"red": 0, "green": 1, "blue": 2, "rot": 0, "blau": 2, "grün": 1, "sr_b4": 0,
             "sr_b3": 1, "sr_b2": 2, "b04": 0, "b03": 1, "b02": 2}  # fmt: skip
    bands = [roles.get(name.lower().split(" - ")[-1]) for name in names]
    values = np.stack([255 - pixels[0] if band is None else pixels[band] for band in bands])
    read = read_scene(write(values, names=names, photometric="minisblack"))
    np.testing.assert_array_equal(read.image, pixels)
    assert read.valid.all()


def test_a_model_of_other_bands_gets_them_in_its_order(read_scene, write, pixels):
    path = write(np.concatenate([pixels, 255 - pixels[:1]]), names=("red", "green", "blue", "nir"))
    read = read_scene(path, wanted=("nir", "red", "green"))
    np.testing.assert_array_equal(read.image, [255 - pixels[0], pixels[0], pixels[1]])
    assert read_scene(path, wanted=("blue", "green", "red")).scene.bands == (3, 2, 1)


def test_bands_without_a_word_are_taken_for_rgb_and_it_is_said(read_scene, write, pixels):
    path = write(pixels, photometric="minisblack", names=("Band 1", "Band 2", "Band 3"))
    read = read_scene(path, wanted=("blue", "green", "red"))
    np.testing.assert_array_equal(read.image, pixels[::-1])
    assert "taken for red, green, blue" in read.said


def test_near_infrared_red_green_is_refused_with_the_bands_it_has(write, pixels):
    path = write(pixels, photometric="minisblack", names=("nir", "red", "green"))
    with pytest.raises(SceneError, match=r"no blue band.*1 nir, 2 red, 3 green.*--bands"):
        open_scene([path])


def test_near_infrared_marked_as_alpha_is_no_alpha(read_scene, write, pixels, with_band):
    values = with_band(pixels, (255 - pixels[0]) // 2)
    read = read_scene(
        write(values, colours="red green blue alpha", names=("red", "green", "blue", "nir"))
    )
    assert read.valid.all()
    np.testing.assert_array_equal(read.image, pixels)


def test_a_palette_is_expanded(read_scene, write, pixels):
    cube = np.round(pixels / 51).astype(int)
    place = cube[0] * 36 + cube[1] * 6 + cube[2]
    order = np.random.default_rng(0).permutation(216)
    order = (order - order[place[0, 0]]) % 216 + 39
    order[place[0, 0]] = 255  # the last one of a palette is a colour too
    index = order[place].astype(np.uint8)
    path = write(index, photometric="palette")
    with rasterio.open(path, "r+") as raster:
        colours = {
            int(order[i]): (i // 36 * 51, i // 6 % 6 * 51, i % 6 * 51, 255) for i in range(216)
        }
        raster.write_colormap(1, colours)
    read = read_scene(path)
    np.testing.assert_array_equal(read.image, cube * 51)
    assert read.scene.bands == (1, 2, 3)


@pytest.mark.parametrize(("dtype", "white", "options"), [
    ("uint8", 255, {}), ("uint16", 65535, {}), ("uint16", 4095, {"nbits": 12}),
])  # fmt: skip
def test_white_stored_as_0_is_inverted_and_said(read_scene, write, pixels, dtype, white, options):
    grey = pixels[0].astype(dtype)
    plain = read_scene(write(grey, name="plain.tif", photometric="minisblack", **options))
    path = write((white - grey).astype(dtype), photometric="miniswhite", **options)
    read = read_scene(path)
    np.testing.assert_array_equal(read.image, plain.image)
    assert "white as 0; it was inverted" in read.said


def test_cmyk_is_brought_to_rgb(read_scene, write, pixels):
    white = pixels.max(axis=0)  # what black leaves
    ink = 255 - np.round(pixels / white * 255)
    path = write(np.concatenate([ink, 255 - white[None]]).astype(np.uint8), photometric="cmyk")
    assert np.abs(read_scene(path).image - pixels).max() <= 2


def test_colours_of_jpeg_are_brought_to_rgb(read_scene, write, pixels):
    smooth = np.broadcast_to(pixels[0, ::8, ::8].repeat(8, 0).repeat(8, 1), pixels.shape)
    options = {"compress": "jpeg", "photometric": "ycbcr", "jpeg_quality": 95}
    read = read_scene(write(np.ascontiguousarray(smooth), **options))
    assert np.abs(read.image - smooth).mean() < 3
    assert read.scene.bands == (1, 2, 3)


def test_one_band_serves_for_all_and_is_said(read_scene, write, pixels):
    read = read_scene(write(pixels[0]))
    np.testing.assert_array_equal(read.image, pixels[[0, 0, 0]])
    assert "has one band" in read.said


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_heights_are_doubted(read_scene, write, dtype):
    row, col = np.mgrid[:80, :80] / 80
    heights = 180 + 40 * np.sin(4 * row) * np.cos(3 * col) + 12 * row
    read = read_scene(write((heights * (10 if dtype == "int16" else 1)).astype(dtype)))
    assert "looks like an elevation model" in read.said


def test_a_band_called_elevation_is_doubted(read_scene, write, pixels):
    read = read_scene(write(pixels[0].astype(np.float32), names=("elevation",)))
    assert "the band says that it is elevation" in read.said


def test_a_mask_is_doubted_and_vectorize_named(read_scene, write, pixels):
    for road in (1, 255):
        values = ((pixels[0] > 150) * road).astype(np.uint8)
        values[::2, 0] = road  # no border of one value
        read = read_scene(write(values, name=f"{road}.tif"))
        assert "looks like a mask" in read.said
        assert "roadex vectorize" in read.said


def test_classes_are_doubted_and_vectorize_named(read_scene, write):
    classes = np.random.default_rng(0).integers(1, 8, (80, 80), dtype=np.uint8)
    assert "looks like a raster of classes" in read_scene(write(classes)).said


def test_imagery_of_one_band_is_not_doubted(read_scene, write, pixels):
    for dtype in ("uint8", "uint16", "float32"):
        assert "looks like" not in read_scene(write(pixels[0].astype(dtype))).said


def test_values_are_stretched_to_those_the_model_was_trained_on(read_scene, write, pixels):
    path = write(pixels.astype(np.uint16) * 8)
    low, high = np.percentile(pixels.reshape(3, -1), (1, 99), axis=1)
    trained = tuple(zip(low.tolist(), high.tolist(), strict=True))
    read = read_scene(path, stretch=trained)
    assert np.abs(read.image - pixels).max() < 6
    assert np.abs(read_scene(path).image - pixels).mean() > 10  # without it
