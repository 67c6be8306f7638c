"""Two runs of the same scene at once, the second begun at any moment of the first.

Into one folder, one of them works and the other is told so; through one store, both do, or say in
one line that they have to be run again. Then the results have the bytes of a run by itself.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import roadex
from roadex.config import RunConfig
from roadex.errors import RoadexError

ROUNDS = 6
SEED = 3


def run_and_tell(scene: Path, output: Path, config: RunConfig, said: Path) -> None:
    """Run; keep the message of an error that a user can mend."""
    try:
        roadex.run(scene, output, config=config)
    except RoadexError as error:
        said.write_text(str(error))


@pytest.fixture(scope="module")
def run_in_process() -> Callable[..., Any]:
    """Return a function that starts a run in a process of its own, without waiting for imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["roadex.pipeline.run", "roadex.pipeline.vectorize"])

    def start(*arguments: Any) -> Any:
        process = context.Process(target=run_and_tell, args=arguments)
        process.start()
        return process

    return start


def ended(process: Any) -> None:
    process.join(240)
    assert process.exitcode == 0


@pytest.fixture(scope="module")
def duration(small_run, run_in_process, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Return how long one run takes, in seconds."""
    folder = tmp_path_factory.mktemp("alone")
    config = small_run.config(workers=0, store=str(folder / "store"))
    begin = time.monotonic()
    ended(run_in_process(small_run.scene, folder / "out", config, folder / "said"))
    small_run.check(folder / "out")
    return time.monotonic() - begin


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("place", ["one folder", "one store"])
def test_two_runs_at_once_give_right_bytes_or_one_line(
    place: str, small_run, run_in_process, duration: float, tmp_path: Path
) -> None:
    delays = np.random.default_rng(SEED).permutation(np.linspace(0, 0.95, ROUNDS)) * duration
    told = 0
    for i, delay in enumerate(delays):
        folder = tmp_path / f"round-{i}"
        folder.mkdir()
        store = {"store": str(folder / "store")} if place == "one store" else {}
        config = small_run.config(workers=0, **store)
        outputs = [folder / "out", folder / ("out" if place == "one folder" else "other")]
        notes = [folder / "said-0", folder / "said-1"]
        processes = []
        for output, said in zip(outputs, notes, strict=True):
            processes.append(run_in_process(small_run.scene, output, config, said))
            time.sleep(delay if len(processes) == 1 else 0)
        for process in processes:
            ended(process)
        for output, said in zip(outputs, notes, strict=True):
            if said.exists():
                told += 1
                message = said.read_text()
                assert "\n" not in message
                assert "is being made by process" in message or "again" in message
                roadex.run(small_run.scene, output, config=config)
            small_run.check(output)
        assert not store or list((folder / "store").iterdir()) == []
    print(f"{place}: {told} of {2 * ROUNDS} runs were told to wait or to run again")
    assert told >= (place == "one folder")
