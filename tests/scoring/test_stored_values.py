"""``roadex.scoring``: the same roads are recognised however they are stored."""

from __future__ import annotations

import numpy as np
import pytest

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.scoring import score
from tests.scoring.masks import half_found, road


@pytest.mark.parametrize(
    ("kind", "scale", "profile"),
    [
        ("0/1", None, {}),
        ("0/1, nodata 0", None, {"nodata": 0}),
        ("0/255", None, {}),
        ("float", None, {}),
        ("float mask", None, {}),
        ("p/254", 1 / 254, {"nodata": 255}),
        ("p/255", None, {}),
        ("uint16 0/1", None, {}),
    ],
)
def test_roads_are_recognised_however_they_are_stored(write_raster, kind, scale, profile):
    mask = half_found()
    ramp = np.linspace(0, 0.4, mask.size).reshape(mask.shape)
    stored = {
        "0/1": mask,
        "0/1, nodata 0": mask,
        "0/255": mask * 255,
        "float": (mask * 0.5 + ramp).astype(np.float32),
        "float mask": mask.astype(np.float32),
        "p/254": mask * 127,
        "p/255": np.where(mask, 200, ramp * 255).astype(np.uint8),
        "uint16 0/1": mask.astype(np.uint16),
    }[kind]
    if kind == "float":
        stored = np.where(mask, 0.9, ramp).astype(np.float32)
    report = score(
        write_raster("p.tif", stored, scale=scale, **profile), write_raster("t.tif", road()),
        metrics=["iou"],
    )  # fmt: skip
    assert report.value("iou") == 0.5
    assert report.decisions[0].startswith("prediction ")


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (road().astype(np.float32) * 8 - 4, "logits"),
        (np.arange(road().size).reshape(road().shape) % 7, "look like classes"),
        (np.arange(road().size, dtype=np.uint16).reshape(road().shape), "neither a mask nor a"),
    ],
)
def test_values_without_a_meaning_are_refused(write_raster, stored, words):
    with pytest.raises(ScoreError, match=words):
        score(write_raster("p.tif", stored), write_raster("t.tif", road()))


def test_values_can_be_given_a_meaning(write_raster):
    config = ScoreConfig(prediction_values="probability-255", threshold=0.02)
    report = score(
        write_raster("p.tif", road() * 7), write_raster("t.tif", road()), config, metrics=["iou"]
    )
    assert report.value("iou") == 1


def test_grey_truth_is_cut_at_128(write_raster):
    grey = np.where(road(), 140, 100).astype(np.uint8)
    grey[0, :3] = 0, 60, 255
    report = score(write_raster("p.tif", road()), write_raster("t.tif", grey), metrics=["iou"])
    assert report.value("iou") == pytest.approx(14 * 80 / (14 * 80 + 1))
    assert "grey" in report.decisions[1]


@pytest.mark.parametrize("odd", [33, 64])
def test_tiles_that_contradict_each_other_are_refused(write_raster, odd):
    for i in range(130):
        write_raster(f"t/{i:03}.png", road((8, 8)), crs=None)
        write_raster(
            f"p/{i:03}.png", np.eye(8, dtype=np.uint8) * (255 if i == odd else 1), crs=None
        )
    folder = write_raster("p/000.png", np.eye(8, dtype=np.uint8), crs=None).parent
    with pytest.raises(ScoreError, match="do not agree"):
        score(folder, folder.parent / "t")
