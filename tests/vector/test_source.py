import pickle

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from roadex.errors import SceneError
from roadex.probability.points import probability_at
from roadex.probability.source import ArraySource, RasterSource


@pytest.fixture
def write_raster(tmp_path):
    def write(values, *, crs="EPSG:32633", nodata=None, scale=None):
        path = tmp_path / "mask.tif"
        profile = {
            "driver": "GTiff", "count": 1, "dtype": values.dtype, "crs": crs, "nodata": nodata,
            "height": values.shape[0], "width": values.shape[1],
            "transform": Affine(1, 0, 400_000, 0, -1, 5_600_000),
        }  # fmt: skip
        with rasterio.open(path, "w", **profile) as raster:
            raster.write(values, 1)
            if scale:
                raster.scales = (scale,)
        return path

    return write


RAMP = np.linspace(0, 1, 60).reshape(6, 10)


@pytest.mark.parametrize(
    ("values", "reading", "expected"),
    [
        (RAMP.astype(np.float32), "fraction", np.rint(RAMP * 254)),
        ((100 * RAMP).astype(np.float32), "percent", np.rint(RAMP * 254)),
        (np.rint(255 * RAMP).astype(np.uint8), "byte", np.rint(np.rint(255 * RAMP) * 254 / 255)),
        ((RAMP > 0.5).astype(np.uint8), "mask", 254 * (RAMP > 0.5)),
        ((255 * (RAMP > 0.5)).astype(np.uint8), "mask", 254 * (RAMP > 0.5)),
        ((RAMP > 0.5).astype(np.float32), "mask", 254 * (RAMP > 0.5)),
        (np.zeros((6, 10), np.uint8), "mask", np.zeros((6, 10))),
    ],
)
def test_values_of_other_tools_are_recognised(values, reading, expected, write_raster):
    source = RasterSource.open(write_raster(values))
    assert source.reading == reading
    assert source.explanation
    assert np.abs(source.read(0, 0, 6, 10) - expected).max() <= 0


def test_own_rasters_are_taken_as_they_are(write_raster):
    values = np.arange(196, 256, dtype=np.uint8).reshape(6, 10)
    source = RasterSource.open(write_raster(values, nodata=255, scale=1 / 254))
    assert source.reading == "roadex"
    assert (source.read(2, 3, 2, 4) == values[2:4, 3:7]).all()


def test_class_raster_needs_the_class_that_is_road(write_raster):
    values = (np.arange(60).reshape(6, 10) % 7).astype(np.uint8)
    path = write_raster(values)
    with pytest.raises(SceneError, match=r"look like classes.*name the class"):
        RasterSource.open(path)
    source = RasterSource.open(path, class_value=3)
    assert (source.read(0, 0, 6, 10) == 254 * (values == 3)).all()


@pytest.mark.parametrize("nodata", [np.nan, -9999.0])
def test_missing_values_become_nodata(nodata, write_raster):
    values = RAMP.astype(np.float32)
    values[2, 3] = nodata
    source = RasterSource.open(write_raster(values, nodata=nodata))
    assert source.read(0, 0, 6, 10)[2, 3] == 255
    assert (source.read(0, 0, 6, 10) == 255).sum() == 1


def test_source_goes_through_pickle(write_raster):
    source = RasterSource.open(write_raster(RAMP.astype(np.float32)))
    again = pickle.loads(pickle.dumps(source))
    assert (again.read(0, 0, 6, 10) == source.read(0, 0, 6, 10)).all()


def test_file_written_anew_is_read_anew(write_raster):
    path = write_raster(np.zeros((6, 10), np.uint8))
    assert RasterSource.open(path).read(0, 0, 6, 10).max() == 0
    write_raster(np.ones((6, 10), np.uint8))
    assert RasterSource.open(path).read(0, 0, 6, 10).min() == 254


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_what_cannot_be_read_is_said(write_raster, tmp_path):
    with pytest.raises(SceneError, match="cannot open"):
        RasterSource.open(tmp_path / "nothing.tif")
    with pytest.raises(SceneError, match="has no CRS"):
        RasterSource.open(write_raster(RAMP.astype(np.float32), crs=None))
    path = write_raster((RAMP * 5000).astype(np.float32))
    with pytest.raises(SceneError, match="neither a mask nor a probability"):
        RasterSource.open(path)
    with pytest.raises(SceneError, match="no band 2"):
        RasterSource.open(path, band=2)
    with pytest.raises(SceneError, match="unknown way"):
        RasterSource.open(path, reading="magic")


def test_points_are_read_in_blocks_that_stay_inside_the_raster(monkeypatch):
    monkeypatch.setattr("roadex.probability.points._BLOCK_PX", 32)
    values = np.random.default_rng(0).integers(0, 255, (70, 50), np.uint8)
    read = ArraySource.read

    def read_inside(source, row, col, height, width):
        assert row + height <= 70
        assert col + width <= 50
        return read(source, row, col, height, width)

    monkeypatch.setattr(ArraySource, "read", read_inside)
    source = ArraySource(values, Affine.identity(), CRS.from_epsg(32633))
    rows, cols = np.indices(values.shape)
    found = probability_at(source, cols.ravel() + 0.5, rows.ravel() + 0.5)
    np.testing.assert_allclose(found, values.ravel() / 254, rtol=1e-6)
