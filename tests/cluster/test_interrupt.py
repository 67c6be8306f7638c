"""Ctrl-C, TERM, HUP: the command ends soon, says what to do, and the same one does the rest."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

INTERRUPTED = 130
"""Exit code of a command that was ended by Ctrl-C."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("is_batch", "workers", "name"),
    [
        (False, 0, "INT"), (False, 1, "INT"), (True, 1, "INT"), (False, 1, "TERM"),
        (True, 1, "HUP"),
    ],
)  # fmt: skip
def test_a_run_that_is_ended_loses_nothing(
    small_run,
    roadex: Callable[..., subprocess.Popen[str]],
    wait_until: Callable[..., None],
    is_batch: bool,
    workers: int,
    name: str,
    tmp_path: Path,
) -> None:
    options = ["--each"] if is_batch else []
    output = tmp_path / small_run.scene.stem if is_batch else tmp_path
    arguments = ["run", *options, *small_run.arguments, "-o", tmp_path, f"--workers={workers}"]

    # Ctrl-C and HUP go to all processes of the command, so to the workers as well; TERM to one.
    process = roadex(*arguments, start_new_session=True)
    wait_until(
        lambda: small_run.stored_tiles(output) >= 2 or process.poll() is not None, what="two tiles"
    )
    workers_left = psutil.Process(process.pid).children(recursive=True)
    send = os.kill if name == "TERM" else os.killpg
    send(process.pid, getattr(signal, f"SIG{name}"))
    _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, said
    assert "Run the same command again to resume" in said
    assert "Traceback" not in said
    assert 2 <= small_run.stored_tiles(output) < small_run.n_tiles
    wait_until(lambda: not any(w.is_running() for w in workers_left), what="the workers' end")

    again = roadex(*arguments)
    _, said = again.communicate()
    assert again.returncode == 0, said
    small_run.check(output)
