"""The demonstration: a scene, its roads, and an honest score, from one call or command."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
import rasterio
from click.testing import CliRunner

from roadex.cli.demo import demo as demo_command
from roadex.config import DemoConfig, RunConfig
from roadex.errors import ConfigError, OutputError
from roadex.pipeline.demo import LINE_METRICS, PIXEL_METRICS, run_demo


@pytest.fixture
def settings(model: Path, scheduler: str) -> RunConfig:
    return RunConfig.from_dict(
        {
            "tiling": {"core_size": 256, "chip_size": 256},
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"scheduler": scheduler},
        }
    )


def test_demo_scores_its_own_scene(settings: RunConfig, tmp_path: Path) -> None:
    result = run_demo(tmp_path / "out", demo=DemoConfig(size=256), config=settings)
    assert set(result.scores) == {*PIXEL_METRICS, *LINE_METRICS}
    assert gpd.read_file(result.scene["roads"]).length.sum() / 1000 == pytest.approx(result.true_km)
    with (
        rasterio.open(result.scene["scene"]) as scene,
        rasterio.open(result.run.paths.probability) as p,
    ):
        assert scene.transform == p.transform
        assert scene.shape == p.shape == (256, 256)


def test_demo_does_not_replace_results_unasked(settings: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "roads.gpkg").write_bytes(b"mine")
    with pytest.raises(OutputError, match="--overwrite"):
        run_demo(tmp_path, config=settings)
    assert [path.name for path in tmp_path.iterdir()] == ["roads.gpkg"]


def test_command_prints_the_score_and_where_the_files_are(
    model: Path, scheduler: str, tmp_path: Path
) -> None:
    arguments = ["-o", tmp_path, "--size", 256, "-m", model, "--tta", "none"]
    arguments += ["--scheduler", scheduler, "--tile-size", 256]
    run = CliRunner().invoke(demo_command, [str(a) for a in arguments], catch_exceptions=False)
    assert run.exit_code == 0
    for word in ("completeness", "apls", "roads.gpkg", "truth/scene.tif"):
        assert word in run.stdout.replace("\n", "")


@pytest.mark.parametrize("settings_of_demo", [{"size": 10}, {"size": 100_000}, {"seed": -1}])
def test_settings_out_of_range_are_refused(settings_of_demo: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(settings_of_demo.values())))):
        DemoConfig(**settings_of_demo)
