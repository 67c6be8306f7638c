"""One meaning of stored values: what vectorize takes for road, score does too."""

from __future__ import annotations

import numpy as np
import pytest

from roadex.errors import SceneError, ScoreError
from roadex.probability.source import RasterSource
from roadex.probability.values import SAMPLED_FILES, decide_encoding, seen_values

ROAD = np.zeros((60, 80), bool)
ROAD[20:28] = True
RAMP = np.linspace(0, 1, ROAD.size).reshape(ROAD.shape)
rng = np.random.default_rng(0)

RASTERS = {
    "0 and 1": (ROAD.astype(np.uint8), {}),
    "0 and 255": (np.where(ROAD, 255, 0).astype(np.uint8), {}),
    "0 and 7": (np.where(ROAD, 7, 0).astype(np.uint8), {}),
    "0 and 65535": (np.where(ROAD, 65535, 0).astype(np.uint16), {}),
    "blurred mask": (
        np.where(ROAD, 250, 5).astype(np.uint8) + rng.integers(0, 5, ROAD.shape, np.uint8), {},
    ),
    "fraction": (RAMP.astype(np.float32), {}),
    "per cent": (np.float32(100) * RAMP.astype(np.float32), {}),
    "grey": ((255 * RAMP).astype(np.uint8), {}),
    "of roadex": ((254 * RAMP).astype(np.uint8), {"scale": 1 / 254, "nodata": 255}),
    "nothing": (np.zeros(ROAD.shape, np.uint8), {}),
    "missing": (np.where(ROAD, -9999, RAMP).astype(np.float32), {"nodata": -9999}),
    "not a number": (np.where(ROAD, np.nan, RAMP).astype(np.float32), {"nodata": np.nan}),
}  # fmt: skip

AMBIGUOUS = {
    "classes": (np.arange(ROAD.size).reshape(ROAD.shape) % 7).astype(np.uint8),
    "logits": (RAMP * 8 - 4).astype(np.float32),
    "reflectance": (RAMP * 3000).astype(np.uint16),
}


@pytest.fixture
def write(make_scene):
    def make(values, **profile):
        scale = profile.pop("scale", None)
        path = make_scene("values.tif", values=values[None], **profile)
        if scale is not None:
            import rasterio

            with rasterio.open(path, "r+") as raster:
                raster.scales = (scale,)
        return str(path)

    return make


@pytest.mark.parametrize("name", RASTERS)
def test_vectorize_and_score_see_the_same_road(name, write) -> None:
    values, profile = RASTERS[name]
    path = write(values, **profile)
    source = RasterSource.open(path)
    level = source.read(0, 0, *values.shape)
    encoding, _ = decide_encoding([path], wanted="auto", is_truth=False)
    valid = level != 255
    assert encoding.is_probability == (source.reading in ("fraction", "percent", "byte", "roadex"))
    if encoding.is_probability:
        exact = encoding.probability(values)[valid]
        np.testing.assert_allclose(level[valid] / 254, exact, atol=0.5 / 254 + 1e-6)
    else:
        np.testing.assert_array_equal(level == 254, encoding.road(values, 0.5))


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_is_ambiguous_is_refused_by_both_for_the_same_reason(name, write) -> None:
    path = write(AMBIGUOUS[name])
    with pytest.raises(SceneError) as vectorized:
        RasterSource.open(path)
    with pytest.raises(ScoreError) as scored:
        decide_encoding([path], wanted="auto", is_truth=False)
    texts = [str(error.value).partition(": ")[2] for error in (vectorized, scored)]
    reasons = {text.partition(". ")[0] for text in texts}
    assert len(reasons) == 1
    assert "" not in reasons


def test_of_many_files_64_or_more_evenly_spread_ones_are_looked_at(make_scene) -> None:
    highest = [1] * (2 * SAMPLED_FILES)
    highest[SAMPLED_FILES] = 255
    paths = [
        str(make_scene(f"{i}.tif", values=np.where(ROAD, top, 0).astype(np.uint8)[None]))
        for i, top in enumerate(highest)
    ]
    seen = seen_values(paths)
    assert seen.is_mixed
    assert seen.distinct == {0, 1, 255}


@pytest.mark.parametrize(("band", "expected"), [(1, {0, 7}), (2, {0, 255})])
def test_nodata_is_that_of_the_band(make_scene, tmp_path, band, expected):
    raster = make_scene(values=np.array([[[0, 7, 255]]], np.uint8))
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{number}"><NoDataValue>{nodata}</NoDataValue>'
        f"<SimpleSource><SourceFilename>{raster}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand>"
        for number, nodata in ((1, 255), (2, 7))
    )
    (tmp_path / "two.vrt").write_text(
        f'<VRTDataset rasterXSize="3" rasterYSize="1">{bands}</VRTDataset>'
    )
    assert seen_values([str(tmp_path / "two.vrt")], band).distinct == expected
