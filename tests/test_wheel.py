"""What people install: the wheel holds all of the package, and works away from the repository."""

from __future__ import annotations

import email
import os
import sqlite3
import subprocess
import sys
import tomllib
import zipfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

from roadex.synthetic import generate_scene, write_scene

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the source distribution, a wheel made from it, and ``direct/*.whl``."""
    missing = [name for name in ("build", "hatchling") if find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (pip install 'roadex[release]')")
    folder = tmp_path_factory.mktemp("dist")
    _build("--outdir", folder)
    _build("--wheel", "--outdir", folder / "direct")
    return folder


def _build(*options: str | Path) -> None:
    # Away from the root: a folder called build there would be imported in place of the program.
    command = [sys.executable, "-m", "build", "--no-isolation", *map(str, options), str(ROOT)]
    done = subprocess.run(
        command, cwd=ROOT / "docs", capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel installed into it, and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    (wheel,) = built.glob("*.whl")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    done = subprocess.run(
        [*command, "--target", str(folder), str(wheel)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def python(site: Path, tmp_path_factory: pytest.TempPathFactory):
    """Return a function that runs Python away from the repository, with what is installed."""
    folder = tmp_path_factory.mktemp("elsewhere")

    def call(code: str, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-P", *(["-c", code] if code else []), *words], cwd=folder,
            env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    call.site, call.folder = site, folder
    return call


@pytest.fixture(scope="module")
def roadex(python):
    """Return a function that runs the installed command in a folder with a generated scene."""
    write_scene(generate_scene(shape=(256, 256), seed=1, style="suburban"), python.folder)

    def call(*words: str) -> str:
        return python("", str(python.site / "bin" / "roadex"), *words)

    call.folder = python.folder
    return call


def _contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_wheel_holds_every_file_of_the_package(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    wanted = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "roadex").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    found = {name for name in _contents(wheel) if ".dist-info/" not in name}
    assert found == wanted
    assert {Path(name).suffix for name in found} >= {".safetensors", ".qml", ".toml", ".txt"}


def test_source_distribution_makes_the_same_wheel(built: Path) -> None:
    (wheel,), (direct,) = built.glob("*.whl"), (built / "direct").glob("*.whl")
    assert wheel.name == direct.name
    assert _contents(wheel) == _contents(direct)


def test_wheel_says_who_may_use_it_and_what_it_holds(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    contents = _contents(wheel)
    licences = {Path(name).name for name in contents if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}
    (metadata,) = (text for name, text in contents.items() if name.endswith("/METADATA"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert email.message_from_bytes(metadata)["Version"] == project["version"]


def test_installed_package_is_used_and_nothing_of_the_repository(python) -> None:
    places = python(
        "import sys, roadex.pipeline.run, roadex.training.job\n"
        "print(*(m.__file__ for n, m in list(sys.modules.items()) if (n + '.')[:7] == 'roadex.'))"
    ).split()
    assert len(places) > 50
    assert all(Path(place).is_relative_to(python.site) for place in places)


def test_installed_recipes_and_splits_are_read(python) -> None:
    found = python(
        "from roadex.training.recipes import read_recipe\n"
        "from roadex.scoring.splits import split_ids\n"
        "print(read_recipe('dlinknet-2018')['network'], len(split_ids('batra-val')))"
    )
    assert found.split() == ["dlinknet34", "1530"]


def test_installed_command_runs_and_converts(roadex) -> None:
    assert "roadex run scene.tif -o out" in roadex("--help")
    assert "roadex-light" in roadex("models", "list")
    roadex("run", "scene.tif", "-o", "out", "--tta", "none", "--gpus", "none")
    roadex("convert", "out", "-o", "roads.geojson")
    written = {path.name for path in (roadex.folder / "out").iterdir()}
    assert written >= {"roads.gpkg", "probability.tif", "preview.png", "report.html", "report.json"}
    assert (roadex.folder / "roads.geojson").stat().st_size > 1000
    with closing(sqlite3.connect(roadex.folder / "out" / "roads.gpkg")) as database:
        (n_styles,) = database.execute("SELECT COUNT(*) FROM layer_styles").fetchone()
    assert n_styles >= len(list((ROOT / "roadex" / "outputs" / "styles").glob("road_*.qml"))) > 0
