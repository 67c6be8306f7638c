"""The vector half where torch, Dask and the libraries of networks are not installed."""

import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from roadex.models.int8 import int8_sha256
from roadex.models.modelfile import model_path

ROOT = Path(__file__).parents[1]

HEAVY = (
    "torch", "torchvision", "timm", "segmentation_models_pytorch", "dask", "distributed",
)  # fmt: skip

BLOCK = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda n, *a: None if n.split(".")[0] in {HEAVY!r} else find_spec(n, *a)
"""

VECTOR_HALF = """
import numpy as np, rasterio, roadex
from roadex.outputs import write_network
mask = np.zeros((300, 300), bool)
mask[100:108] = mask[:, 200:208] = True
network = roadex.vectorize(mask, transform=rasterio.Affine(1, 0, 5e5, 0, -1, 5.4e6), crs=32633)
write_network(network, "roads.gpkg", provenance={}, overwrite=True)
merged = roadex.merge(["roads.gpkg", network])
report = roadex.score(merged, "roads.gpkg")
scores = [round(report.value(name), 9) for name in ("quality", "apls")]
print(len(network.edges), len(merged.edges), *scores)
print(roadex.score(mask, mask, metrics=["iou"]).value("iou"))
print(roadex.plan("scene.tif").model.name)
"""

NEEDS_TORCH = """
import roadex
from roadex.config import RunConfig
float32 = RunConfig.from_dict({"predict": {"precision": "float32"}})
for call in (
    lambda: roadex.run("scene.tif", "out", config=float32),
    lambda: roadex.predict("scene.tif", config=float32),
    lambda: roadex.load_model("roadex-light"),
    lambda: roadex.train("data", "model.safetensors"),
):
    try:
        call()
    except roadex.ModelError as error:
        print(error)
"""


INTEGERS = """
import json, roadex
from roadex.config import RunConfig
settings = {"predict": {"precision": "int8", "tta": "none"}, "cluster": {"gpus": "none"}}
result = roadex.run("scene.tif", "out", config=RunConfig.from_dict(settings))
model = json.loads(result.paths.report.read_text())["model"]
print(model["precision"], model["int8_sha256"])
"""


def without_heavy(code: str, folder: Path) -> str:
    command = [sys.executable, "-c", BLOCK + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_vectorize_merge_score_and_plan_do_without(make_scene, tmp_path):
    make_scene()
    lines = without_heavy(VECTOR_HALF, tmp_path).splitlines()
    assert lines == ["4 4 1.0 1.0", "1.0", "roadex-light"]


@pytest.mark.skipif(find_spec("openvino") is None, reason="the extra 'int8' is not installed")
def test_a_run_in_integers_needs_neither_torch_nor_dask(make_scene, tmp_path):
    make_scene()
    assert without_heavy(INTEGERS, tmp_path).split() == [
        "int8",
        int8_sha256(model_path("roadex-light")),
    ]
    assert (tmp_path / "out" / "roads.gpkg").exists()


def test_what_needs_torch_says_what_to_install(make_scene, tmp_path):
    make_scene()
    lines = without_heavy(NEEDS_TORCH, tmp_path).splitlines()
    assert len(lines) == 4
    assert all("pip install torch torchvision" in line for line in lines)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["vectorize", "merge", "score", "plan", "run", "train"])
def test_help_of_a_verb_needs_no_torch(verb, tmp_path):
    code = f"from roadex.cli import main; sys.argv = ['roadex', {verb!r}, '--help']; main()"
    assert "Usage: roadex" in without_heavy(code, tmp_path)


def test_the_documented_light_install_is_all_requirements_but_the_heavy_ones():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    heavy = {name.replace("_", "-") for name in HEAVY} | {"cryptography"}
    page = (ROOT / "docs" / "install.md").read_text()
    documented = re.search(r"pip install --no-deps .*\n((?:.*\\\n)*.*)", page)[1]
    assert set(re.findall(r"[a-z][\w-]+", documented)) - {"pip", "install"} == names - heavy
