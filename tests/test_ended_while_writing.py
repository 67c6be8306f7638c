"""Ended between stages or while results are written (KILL, TERM, HUP): the next run finishes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import roadex
from roadex.config import RunConfig
from roadex.files import remove_leftovers, unfinished_name

SIGNALS = ("KILL", "TERM", "HUP")
INTERRUPTED = 130
CORE, HALO = 64, 32
NAMES = {"probability.tif", "roads.gpkg", "preview.png", "report.json", "report.html"}

MOMENTS = (
    "before stitching",
    "when the raster is copied",
    "before vectorizing",
    "before roads.gpkg is shown",
    "after roads.gpkg is shown",
    "before preview.png is shown",
    "before report.json is shown",
)


def run_and_end(arguments: list[str], moment: str, name: str, said: str) -> None:
    """Run ``roadex`` in this process and send it a signal at some moment."""
    from roadex.cli import main
    from roadex.pipeline import run as run_module
    from roadex.probability import raster

    def end() -> None:
        os.kill(os.getpid(), getattr(signal, f"SIG{name}"))
        time.sleep(60)  # the signal comes before

    def ended_before(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *_, **__: end()

    def ended_after(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*positional: Any, **named: Any) -> None:
            function(*positional, **named)
            end()

        return call

    def replace_and_end(place: Any, target: Any) -> None:
        when, _, rest = moment.partition(" ")
        is_it = os.path.basename(target) == rest.partition(" ")[0]  # noqa: PTH119
        if is_it and when == "before":
            end()
        replace(place, target)
        if is_it:
            end()

    match moment:
        case "before stitching":
            run_module.stitch = ended_before(run_module.stitch)
        case "when the raster is copied":
            raster.gdal_copy = ended_after(raster.gdal_copy)
        case "before vectorizing":
            run_module.vectorize = ended_before(run_module.vectorize)
        case _:
            replace, os.replace = os.replace, replace_and_end
    sys.argv = ["roadex", *arguments]
    with open(said, "w") as sys.stderr:  # noqa: PTH123
        main()


@pytest.fixture(scope="module")
def start() -> Callable[..., int]:
    """Return a function that calls another in a process of its own, and gives the exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["roadex.pipeline.run", "roadex.cli.run"])

    def call(*arguments: Any) -> int:
        process = context.Process(target=run_and_end, args=arguments)
        process.start()
        process.join()
        return process.exitcode

    return call


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_ended_at_any_moment_is_finished_by_the_next(
    moment: str, start: Callable[..., int], make_scene, model: Path, tmp_path: Path
) -> None:
    scene, out, said = make_scene(shape=(128, 192)), tmp_path / "out", tmp_path / "said.txt"
    tiling = {"core_size": CORE, "chip_size": CORE, "halo": HALO}
    vector = {"low": 0.5, "high": 0.52}
    config = RunConfig.from_dict(
        {
            "tiling": tiling, "vector": vector, "predict": {"model": str(model), "tta": "none"},
            "cluster": {"workers": 0, "gpus": "none"},
        }
    )  # fmt: skip
    whole = roadex.run(scene, tmp_path / "whole", config=config).paths
    settings = {f"tiling.{k}": v for k, v in tiling.items()}
    settings |= {f"vector.{k}": v for k, v in vector.items()}
    arguments = ["run", str(scene), "-o", str(out), "-m", str(model), "--tta", "none"]
    arguments += ["--workers", "0", "--gpus", "none"]
    arguments += [word for k, v in settings.items() for word in ("--set", f"{k}={v}")]

    for name in SIGNALS:
        code = start(arguments, moment, name, str(said))
        if name == "KILL":
            assert code == -signal.SIGKILL
        else:
            assert code == INTERRUPTED, said.read_text()
            assert said.read_text().splitlines()[-1] == (
                "Interrupted. Run the same command again to resume."
            )
            assert "Traceback" not in said.read_text()
            assert {path.name for path in out.iterdir()} <= {*NAMES, ".roadex"}
    assert start(arguments, "never", "KILL", str(said)) == 0, said.read_text()
    assert {path.name for path in out.iterdir()} == NAMES
    assert (out / "probability.tif").read_bytes() == whole.probability.read_bytes()
    assert (out / "roads.gpkg").read_bytes() == whole.network.read_bytes()


def test_only_what_dead_processes_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "roads.gpkg"
    mine = unfinished_name(path)
    dead, other_host, foreign = (
        mine.with_name(mine.name.replace(*pair))
        for pair in (
            (f"-{os.getpid()}-", f"-{2**22 + 1}-"),
            (mine.name.split(".")[2].split("-")[0], "0123zz"),
            (f"-{os.getpid()}-", "-mine-"),
        )
    )
    folder = dead.with_suffix("")
    for file in (mine, dead, other_host, foreign):
        file.touch()
    folder.mkdir()
    (folder / "roads.gpkg").touch()
    remove_leftovers(path)
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {mine.name, other_host.name, foreign.name}
