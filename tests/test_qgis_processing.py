"""The plugin in QGIS: installed from its ZIP file into an empty profile, every algorithm run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from roadex.outputs import write_network
from roadex.pipeline.vectorize import vectorize

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / "workflows" / "qgis"
IN_QGIS = Path(__file__).with_name("plugin_in_qgis.py")
PYTHON = "/usr/bin/python3"
SMALL = "tiling.core_size=64\ntiling.chip_size=64\ntiling.halo=32\ncluster.workers=0"

pytestmark = pytest.mark.service


@dataclass(frozen=True)
class Qgis:
    """QGIS without windows, in a profile of its own."""

    process: str
    profile: Path
    environment: dict[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Call ``qgis_process``."""
        return subprocess.run(
            [self.process, *words], capture_output=True, text=True, env=self.environment,
            timeout=280, check=False,
        )  # fmt: skip

    def results(self, algorithm: str, **parameters: object) -> dict[str, Any]:
        """Run an algorithm and return its results."""
        words = [f"{name}={value}" for name, value in parameters.items()]
        done = self.run("--json", "run", algorithm, "--", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)["results"]

    def error(self, algorithm: str, **parameters: object) -> str:
        """Run an algorithm that fails and return what is on the screen."""
        words = [f"{name}={value}" for name, value in parameters.items()]
        done = self.run("run", algorithm, "--", *words)
        assert done.returncode != 0
        return done.stdout + done.stderr

    @contextmanager
    def executable(self, path: str | Path) -> Iterator[None]:
        """Set the path of ``roadex`` in the options of Processing."""
        settings = self.profile / "profiles" / "default" / "QGIS" / "QGIS3.ini"
        before = settings.read_text()
        line = f"Configuration\\ROADEX_EXECUTABLE={path}"
        settings.write_text(f"{before}\n[Processing]\n{line}\n")
        try:
            yield
        finally:
            settings.write_text(before)

    def script(self, *words: str) -> dict[str, Any]:
        """Call ``plugin_in_qgis.py``."""
        done = subprocess.run(
            [PYTHON, str(IN_QGIS), *words], capture_output=True, text=True, env=self.environment,
            timeout=280, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def working_qgis_process(environment: dict[str, str]) -> str:
    """Return a ``qgis_process`` that starts: Debian 12 has a wrapper around it that does not."""
    for name in ("qgis_process", "qgis_process.bin"):
        found = shutil.which(name)
        if found is None:
            continue
        tried = subprocess.run(
            [found, "--version"], capture_output=True, text=True, env=environment, check=False
        )
        if "QGIS" in tried.stdout:
            return found
    pytest.skip("no qgis_process that works")


@pytest.fixture(scope="module")
def program_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the ``roadex`` of this checkout."""
    folder = tmp_path_factory.mktemp("environment")
    program = folder / "roadex"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from roadex.cli import main\nmain()\n"
    )
    program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def qgis(program_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Qgis:
    """Return QGIS with the plugin installed into an empty profile, and enabled."""
    folder = tmp_path_factory.mktemp("qgis")
    (folder / "runtime").mkdir(mode=0o700)
    environment = os.environ | {
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(folder / "runtime"),
        "QGIS_CUSTOM_CONFIG_PATH": str(folder / "profile"),
        "PATH": f"{program_folder}:/usr/local/bin:/usr/bin:/bin",
    }
    environment.pop("PYTHONPATH", None)
    found = Qgis(working_qgis_process(environment), folder / "profile", environment)
    packed = subprocess.run(
        [PYTHON, str(WORKFLOW / "package.py"), "-o", str(folder)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = found.script("install", packed.stdout.strip())
    assert told["error"] == ""
    assert told["name"] == "roadex"
    enabled = found.run("plugins", "enable", "roadex_provider")
    assert enabled.returncode == 0, enabled.stdout + enabled.stderr
    return found


@pytest.fixture
def files(finished_run: Path, tmp_path: Path) -> Path:
    """Return a copy of a finished run with its scene."""
    shutil.copytree(finished_run, tmp_path / "out")
    shutil.copy(finished_run.parent / "scene.tif", tmp_path)
    return tmp_path


def small_run(files: Path, model: Path, **parameters: object) -> dict[str, object]:
    small = {"INPUT": files / "scene.tif", "MODEL": model, "TTA": "none", "SETTINGS": SMALL}
    return small | {"GPUS": "none"} | parameters


def edges_of(result: str) -> gpd.GeoDataFrame:
    path, _, layer = result.partition("|layername=")
    return pyogrio.read_dataframe(path, layer=layer or None)


def test_algorithms_are_there_after_installing_the_archive(qgis):
    listed = qgis.run("list").stdout
    for verb in ("run", "vectorize", "compare", "rebuild", "doctor"):
        assert f"roadex:{verb}\t" in listed


def test_run_into_a_folder_gives_what_the_command_line_gives(qgis, files, model, finished_run):
    found = qgis.results("roadex:run", **small_run(files, model, FOLDER=files / "new"))
    assert found["OUTPUT"] == f"{files}/new/roads.gpkg|layername=road_edges"
    assert Path(found["PROBABILITY"]).exists()
    assert Path(found["REPORT"]).exists()
    expected = edges_of(f"{finished_run}/roads.gpkg|layername=road_edges")
    assert len(expected) > 0
    assert edges_of(found["OUTPUT"]).geometry.equals(expected.geometry)


def test_run_within_polygons_and_within_an_extent_stays_inside(qgis, files, model):
    area = shapely.box(500_000, 4_999_808, 500_128, 5_000_000)
    gpd.GeoSeries([area], crs="EPSG:32633").to_crs(4326).to_file(files / "area.geojson")
    extent = "500000,500128,4999808,5000000 [EPSG:32633]"
    for name, parameters in {
        "polygons": {"AREA": files / "area.geojson"}, "extent": {"EXTENT": extent},
    }.items():  # fmt: skip
        target = files / f"{name}.gpkg"
        found = qgis.results("roadex:run", **small_run(files, model, OUTPUT=target, **parameters))
        roads = edges_of(found["OUTPUT"])
        assert len(roads) > 0
        assert roads.total_bounds[2] <= 500_130
    text = qgis.error(
        "roadex:run",
        **small_run(files, model, OUTPUT=target, AREA=files / "area.geojson", EXTENT=extent),
    )
    assert "not as both" in text


def test_vectorize_of_a_probability(qgis, files):
    for suffix in ("gpkg", "geojson"):
        found = qgis.results(
            "roadex:vectorize", INPUT=files / "out" / "probability.tif",
            OUTPUT=files / f"roads.{suffix}",
        )  # fmt: skip
        assert len(edges_of(found["OUTPUT"])) > 0


def test_compare_with_one_layer_of_several_and_with_a_filter(qgis, tmp_path):
    mask = np.zeros((300, 300), dtype=bool)
    mask[57:64] = mask[197:204] = True
    transform = Affine(1, 0, 500_000, 0, -1, 5_000_000)
    network = vectorize(mask, transform=transform, crs=CRS.from_epsg(32633))
    path = write_network(network, tmp_path / "roads.gpkg", provenance={})
    reference = tmp_path / "reference.gpkg"
    roads = network.edges[["geometry"]]
    roads.iloc[1:].assign(kind="road").to_file(reference, layer="roads")
    roads.to_file(reference, layer="other")
    inputs = {"INPUT": f"{path}|layername=road_edges", "OUTPUT": tmp_path / "todo.gpkg"}
    found = qgis.results("roadex:compare", REFERENCE=f"{reference}|layername=roads", **inputs)
    assert found["OUTPUT"] == f"{tmp_path}/todo.gpkg|layername=missing_in_reference"
    missing = edges_of(found["OUTPUT"])
    assert missing.union_all().equals(roads.geometry.iloc[0])
    filtered = f"{reference}|layername=roads|subset=\"kind\" = 'rail'"
    text = qgis.error("roadex:compare", REFERENCE=filtered, **inputs, OVERWRITE=1)
    assert "holds no roads" in text


def test_rebuild_wants_edits_saved_and_sees_them_in_an_open_layer(qgis, files):
    network = f"{files}/out/roads.gpkg|layername=road_edges"
    before = qgis.results("roadex:rebuild", INPUT=network, SNAP=0.5, OUTPUT=files / "before.gpkg")
    line = "LINESTRING (501000 4999000, 501500 4999000)"  # far from all others
    told = qgis.script("edit", network, line, str(files / "after.gpkg"))
    assert any("has edits: save them first" in error for error in told["unsaved"])
    assert told["ok"], told["errors"]
    after = edges_of(told["results"]["OUTPUT"])
    assert len(after) == len(edges_of(before["OUTPUT"])) + 1
    assert after.length.max() == pytest.approx(500)


def test_existing_result_is_refused_with_the_name_of_the_parameter(qgis, files):
    parameters = {
        "INPUT": files / "out" / "probability.tif",
        "OUTPUT": files / "out" / "roads.gpkg",
    }
    text = qgis.error("roadex:vectorize", **parameters)
    assert "exists already" in text
    assert "--overwrite is 'Replace existing results' here" in text
    assert qgis.results("roadex:vectorize", **parameters, OVERWRITE=1)


def test_doctor_says_which_roadex_is_called(qgis, program_folder):
    found = qgis.results("roadex:doctor")
    assert found["EXECUTABLE"] == str(program_folder / "roadex")


def test_wrong_path_of_the_executable_is_one_clear_line(qgis, files):
    with qgis.executable("/nowhere/roadex"):
        text = qgis.error(
            "roadex:vectorize", INPUT=files / "out" / "probability.tif", OUTPUT=files / "new.gpkg"
        )
    assert "The roadex executable /nowhere/roadex does not exist: correct it in Settings" in text
    assert "Traceback" not in text


def test_incomplete_result_is_delivered_and_what_is_missing_is_said(qgis, files):
    stub = files / "stub"
    stub.write_text(
        "#!/bin/sh\n[ $1 = --version ] && echo 'roadex, version 9' && exit\n"
        f"cp {files}/out/roads.gpkg $4\necho 'Error: 1 of 12 tiles failed' >&2\nexit 3\n"
    )
    stub.chmod(0o755)
    target = files / "new.gpkg"
    with qgis.executable(stub):
        done = qgis.run(
            "run", "roadex:vectorize", "--", f"INPUT={files}/out/probability.tif",
            f"OUTPUT={target}",
        )  # fmt: skip
    assert done.returncode == 0
    assert f"{target}|layername=road_edges" in done.stdout
    assert "Parts of the result are missing: 1 of 12 tiles failed" in done.stdout + done.stderr


def test_results_are_loaded_with_the_styles_of_their_file(qgis, files):
    told = qgis.script(
        "load", "roadex:compare",
        json.dumps({
            "INPUT": f"{files}/out/roads.gpkg|layername=road_edges",
            "REFERENCE": f"{files}/out/roads.gpkg|layername=road_edges",
            "OUTPUT": f"{files}/todo.gpkg",
        }),
    )  # fmt: skip
    assert set(told["layers"]) == {"todo matched", "todo missing_in_reference"}
    assert told["layers"]["todo matched"]["colour"] == "#009e73"
    told = qgis.script(
        "load", "roadex:vectorize",
        json.dumps({"INPUT": f"{files}/out/probability.tif", "OUTPUT": f"{files}/roads.gpkg"}),
    )  # fmt: skip
    assert told["layers"]["roads road_edges"]["renderer"] == "graduatedSymbol"
    assert told["layers"]["roads road_nodes"]["renderer"] == "categorizedSymbol"
    assert 100 in told["percents"]


def test_cancelled_run_goes_on_with_the_same_folder(qgis, files, model):
    parameters = small_run(files, model, FOLDER=files / "new")
    texts = {name: str(value) for name, value in parameters.items()}
    told = qgis.script("cancel", "roadex:run", json.dumps(texts), "predict started")
    assert told["results"] == {}
    assert any("run again with the same destination" in line for line in told["log"])
    assert not (files / "new" / "roads.gpkg").exists()
    assert (files / "new" / ".roadex").exists()
    found = qgis.results("roadex:run", **parameters)
    assert len(edges_of(found["OUTPUT"])) > 0
    assert not (files / "new" / ".roadex").exists()
