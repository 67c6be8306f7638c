"""Stored probability, the tile store, and the finished raster."""

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from roadex.config import NODATA, TilingConfig
from roadex.errors import OutputError
from roadex.imagery.tiling import plan_tiles
from roadex.probability.encoding import decode, encode, stored_probability
from roadex.probability.histogram import sampled_levels
from roadex.probability.raster import ProbabilityProfile, probability_writer
from roadex.probability.source import ArraySource
from roadex.probability.tile_store import TileStore

TILE = plan_tiles((40, 50), TilingConfig(core_size=64, chip_size=64))[0]
PROFILE = ProbabilityProfile(
    (700, 600), CRS.from_epsg(32633), Affine(1, 0, 5e5, 0, -1, 54e5), {"ROADEX_VERSION": "test"}
)


def test_decode_undoes_encode_within_half_a_level():
    probability = np.linspace(0, 1, 1001, dtype=np.float32).reshape(7, 143)
    assert np.abs(decode(encode(probability)) - probability).max() <= 0.5 / 254 + 1e-6


def test_certain_values_are_exact():
    np.testing.assert_array_equal(encode(np.array([[0, 1]], np.float32)), [[0, 254]])
    np.testing.assert_array_equal(decode(np.array([[0, 254]], np.uint8)), [[0, 1]])


def test_pixels_without_imagery_are_nodata_and_nan():
    stored = encode(np.ones((1, 2), np.float32), np.array([[True, False]]))
    np.testing.assert_array_equal(stored, [[254, NODATA]])
    assert np.isnan(decode(stored)[0, 1])


@pytest.mark.parametrize("worst", [1.01, -0.01, np.inf])
def test_floats_beyond_0_to_1_are_no_probability(worst):
    values = np.array([[0.0, 1.0, np.nan, worst]], np.float32)
    with pytest.raises(ValueError, match=r"is in \[0, 1\]"):
        stored_probability(values)
    np.testing.assert_array_equal(stored_probability(values[:, :3]), [[0, 254, NODATA]])


def test_each_pixel_of_a_small_scene_is_counted_once():
    values = np.random.default_rng(0).integers(0, 256, (700, 1100)).astype(np.uint8)
    source = ArraySource(values, Affine(1, 0, 5e5, 0, -1, 54e5), pyproj.CRS(32633))
    expected = [(values == level).sum() for level in range(255)]
    np.testing.assert_array_equal(sampled_levels(source), expected)


def test_of_a_large_scene_64_windows_over_all_of_it_are_counted():
    class Large:
        shape = (20_000, 30_000)
        read_at: list[tuple[int, int]] = []  # noqa: RUF012

        def read(self, row, col, height, width):
            assert row + height <= self.shape[0]
            assert col + width <= self.shape[1]
            self.read_at.append((row, col))
            return np.full((height, width), 7, np.uint8)

    levels = sampled_levels(Large())
    assert np.flatnonzero(levels).tolist() == [7]
    rows, cols = zip(*Large.read_at, strict=True)
    assert len(set(Large.read_at)) == 64
    assert (min(rows), max(rows)) == (0, 19_968)
    assert len(set(cols)) > 20


@pytest.fixture(params=["folder", "url"])
def store(request, tmp_path):
    if request.param == "folder":
        yield TileStore(str(tmp_path / "tiles"))
    else:
        store = TileStore(f"memory://{tmp_path.name}/tiles")
        yield store
        store.release("test")


@pytest.fixture
def stored():
    return np.random.default_rng(0).integers(0, 255, (40, 50)).astype(np.uint8)


def test_store_returns_what_was_written(store, stored):
    store.write(TILE, stored)
    np.testing.assert_array_equal(store.read(TILE), stored)
    assert store.keys() == {TILE.key}


def test_missing_tile_is_none(store):
    assert store.read(TILE) is None
    assert store.keys() == set()


def test_store_can_be_removed(store, stored):
    store.write(TILE, stored)
    store.release("test")
    assert store.keys() == set()


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-5], lambda c: c[:40] + b"x" + c[41:], lambda _: b""]
)
def test_damaged_tile_counts_as_missing(tmp_path, stored, damage):
    store = TileStore(str(tmp_path))
    store.write(TILE, stored)
    path = tmp_path / TILE.key
    path.write_bytes(damage(path.read_bytes()))
    assert store.read(TILE) is None


def test_half_written_tile_is_not_seen(tmp_path):
    (tmp_path / f"{TILE.key}.0123.partial").write_bytes(b"half")
    assert TileStore(str(tmp_path)).keys() == set()


def test_raster_is_a_cog_with_scale_nodata_and_tags(tmp_path):
    from rio_cogeo.cogeo import cog_validate

    path = tmp_path / "probability.tif"
    values = np.random.default_rng(0).integers(0, 256, PROFILE.shape).astype(np.uint8)
    with probability_writer(path, PROFILE) as raster:
        raster.write(values, 1, window=Window(0, 0, 600, 700))
    valid, errors, warnings = cog_validate(path)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(path) as raster:
        np.testing.assert_array_equal(raster.read(1), values)
        assert raster.nodata == NODATA
        assert raster.scales[0] == pytest.approx(1 / 254)
        assert raster.tags()["ROADEX_VERSION"] == "test"
        assert raster.transform == PROFILE.transform
    assert [p.name for p in tmp_path.iterdir()] == ["probability.tif"]


def test_failure_leaves_the_old_raster(tmp_path):
    path = tmp_path / "probability.tif"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="shape"), probability_writer(path, PROFILE) as raster:
        raster.write(np.zeros((3, 3, 3), np.uint8), 1)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["probability.tif"]


def test_unwritable_folder_is_an_output_error(tmp_path):
    with (
        pytest.raises(OutputError, match="cannot write"),
        probability_writer(tmp_path / "missing" / "p.tif", PROFILE),
    ):
        pass
