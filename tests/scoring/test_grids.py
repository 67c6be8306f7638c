"""``roadex.scoring``: other grids, part covered, folders of tiles."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.scoring import score
from tests.scoring.masks import ORIGIN, half_found, road


def test_prediction_on_another_grid_is_warped(write_raster):
    finer = np.kron(half_found(), np.ones((2, 2), np.uint8))
    path = write_raster("p.tif", finer, transform=ORIGIN @ Affine.scale(0.5))
    report = score(path, write_raster("t.tif", road()), metrics=["iou"])
    assert report.value("iou") == 0.5
    assert any("warped" in decision for decision in report.decisions)


def test_prediction_in_another_crs_is_warped(write_raster, write_lines):
    truth = write_lines("t.gpkg", [[(500_000, 2_999_980), (500_100, 2_999_980)]])
    square = Affine(1, 0, 499_990, 0, -1, 3_000_010)
    wide = np.zeros((60, 120), np.uint8)
    wide[26:34] = 1
    mask = write_raster("m.tif", wide, transform=square)
    degrees = _to_degrees(mask, mask.with_name("d.tif"))
    config = ScoreConfig(line_width_m=8)
    for prediction in (mask, degrees):
        report = score(prediction, truth, config, metrics=["iou"])
        assert report.value("iou") > 0.7
    assert score(degrees, mask, metrics=["iou"]).value("iou") > 0.85


def _to_degrees(path, target):
    with rasterio.open(path) as source:
        from rasterio.vrt import WarpedVRT

        with WarpedVRT(source, crs="EPSG:4326") as warped:
            profile = {**warped.profile, "driver": "GTiff"}
            with rasterio.open(target, "w", **profile) as out:
                out.write(warped.read())
    return target


def test_part_covered_is_said_and_scored(write_raster):
    part = write_raster("p.tif", road()[:, :40])
    report = score(part, write_raster("t.tif", road()), metrics=["iou"])
    assert report.value("iou") == 1
    assert any("50.0% of the pixels" in decision for decision in report.decisions)


def test_nodata_is_not_scored(write_raster):
    stored = half_found() * 254
    stored[:, 40:] = 255
    path = write_raster("p.tif", stored, scale=1 / 254, nodata=255)
    assert score(path, write_raster("t.tif", road()), metrics=["iou"]).value("iou") == 1


def test_what_a_mask_leaves_out_and_what_lies_beyond_it_is_not_scored(write_raster):
    path = write_raster("p.tif", road()[:, :60])
    with rasterio.open(path, "r+") as file:
        file.write_mask(np.arange(60) < np.full((60, 1), 40))
    truth = write_raster("t.tif", road(), transform=ORIGIN @ Affine.translation(0.3, 0))
    report = score(path, truth, metrics=["iou"])
    assert report.value("iou") == 1
    assert any("50.0% of the pixels" in decision for decision in report.decisions)


def test_grids_that_cannot_be_aligned_are_refused(write_raster):
    truth = write_raster("t.tif", road())
    far = write_raster("far.tif", road(), transform=ORIGIN @ Affine.translation(9999, 0))
    bare = write_raster("bare.png", road()[:30], crs=None)
    with pytest.raises(ScoreError, match="does not overlap"):
        score(far, truth)
    with pytest.raises(ScoreError, match="has no CRS"):
        score(bare, truth)
    same_size = write_raster("same.png", road(), crs=None)
    report = score(same_size, truth, metrics=["iou"])
    assert report.value("iou") == 1
    assert any("pixel by pixel" in decision for decision in report.decisions)


def test_folder_gives_both_definitions_of_iou_with_intervals(write_raster):
    full, half, none = np.ones((4, 10)), np.zeros((4, 10)), np.zeros((4, 10))
    half[:, :5] = 1
    for name, truth, found in (("a", full, half), ("b", full, full), ("c", none, none)):
        write_raster(f"t/{name}_mask.png", truth.astype(np.uint8) * 255, crs=None)
        path = write_raster(f"p/{name}.png", found.astype(np.uint8), crs=None)
    report = score(path.parent, path.parent.parent / "t", metrics=["iou"])
    assert report.value("iou") == 0.75
    assert report.value("iou_mean") == pytest.approx(2.5 / 3)
    low, high = report.intervals["iou_mean"]
    assert 0.5 <= low < report.value("iou_mean") < high <= 1
    assert [tile.name for tile in report.worst_tiles()] == ["a", "b", "c"]


def test_missing_tile_is_named(write_raster):
    write_raster("t/a.png", road(), crs=None)
    write_raster("t/b.png", road(), crs=None)
    path = write_raster("p/a.png", road(), crs=None)
    with pytest.raises(ScoreError, match=r"1 of 2 truth tiles.*first is 'b'"):
        score(path.parent, path.parent.parent / "t")
