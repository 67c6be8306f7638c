"""The command line: instant help, examples everywhere, one line and exit code 2 for user errors."""

import re
import subprocess
import sys
import time

import click
import numpy as np
import pytest

from roadex.cli import VERBS, cli, main

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


@pytest.fixture
def roadex(monkeypatch, capsys):
    """Return a function that runs the command line here: exit code, standard output and error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["roadex", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run


def test_help_imports_nothing_heavy_and_names_every_verb():
    code = f"import sys; from roadex.cli import cli; cli.main(['--help'], standalone_mode=False); print([m for m in {HEAVY} if m in sys.modules])"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert all(verb in done.stdout for verb in VERBS)


def test_starting_a_run_imports_no_torch_in_the_client():
    code = "import sys, roadex.pipeline.run; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


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
    "tile size": (["good.tif", "--tile-size", "1000"], "multiple of 32"),
    "unknown setting": (["good.tif", "--set", "vector.nope=1"], "unknown setting 'nope'"),
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


def test_run_ends_with_a_table_and_the_paths(roadex, inputs, model, scheduler):
    code, out, err = roadex(
        "run", "good.tif", "-o", "out", "--model", str(model), "--tta", "none",
        "--scheduler", scheduler, "--tile-size", "64",
    )  # fmt: skip
    assert code == 0, err
    for word in ("km", "edges", "Mpx/s", "GB", "predict", "out/roads.gpkg", "out/preview.png"):
        assert word in out
    for stage in ("plan", "predict", "stitch", "vectorize", "write"):
        assert stage in err


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
