"""Modules that commands load: counted, because most of a small command's time is its imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import roadex
from roadex.config import VectorConfig
from roadex.models.modelfile import model_path
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network
from tests.vector.conftest import draw, source_of

NEVER = {"torch", "dask", "distributed", "matplotlib", "networkx", "skimage", "openvino"}
TABLES = {"pandas", "geopandas", "pyogrio"}
SCIPY = {f"scipy.{part}" for part in ("sparse", "special", "spatial", "ndimage", "linalg")}

COMMANDS = {
    "plan scene.tif --no-calibration": {"numba", "PIL", *TABLES, *SCIPY},
    "merge east.gpkg west.gpkg -o merged.gpkg": {"numba", "PIL", *SCIPY},
    "convert east.gpkg -o east.osm": {"numba", "PIL", *SCIPY},
    "compare east.gpkg west.gpkg -o todo.gpkg": {"numba"},
    "score east.gpkg west.gpkg": {"numba", "PIL"},
    "rebuild east.gpkg -o rebuilt.gpkg": {"numba", "PIL"},
    "vectorize mask.tif -o roads.gpkg": {"PIL", "scipy.special", "scipy.sparse"},
}
"""Command to what it does not need, besides what none of them does."""


def loaded(code: str, folder: Path) -> set[str]:
    """Return the modules a process of its own has loaded after running code."""
    whole = f"import sys; {code}; print(); print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", whole], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture
def folder(make_scene, tmp_path) -> Path:
    """Return a folder with a scene, a mask and two networks that touch."""
    make_scene("scene.tif")
    mask = np.zeros((1, 96, 128), np.uint8)
    mask[:, 40:46] = mask[:, :, 60:66] = 1
    make_scene("mask.tif", values=mask)
    roads = draw([[(0, 30), (159, 34)], [(30, 0), (36, 159)]], (160, 160), width=5)
    network = vectorize(source_of(roads), config=VectorConfig())
    for name in ("east", "west"):
        write_network(network, tmp_path / f"{name}.gpkg", provenance={})
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_command_loads_only_what_it_needs(command, folder):
    run = f"from roadex.cli import cli; cli.main({command.split()}, standalone_mode=False)"
    assert not (NEVER | COMMANDS[command]) & loaded(run, folder)


def test_trial_of_integers_loads_neither_reader_nor_scipy(tmp_path):
    pytest.importorskip("openvino")
    model = model_path("roadex-light")
    trial = "from roadex.inference.speed_trial import _measure"
    seen = loaded(f"{trial}; _measure({str(model)!r}, 64, 'int8')", tmp_path)
    assert "openvino" in seen
    assert not {"torch", "rasterio", "scipy", "pandas"} & seen


def test_version_is_looked_up_when_it_is_asked_for(tmp_path):
    seen = loaded("import roadex", tmp_path)
    assert not {"importlib.metadata", "email"} & seen
    assert "importlib.metadata" in loaded("import roadex; roadex.__version__", tmp_path)


def test_checkout_that_is_not_installed_has_a_version(tmp_path):
    (tmp_path / "roadex").symlink_to(Path(roadex.__file__).parent)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import roadex; "
        "from roadex.models.metadata import ModelMetadata; "
        "described = ModelMetadata(name='x', network='unet', gsd_m=1.0, gsd_range_m=(1.0, 1.0)); "
        "print(roadex.__version__, described.roadex_version)"
    )
    # -S leaves out what is installed, -I what the environment names.
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["0+unknown", "0+unknown"], done.stderr
