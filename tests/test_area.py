"""An area of interest: what touches it is computed, what is inside is as in the whole run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rasterio.windows import Window

from roadex.config import NODATA, RunConfig
from roadex.errors import ConfigError, SceneError
from roadex.imagery.area import Area
from roadex.inference.float_form import FloatForm
from roadex.pipeline.plan import plan_run
from roadex.pipeline.predict import predict_scene
from roadex.pipeline.run import run

TRIANGLE = shapely.Polygon([(70, 40), (190, 60), (100, 150)])
"""In pixels of the scene."""


@pytest.fixture
def scene(make_scene) -> Path:
    return make_scene(shape=(256, 320))


@pytest.fixture
def settings(model) -> Callable[..., RunConfig]:
    def make(tile_size=64, **predict) -> RunConfig:
        return RunConfig.from_dict(
            {
                "tiling": {"core_size": tile_size, "chip_size": 64, "halo": 32},
                "predict": {"model": str(model), "tta": "none"} | predict,
                "cluster": {"workers": 0, "gpus": "none"},
            }
        )

    return make


@pytest.fixture
def area_file(scene, tmp_path) -> str:
    """Write the triangle in degrees, as a mapping tool would."""
    with rasterio.open(scene) as raster:
        transform, crs = raster.transform, raster.crs
    polygon = shapely.transform(TRIANGLE, lambda x, y: transform @ (x, y), interleaved=False)
    frame = gpd.GeoDataFrame(geometry=[polygon], crs=crs).segmentize(5).to_crs(4326)
    frame.to_file(tmp_path / "area.geojson")
    return str(tmp_path / "area.geojson")


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as raster:
        return raster.read(1)


@pytest.mark.parametrize("tile_size", [64, 128, 512])
def test_only_chips_that_touch_the_area_are_computed(
    tile_size, scene, settings, area_file, tmp_path, monkeypatch
) -> None:
    computed = []
    compute = FloatForm.probability

    def counting(self, image, tta):
        computed.append(image.shape)
        return compute(self, image, tta)

    config = settings(tile_size, aoi=area_file)
    monkeypatch.setattr(FloatForm, "probability", counting)
    plan = predict_scene([scene], tmp_path / "p.tif", config=config)
    touched = [chip for chip in plan.chips if TRIANGLE.intersects(box(chip.core))]
    assert len(computed) == len(touched) < len(plan.chips)
    assert plan.read_megapixels == pytest.approx(len(touched) * 128 * 128 / 1e6)


def box(window: Window) -> shapely.Polygon:
    (top, bottom), (left, right) = window.toranges()
    return shapely.box(left, top, right, bottom)


def test_inside_the_area_all_is_as_in_the_whole_run(scene, settings, area_file, tmp_path) -> None:
    predict_scene([scene], tmp_path / "whole.tif", config=settings())
    predict_scene([scene], tmp_path / "part.tif", config=settings(aoi=area_file))
    whole, part = read(tmp_path / "whole.tif"), read(tmp_path / "part.tif")
    everything = Window(0, 0, 320, 256)  # through degrees and back moves a border a little
    inside = Area.of(TRIANGLE.buffer(-0.5)).inside(everything)
    outside = ~Area.of(TRIANGLE.buffer(0.5)).inside(everything)
    np.testing.assert_array_equal(part[inside], whole[inside])
    assert (part[outside] == NODATA).all()


def test_the_network_ends_at_the_area(scene, settings, area_file, tmp_path) -> None:
    result = run([scene], tmp_path / "out", config=settings(aoi=area_file))
    area = gpd.read_file(area_file).to_crs(result.edges.crs).geometry.iloc[0]
    assert len(result.edges)
    assert result.edges.within(area.buffer(1.5)).all()


def test_bounds_in_degrees_are_an_area(scene, settings) -> None:
    with rasterio.open(scene) as raster:
        west, south, east, north = rasterio.warp.transform_bounds(raster.crs, 4326, *raster.bounds)
    middle = (west + east) / 2
    plan = plan_run([scene], settings(aoi=f"{west},{south},{middle},{north}"))
    assert {tile.col for tile in plan.wanted} == {0, 1, 2}
    assert len(plan_run([scene], settings()).wanted) == 20


def test_an_edited_area_is_another_run(scene, settings, area_file, tmp_path) -> None:
    config = settings(aoi=area_file)
    before = plan_run([scene], config)
    frame = gpd.read_file(area_file)
    frame.geometry = frame.translate(0.0001)
    frame.to_file(area_file)
    after = plan_run([scene], config)
    assert (before.key, before.request) != (after.key, after.request)
    assert before.key != after.key
    assert before.request != after.request


def test_a_wrong_area_is_one_line(scene, settings, tmp_path) -> None:
    lines = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=4326)
    lines.to_file(tmp_path / "lines.geojson")
    wrong = {
        "1,2,3": "no bounds",
        "3,2,1,4": "no bounds",
        str(tmp_path / "nothing.geojson"): "cannot read the area of interest",
        str(tmp_path / "lines.geojson"): "holds no polygon",
    }
    for text, said in wrong.items():
        with pytest.raises(ConfigError, match=said):
            plan_run([scene], settings(aoi=text))
    with pytest.raises(SceneError, match="does not meet the scene"):
        plan_run([scene], settings(aoi="0,0,1,1"))


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40), st.integers(1, 40))
def test_inside_is_the_same_for_any_window(row, col, height, width) -> None:
    area = Area.of(shapely.Polygon([(5.2, 3.1), (37.7, 9.9), (20, 38.4)]))
    whole = area.inside(Window(0, 0, 80, 80))
    part = area.inside(Window(col, row, width, height))
    np.testing.assert_array_equal(part, whole[row : row + height, col : col + width])
