"""The command line: instant help, examples everywhere, one line and exit code 2 for user errors."""

import json
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import click
import numpy as np
import pytest

from roadex.cli import VERBS, cli
from roadex.errors import IncompleteError

HEAVY = ("torch", "dask", "distributed", "rasterio", "geopandas", "numba", "scipy")


def commands(group=cli, prefix=()):
    """Yield (path, command) of every verb and sub-verb."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*prefix, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*prefix, name))


COMMANDS = dict(commands())


def test_help_imports_nothing_heavy_and_names_every_verb():
    code = f"import sys; from roadex.cli import cli; cli.main(['--help'], standalone_mode=False); print([m for m in {HEAVY} if m in sys.modules])"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert all(verb in done.stdout for verb in VERBS)


def test_starting_a_run_imports_no_torch_in_the_client():
    code = "import sys, roadex.pipeline.run; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_planning_imports_no_tables_and_no_compiler():
    code = "import sys, roadex.pipeline.estimate; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    not_needed = {
        "torch",
        "numba",
        "pandas",
        "geopandas",
        "pyogrio",
        "scipy.ndimage",
        "distributed",
    }
    assert not not_needed & set(done.stdout.split())


@pytest.mark.slow
def test_help_answers_at_once():
    command = [sys.executable, "-c", "from roadex.cli import main; main()", "--help"]
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.3


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_shows_an_example_of_itself(path):
    command = COMMANDS[path]
    context = click.Context(command, info_name=path[-1], **cli.context_settings)
    text = command.get_help(context)
    assert re.search(rf"Examples?:\n +roadex {path[0]}\b", text), text


def test_version_is_that_of_the_package(roadex):
    from roadex import __version__

    code, out, _ = roadex("--version")
    assert (code, __version__ in out) == (0, True)


BAD_INPUT = {
    "missing file": (["nope.tif"], "nope.tif does not exist"),
    "not a raster": (["notes.txt"], "notes.txt is not a raster"),
    "no CRS": (["nocrs.tif"], "nocrs.tif has no CRS"),
    "wrong band count": (["five.tif"], "--bands 1,2,3"),
    "unknown model": (["good.tif", "--model", "nope"], "roadex models list"),
    "tile size": (["good.tif", "--tile-size", "0"], "--tile-size must be at least 1"),
    "unknown setting": (["good.tif", "--set", "vector.nope=1"], "unknown setting vector.nope"),
    "no scheduler": (["good.tif", "--scheduler", "tcp://127.0.0.1:9"], "no Dask scheduler"),
}


@pytest.fixture
def inputs(make_scene, tmp_path, monkeypatch, model):
    (tmp_path / "notes.txt").write_text("not a raster")
    make_scene("nocrs.tif", crs=None)
    make_scene("five.tif", bands=5, photometric="MINISBLACK")
    make_scene("good.tif")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("roadex.pipeline.cluster._CONNECT_TIMEOUT_S", 1)
    return {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_line_with_exit_code_2_and_leaves_nothing(
    case, roadex, inputs, tmp_path, model
):
    arguments, message = BAD_INPUT[case]
    if "--model" not in arguments:
        arguments = [*arguments, "--model", str(model)]
    code, _, err = roadex("run", *arguments, "-o", "out")
    lines = [line for line in err.splitlines() if line.startswith("Error")]
    assert code == 2
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in err
    left = {path.name for path in tmp_path.iterdir()} - inputs
    assert not left or (left == {"out"} and not list((tmp_path / "out").iterdir()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "x.tif", "--tile-size", "-1"], "--tile-size must be at least 1, got -1"),
        (["run", "x.tif", "--tile-size", "a"], "--tile-size must be a whole number, got 'a'"),
        (["run", "x.tif", "--workers", "2.5"], "--workers must be a whole number or none, got 2.5"),
        (["run", "x.tif", "--tta", "foo"], "one of none, flip, d4, adaptive, got 'foo'"),
        (["run", "x.tif", "--bands", "1,b"], "--bands must be whole numbers (at least 1)"),
        (["plan", "x.tif", "--jobqueue", "sge"], "--jobqueue must be one of slurm, pbs, lsf"),
        (
            ["run", "x.tif", "--scheduler", "a:1", "--jobqueue", "lsf"],
            "give only one of --scheduler, cluster.scheduler_file and --jobqueue",
        ),
        (
            ["predict", "x.tif", "--set", "vector.low=0.2"],
            "vector.low has no effect in roadex pred",
        ),
        (
            ["vectorize", "x.tif", "--set", "tiling.halo=0"],
            "tiling.halo has no effect in roadex ve",
        ),
        (
            ["merge", "x.gpkg", "--set", "vector.low=0.2"],
            "vector.low has no effect in roadex merge",
        ),
        (["demo", "--size", "10"], "--size must be at least 256 and at most 8192, got 10"),
        (["generate", "g", "--gsd", "nan"], "--gsd must be a finite number, got nan"),
        (["generate", "g", "--scenes", "0"], "--scenes must be at least 1, got 0"),
        (["align", "d", "f", "--max-shift", "-1"], "--max-shift must be above 0 and at most 20"),
        (["score", "p", "t", "--threshold", "2"], "--threshold must be above 0 and below 1, got 2"),
        (["train", "d", "-o", "m", "--set", "tta=foo"], "tta must be one of none, flip, d4"),
        (["train", "d", "-o", "m", "--set", "network=foo"], "unknown network 'foo'"),
        (["train", "d", "-o", "m", "--set", "loss=foo"], "unknown loss 'foo'; available: bce"),
        (["train", "d", "-o", "m", "--recipe", "foo"], "unknown recipe 'foo'"),
        (["train", "d", "-o", "m", "--set", "arguments.x=1"], "has no argument 'x'"),
        (["train", "d", "-o", "m", "--set", "arguments.encoder=x"], "unknown encoder 'x'"),
        (["train", "--smoke", "--set", "steps=3"], "--smoke takes only --run-folder"),
        (["train", "d"], "Missing option '-o' / '--output'. See `roadex train --help`"),
        (["run", "x.tif", "--asset", "visual"], "--asset has no effect without a --list"),
        (["predict", "x.tif", "--zip", "a.zip"], "--with-probability and --zip have no effect"),
        (
            ["vectorize", "x.tif", "--band", "0"],
            "Invalid value for '--band': 0 is not in the range",
        ),
        (["run", "x.tif", "--tile-sise", "64"], "No such option '--tile-sise'. (Did you mean"),
        (["walk"], "No such command 'walk'. See `roadex --help`"),
    ],
)
def test_wrong_option_is_one_line_that_names_it_before_anything_is_read(
    arguments, message, roadex, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = roadex(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_settings_lists_names_defaults_units_and_meanings(roadex, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = roadex("settings")
    assert code == 0
    assert re.search(r"vector\.min_spur_m +25\.0 +m +Shorter dead ends are dropped\.", out)
    assert "merge." not in out
    assert "learning_rate" in roadex("settings", "train")[1]


def test_settings_file_that_is_printed_can_be_used(roadex, tmp_path):
    (tmp_path / "run.toml").write_text(roadex("settings", "run", "--toml")[1])
    code, _, err = roadex("run", tmp_path / "no.tif", "--config", tmp_path / "run.toml")
    assert (code, "no.tif does not exist" in err) == (2, True)
    assert json.loads(roadex("settings", "merge", "--schema")[1])["properties"].keys() == {
        "merge", "output"
    }  # fmt: skip


def test_incomplete_results_have_an_exit_code_of_their_own(roadex, monkeypatch):
    def fail(*_arguments, **_options):
        message = "3 of 48 tiles failed"
        raise IncompleteError(message)

    monkeypatch.setattr("roadex.pipeline.run.run", fail)
    code, _, err = roadex("run", "x.tif")
    assert (code, err) == (3, "Error: 3 of 48 tiles failed\n")


def test_existing_output_is_one_line_with_exit_code_2(roadex, inputs, tmp_path, model):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "roads.gpkg").write_bytes(b"mine")
    code, _, err = roadex("run", "good.tif", "-o", "out", "--model", str(model))
    assert (code, "--overwrite" in err) == (2, True)
    assert (tmp_path / "out" / "roads.gpkg").read_bytes() == b"mine"


def test_output_that_is_a_file_is_one_line_with_exit_code_2(roadex, inputs, tmp_path, model):
    code, _, err = roadex("run", "good.tif", "-o", "notes.txt", "--model", str(model))
    assert (code, "cannot write to notes.txt" in err) == (2, True)


def test_verbose_shows_the_traceback(roadex, inputs):
    code, _, err = roadex("-v", "run", "nope.tif", "-o", "out")
    assert code == 2
    assert "Traceback" in err


def test_verbose_stands_after_the_verb_too_but_not_inside_other_words(roadex, inputs):
    assert "Traceback" in roadex("run", "nope.tif", "-v")[2]
    assert "Traceback" not in roadex("run", "nope.tif", "-o", "-v")[2]


def test_run_ends_with_a_table_and_the_paths(roadex, inputs, model, scheduler, tmp_path):
    code, out, err = roadex(
        "run", "good.tif", "-o", "out", "--model", str(model), "--tta", "none",
        "--scheduler", scheduler, "--tile-size", "64", "--log-file", "run.log",
        "--set", "output.styles=false",
    )  # fmt: skip
    assert code == 0, err
    assert "finished: predict" in (tmp_path / "run.log").read_text()
    assert not layer_styles(tmp_path / "out" / "roads.gpkg")
    for word in ("km", "edges", "Mpx/s", "GB", "predict", "out/roads.gpkg", "out/preview.png"):
        assert word in out
    for stage in ("plan", "predict", "stitch", "vectorize", "write"):
        assert stage in err


def layer_styles(path):
    """Return how many layers of a GeoPackage have a style."""
    with closing(sqlite3.connect(path)) as file:
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
        return file.execute("SELECT count(*) FROM layer_styles").fetchone()[0] if (
            "layer_styles" in tables
        ) else 0  # fmt: skip


def test_settings_of_the_output_have_an_effect_in_vectorize(roadex, make_scene, tmp_path):
    values = np.zeros((1, 96, 96), np.uint8)
    values[0, 40:48] = 1
    make_scene("mask.tif", values=values)
    for digits in (5, 8):
        network = tmp_path / f"{digits}.geojson"
        setting = f"output.geojson_digits={digits}"
        code, _, err = roadex("vectorize", tmp_path / "mask.tif", "-o", network, "--set", setting)
        assert code == 0, err
        edge = json.loads(network.read_text())["features"][0]["geometry"]["coordinates"]
        assert max(len(repr(x).partition(".")[2]) for point in edge for x in point) == digits
    for styles in ("true", "false"):
        network = tmp_path / f"{styles}.gpkg"
        setting = f"output.styles={styles}"
        roadex("vectorize", tmp_path / "mask.tif", "-o", network, "--set", setting)
        assert bool(layer_styles(network)) == (styles == "true")


def test_predict_and_vectorize_work_on_their_own(roadex, inputs, model, scheduler, tmp_path):
    code, out, err = roadex(
        "predict", "good.tif", "-o", "p.tif", "--model", str(model), "--tta", "none",
        "--scheduler", scheduler,
    )  # fmt: skip
    assert code == 0, err
    code, out, err = roadex("vectorize", "p.tif", "-o", "r.gpkg", "--scheduler", scheduler)
    assert code == 0, err
    assert "km of road" in out
    code, _, err = roadex("vectorize", "p.tif", "-o", "r.gpkg", "--scheduler", scheduler)
    assert (code, "--overwrite" in err) == (2, True)


def test_empty_scene_is_no_error(roadex, make_scene, model, scheduler, tmp_path):
    scene = make_scene(values=np.zeros((3, 80, 80), np.uint8), nodata=0)
    code, out, err = roadex(
        "run", scene, "-o", tmp_path / "out", "--model", str(model), "--scheduler", scheduler
    )
    assert code == 0, err
    assert "0.0 km" in out
    assert "no imagery" in out
