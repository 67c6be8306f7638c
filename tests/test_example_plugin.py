"""The example of a package that extends roadex: built, installed, and used as its page says."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import geopandas as gpd
import pytest
import torch

from roadex.models.modelfile import read_metadata
from roadex.synthetic import generate_scene, write_pairs, write_scene

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "howto" / "extend.md"
EXAMPLE = ROOT / "docs" / "examples" / "plugin"
ROADEX = "import sys; from roadex.cli import main; sys.argv[0] = 'roadex'; main()"
SHORT = ("steps=2", "batch_size=2", "chip_size=64", "loader_processes=0")
RECORD = {"package": "roadex-example", "version": "0.1.0"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder the example is installed into, from this checkout and nothing else."""
    if find_spec("hatchling") is None:
        pytest.skip("no hatchling here (pip install 'roadex[release]')")
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
        "--no-build-isolation", "--target", str(folder), str(EXAMPLE),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def said(site: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what each command of the page printed, run in their order in one folder."""
    folder = tmp_path_factory.mktemp("here")
    paths = write_scene(generate_scene(shape=(256, 256), seed=1, style="suburban"), folder)
    gpd.read_file(paths["roads"]).to_file(folder / "truth.gpkg")
    list(write_pairs([generate_scene(shape=(128, 128), seed=2)], folder / "my" / "data"))
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{site}"}
    printed = {"folder": str(folder)}
    page = re.sub(r"\\\n\s*", "", PAGE.read_text())
    for line in re.findall(r"^    roadex (.+)$", page, flags=re.MULTILINE):
        words = shlex.split(line)
        if words[0] == "train":
            words += [word for setting in SHORT for word in ("--set", setting)]
        done = subprocess.run(
            [sys.executable, "-c", ROADEX, *words], cwd=folder, env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        printed[words[0]] = done.stdout
    return printed


@pytest.mark.slow
def test_doctor_lists_all_that_the_example_offers(said: dict[str, str]) -> None:
    offered = re.findall(r"^\"?([\w.-]+)\"? = \"roadex_example\.", _pyproject(), re.MULTILINE)
    assert len(offered) == 5
    for name in offered:
        assert re.search(rf"extension +ok +.*'{name}' of roadex-example 0\.1\.0", said["doctor"])
    assert "extension of roadex-example 0.1.0" in said["models"]


@pytest.mark.slow
def test_the_model_says_where_network_and_loss_are_from(said: dict[str, str]) -> None:
    training = read_metadata(Path(said["folder"]) / "tiny.safetensors").training
    assert training["extensions"] == [
        {"family": "network", "name": "tiny"} | RECORD,
        {"family": "loss", "name": "tversky"} | RECORD,
    ]


@pytest.mark.slow
def test_run_and_convert_say_where_step_and_format_are_from(said: dict[str, str]) -> None:
    folder = Path(said["folder"])
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["extensions"] == [{"family": "cleaning step", "name": "lone-roads"} | RECORD]
    assert report["result"]["cleaning"][-1]["step"] == "lone-roads"
    beside = json.loads((folder / "roads.provenance.json").read_text())
    assert beside["extensions"] == [{"family": "output format", "name": ".wkt"} | RECORD]
    lines = gpd.GeoSeries.from_wkt((folder / "roads.wkt").read_text().splitlines())
    assert len(lines) == report["result"]["edges"]
    assert set(lines.geom_type) == {"LineString"}
    assert "length_ratio" in said["score"]
    assert "metric length_ratio is of roadex-example 0.1.0" in said["score"]


def test_the_loss_keeps_to_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    tversky = _member(monkeypatch, "losses").tversky
    target = torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]])
    valid = torch.tensor([[[[True, True], [True, False]]]])
    assert tversky(100 * (2 * target - 1), target, valid) == 0
    assert tversky(100 * (1 - 2 * target), target, valid) == 1
    # One of two roads found: 1 - 1 / (1 + 0.7), and the pixel that is not valid changes nothing.
    target = torch.tensor([[[[1.0, 1.0], [0.0, 1.0]]]])
    logits = torch.tensor([[[[100.0, -100.0], [-100.0, 100.0]]]])
    assert tversky(logits, target, valid) == pytest.approx(1 - 1 / 1.7)
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    tversky(logits, torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2).bool()).backward()
    assert torch.equal(logits.grad, torch.zeros(1, 1, 2, 2))


def test_names_promised_to_extensions_are_there() -> None:
    table = PAGE.read_text().partition("## What stays the same")[2]
    rows = re.findall(r"^\| `(roadex[\w.]*)` \| (.+) \|$", table, flags=re.MULTILINE)
    assert len(rows) == 10
    for module, names in rows:
        for name in re.findall(r"`(\w+)`", names):
            assert hasattr(importlib.import_module(module), name), f"{module}.{name}"


def test_the_example_imports_only_what_is_promised() -> None:
    table = PAGE.read_text().partition("## What stays the same")[2]
    for source in (EXAMPLE / "roadex_example").glob("*.py"):
        for module, names in re.findall(
            r"^from (roadex\.\S+) import (.+)$", source.read_text(), re.M
        ):
            (row,) = re.findall(rf"^\| `{re.escape(module)}` \| (.+) \|$", table, re.MULTILINE)
            assert set(names.split(", ")) <= set(re.findall(r"\w+", row)), source


def _pyproject() -> str:
    return (EXAMPLE / "pyproject.toml").read_text()


def _member(monkeypatch: pytest.MonkeyPatch, name: str) -> Callable:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    return importlib.import_module(f"roadex_example.{name}")
