"""``roadex.scoring``: reports, sheets and the command."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from roadex.cli.score import score as score_command
from roadex.config import ScoreConfig
from roadex.outputs.drawing import FALSE, FOUND, MISSED
from roadex.scoring import score, write_csv, write_json
from roadex.scoring.worst_tiles import write_sheet
from tests.scoring.masks import half_found, road


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
