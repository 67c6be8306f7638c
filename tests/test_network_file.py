"""A run whose output is one file."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pytest
from click.testing import CliRunner

import roadex
from roadex.cli import cli
from roadex.config import RunConfig
from roadex.errors import IncompleteError, OutputError
from roadex.network.tables import read_provenance
from roadex.pipeline import network_file
from roadex.pipeline.network_file import run_to_file


@pytest.fixture
def config(model: Path) -> RunConfig:
    return RunConfig.from_dict(
        {
            "tiling": {"core_size": 64, "chip_size": 64, "halo": 32},
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"workers": 0, "gpus": "none"},
        }
    )


@pytest.fixture
def scene(finished_run: Path) -> Path:
    return finished_run.parent / "scene.tif"


def test_the_file_is_that_of_a_run_and_nothing_else_is_left(
    config, scene, finished_run, tmp_path
) -> None:
    result = run_to_file([scene], tmp_path / "roads.gpkg", config=config)
    assert [path.name for path in tmp_path.iterdir()] == ["roads.gpkg"]
    mine, whole = roadex.RoadNetwork.read(tmp_path), roadex.RoadNetwork.read(finished_run)
    assert mine.edges.geometry.equals(whole.edges.geometry)
    assert result.summary["edges"] == len(mine.edges)
    found = read_provenance(tmp_path / "roads.gpkg")
    assert found == read_provenance(finished_run / "roads.gpkg")
    assert found["model"]["name"] == "small"


def test_the_suffix_is_the_format(scene, model, tmp_path) -> None:
    output = tmp_path / "roads.geojson"
    done = CliRunner().invoke(
        cli,
        [
            "run", str(scene), "-o", str(output), "--model", str(model), "--tta", "none",
            "--workers", "0", "--gpus", "none", "--tile-size", "64",
            "--set", "tiling.chip_size=64",
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert str(output) in done.output.replace("\n", "")
    assert len(gpd.read_file(output)) > 50
    assert json.loads(output.read_text())["type"] == "FeatureCollection"


def test_a_file_that_exists_is_refused_before_any_work(config, scene, tmp_path) -> None:
    path = tmp_path / "roads.gpkg"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        run_to_file([scene], path, config=config)
    assert path.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["roads.gpkg"]


def test_missing_tiles_leave_a_file_and_what_is_needed_to_go_on(
    config, scene, tmp_path, monkeypatch
) -> None:
    whole = network_file.run

    def incomplete(*arguments, **options):
        whole(*arguments, **options)
        msg = "1 of 12 tiles failed"
        raise IncompleteError(msg)

    path = tmp_path / "roads.gpkg"
    monkeypatch.setattr(network_file, "run", incomplete)
    with pytest.raises(IncompleteError):
        run_to_file([scene], path, config=config)
    assert path.exists()
    assert (tmp_path / ".roads.gpkg.run" / "probability.tif").exists()
    monkeypatch.undo()
    run_to_file([scene], path, config=config)  # the same call
    assert [path.name for path in tmp_path.iterdir()] == ["roads.gpkg"]
