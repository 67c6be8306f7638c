"""``roadex.scoring``: recognising, aligning, refusing, reporting."""

from __future__ import annotations

import csv
import json

import geopandas
import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from PIL import Image
from shapely.geometry import LineString, Point

from roadex.cli.score import score as score_command
from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.imagery.containers import without_georeference_warning
from roadex.outputs.drawing import FALSE, FOUND, MISSED
from roadex.scoring import score, write_csv, write_json
from roadex.scoring.worst_tiles import write_sheet

ORIGIN = Affine(0.5, 0, 500_000, 0, -0.5, 3_000_000)
CRS = "EPSG:32643"


@pytest.fixture
def write_raster(tmp_path):
    def write(name, values, *, crs=CRS, transform=ORIGIN, scale=None, **profile):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        profile = {"driver": "PNG" if name.endswith("png") else "GTiff", **profile}
        height, width = values.shape
        place = {} if crs is None else {"crs": crs, "transform": transform}
        with (
            without_georeference_warning(),
            rasterio.open(
                path, "w", height=height, width=width, count=1, dtype=values.dtype, **place,
                **profile,
            ) as raster,
        ):  # fmt: skip
            raster.write(values, 1)
            if scale:
                raster.scales = [scale]
        return path

    return write


@pytest.fixture
def write_lines(tmp_path):
    def write(name, lines, *, crs=CRS, layer=None):
        path = tmp_path / name
        frame = geopandas.GeoDataFrame(geometry=[LineString(line) for line in lines], crs=crs)
        frame.to_file(path, **({"layer": layer} if layer else {}))
        return path

    return write


def road(shape=(60, 80)):
    mask = np.zeros(shape, np.uint8)
    mask[20:34] = 1
    return mask


def half_found():
    mask = road()
    mask[:, 40:] = 0
    return mask


# Every way of writing the same roads is recognised.


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


# Grids


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


# Folders


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


# Lines


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


# Reports


def test_report_reads_back_from_json_and_csv(tmp_path, write_raster):
    config = ScoreConfig(tile_size=32, betti_window_px=32)
    probability = np.where(half_found(), 0.8, 0.2).astype(np.float32)
    report = score(write_raster("p.tif", probability), write_raster("t.tif", road()), config)
    write_json(report, tmp_path / "s.json")
    write_csv(report, tmp_path / "s.csv")
    read = json.loads((tmp_path / "s.json").read_text())
    assert read["scores"]["iou"]["iou"] == 0.5
    assert len(read["curves"]["thresholds"]["iou"]) == 255
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert len(rows) == 6
    assert sum(int(row["false_negative"]) for row in rows) == 14 * 40
    wrong = [int(row["false_negative"]) + int(row["false_positive"]) for row in rows]
    assert wrong == sorted(wrong, reverse=True)


def test_scores_do_not_depend_on_the_tile_size(write_raster):
    rng = np.random.default_rng(0)
    blobs = rng.random((30, 40)).repeat(5, axis=0).repeat(5, axis=1)
    truth = write_raster("t.tif", (blobs > 0.7).astype(np.uint8))
    found = write_raster("p.tif", np.clip(blobs + 0.2 * rng.random(blobs.shape), 0, 1))
    metrics = ["iou", "relaxed", "relaxed_curve", "cldice", "thresholds", "calibration", "betti"]
    first, second = (
        score(found, truth, ScoreConfig(tile_size=size, betti_window_px=32), metrics=metrics)
        for size in (32, 256)
    )
    for (metric, name, a, _), (_, _, b, _) in zip(first.rows(), second.rows(), strict=True):
        assert a == pytest.approx(b, abs=1e-12), (metric, name)


def test_sheet_shows_found_false_and_missed(tmp_path, write_raster, write_lines):
    truth, found = road(), half_found()
    found[50:] = 1
    report = score(write_raster("p.tif", found), write_raster("t.tif", truth), metrics=["iou"])
    write_sheet(report, tmp_path / "pixels.png")
    east = [(500_000, 3_000_000), (500_200, 3_000_000)]
    west, north = (
        [(500_000, 3_000_000), (499_800, 3_000_000)],
        [(500_000, 3e6), (500_000, 3.0001e6)],
    )
    report = score(write_lines("p.gpkg", [east, north]), write_lines("t.gpkg", [east, west]))
    write_sheet(report, tmp_path / "lines.png")
    for name in ("pixels.png", "lines.png"):
        panel = np.asarray(Image.open(tmp_path / name))[60:]
        colours = {tuple(colour) for colour in np.unique(panel.reshape(-1, 3), axis=0).tolist()}
        assert {FOUND, FALSE, MISSED} <= colours


# Command line


def test_command_needs_no_subcommand(tmp_path, write_raster):
    path = str(write_raster("t.tif", road()))
    files = [f"--{kind}={tmp_path / f'out.{kind}'}" for kind in ("json", "csv")]
    arguments = [path, path, "--metric", "iou", "--sheet", str(tmp_path / "out.png"), *files]
    result = CliRunner().invoke(score_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "1.0000" in result.output
    assert "mask, road where the value is 1" in result.output
    assert all((tmp_path / f"out.{kind}").stat().st_size > 0 for kind in ("json", "csv", "png"))


def test_settings_are_read_and_checked_on_the_command_line(write_raster):
    path = str(write_raster("t.tif", road()))
    arguments = [path, path, "--metric=relaxed", "--set"]
    runner = CliRunner()
    fine = runner.invoke(score_command, [*arguments, "relaxed_radius_px=2"])
    assert fine.exit_code == 0
    wrong = runner.invoke(score_command, [*arguments, "relaxed_radius_px=wide"])
    assert "relaxed_radius_px must be a whole number, got 'wide'" in str(wrong.exception)
    unknown = runner.invoke(score_command, [*arguments, "radius=2"])
    assert "relaxed_radius_px" in str(unknown.exception)


def test_help_of_both_forms_has_examples():
    for arguments in (["-h"], ["files", "--help"]):
        result = CliRunner().invoke(score_command, arguments)
        assert result.exit_code == 0
        assert "Examples:" in result.output


# A raster against lines


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
