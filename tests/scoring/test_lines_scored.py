"""``roadex.scoring``: files of lines, and lines against rasters."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
from affine import Affine
from shapely.geometry import Point

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.scoring import score
from tests.scoring.masks import CRS


def test_lines_are_compared_in_metres_whatever_their_crs(write_lines):
    line = [(500_000, 3_000_000), (500_400, 3_000_000)]
    truth = write_lines("t.geojson", [line], layer=None)
    moved = geopandas.read_file(truth).to_crs(4326)
    moved.to_file(truth.with_name("degrees.geojson"))
    report = score(truth.with_name("degrees.geojson"), truth, metrics=["completeness"])
    assert report.value("completeness") == 1
    assert report.value("true_km") == pytest.approx(0.4, rel=1e-6)


def test_points_are_no_roads(tmp_path, write_lines):
    frame = geopandas.GeoDataFrame(geometry=[Point(5e5, 3e6)], crs=CRS)
    frame.to_file(tmp_path / "points.gpkg")
    with pytest.raises(ScoreError, match="holds no lines"):
        score(tmp_path / "points.gpkg", write_lines("t.gpkg", [[(5e5, 3e6), (5.1e5, 3e6)]]))


def test_road_edges_layer_is_found_among_others(tmp_path, write_lines):
    line = [(500_000, 3_000_000), (500_400, 3_000_000)]
    path = write_lines("roads.gpkg", [line], layer="road_edges")
    write_lines("roads.gpkg", [line[::-1]], layer="other_lines")
    assert score(path, path, metrics=["completeness"]).value("quality") == 1


def test_nothing_there_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no roads here")
    with pytest.raises(ScoreError, match="does not exist"):
        score(tmp_path / "none.tif", tmp_path / "none.tif")
    with pytest.raises(ScoreError, match="neither a raster nor lines"):
        score(tmp_path / "notes.txt", tmp_path / "notes.txt")


def test_raster_against_lines_is_scored_as_pixels_and_as_lines(write_raster, write_lines):
    mask = np.zeros((400, 400), np.uint8)
    mask[190:206] = 1
    prediction = write_raster("p.tif", mask)
    y = 3_000_000 - 198 * 0.5
    truth = write_lines("t.gpkg", [[(499_900, y), (500_300, y)]])
    report = score(prediction, truth, ScoreConfig(line_width_m=8))
    assert report.value("iou") > 0.98
    assert report.value("completeness") > 0.97
    assert report.value("correctness") == 1
    assert report.value("true_km") == pytest.approx(0.2, abs=0.001)
    assert any("cut at the border" in decision for decision in report.decisions)
    swapped = score(truth, prediction, ScoreConfig(line_width_m=8))
    assert swapped.value("iou") == pytest.approx(report.value("iou"))
    assert swapped.value("correctness") == pytest.approx(report.value("completeness"))


def test_two_rasters_are_compared_as_lines_when_asked(write_raster):
    mask = np.zeros((400, 400), np.uint8)
    mask[190:206] = 1
    mask[:, 100:112] = 1
    path = write_raster("p.tif", mask)
    report = score(path, path, metrics=["iou", "apls", "completeness"])
    assert report.value("apls") == pytest.approx(1)
    with pytest.raises(ScoreError, match="a folder of tiles has none"):
        score(path.parent, path.parent, metrics=["apls"])


@pytest.mark.parametrize("threshold", [None, 0.9])
def test_lines_of_a_probability_are_those_vectorize_writes(tmp_path, threshold):
    from roadex.config import THRESHOLDS_TAG, RunConfig, VectorConfig
    from roadex.pipeline.vectorize import vectorize
    from roadex.probability.raster import ProbabilityProfile, probability_writer
    from roadex.probability.values import ENCODINGS
    from roadex.scoring.centre_lines import centre_lines

    path, place = tmp_path / "p.tif", Affine(1, 0, 5e5, 0, -1, 5e6)
    probability = np.zeros((200, 300), np.uint8)
    probability[40:48] = 60  # below 0.3 of 254, above the low threshold of the model
    probability[40:48, 100:200] = 240
    probability[120:128] = 100  # above the high threshold of the model alone
    profile = ProbabilityProfile(
        probability.shape, "EPSG:32633", place, {THRESHOLDS_TAG: "0.2 0.35"}
    )
    with probability_writer(path, profile) as raster:
        raster.write(probability, 1)
    lines, _ = centre_lines(
        str(path), ENCODINGS["probability-254"], ScoreConfig(threshold=threshold)
    )
    written = vectorize(path, config=RunConfig(vector=VectorConfig(high=threshold)))
    assert len(written.edges) == (2 if threshold is None else 1)
    assert [line.wkt for line in lines.geometries] == [line.wkt for line in written.edges.geometry]
