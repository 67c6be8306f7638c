"""Ctrl-C: the command ends soon, says what to do, and the same command does the rest."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

INTERRUPTED = 130
"""Exit code of a command that was ended by Ctrl-C."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("is_batch", "workers"), [(False, 0), (False, 1), (True, 1)])
def test_ctrl_c_ends_a_run_and_nothing_is_lost(
    small_run,
    roadex: Callable[..., subprocess.Popen[str]],
    wait_until: Callable[..., None],
    is_batch: bool,
    workers: int,
    tmp_path: Path,
) -> None:
    options = ["--each"] if is_batch else []
    output = tmp_path / small_run.scene.stem if is_batch else tmp_path
    arguments = ["run", *options, *small_run.arguments, "-o", tmp_path, f"--workers={workers}"]

    # In a terminal Ctrl-C goes to all processes of the command, so to the workers as well.
    process = roadex(*arguments, start_new_session=True)
    wait_until(
        lambda: small_run.stored_tiles(output) >= 2 or process.poll() is not None, what="two tiles"
    )
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, said
    assert "Run the same command again to resume" in said
    assert "Traceback" not in said
    assert 2 <= small_run.stored_tiles(output) < small_run.n_tiles

    again = roadex(*arguments)
    _, said = again.communicate()
    assert again.returncode == 0, said
    small_run.check(output)
