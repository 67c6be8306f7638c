# SPDX-License-Identifier: GPL-2.0-or-later
"""The ``roadex`` program of another environment: found, checked, run, stopped."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "roadex"

GRACE_S = 30.0
"""How long a process may take to end in good order."""

_CHECK_S = 60.0
_POLL_S = 0.1
_VERSION = re.compile(r"^roadex, version (\S+)", re.MULTILINE)

_OF_QGIS = (
    "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__",
    "GDAL_DATA", "GDAL_DRIVER_PATH", "PROJ_LIB", "PROJ_DATA",
    "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE",
)  # fmt: skip
"""Variables that QGIS sets for its own Python, GDAL and PROJ and that lead those of another
environment astray; and some that make rich draw for a terminal."""

_FOR_READERS = {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "160"}


class ProgramError(Exception):
    """``roadex`` cannot be called; the text says why in one line."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    """Exit code; negative is the signal that ended it."""

    is_cancelled: bool


def find(setting: str | None) -> str:
    """Return the path of ``roadex``.

    Parameters
    ----------
    setting
        Its path, or the folder of the environment it is installed in; without one it is looked for
        on the search path.

    Raises
    ------
    ProgramError
        If it is not there.
    """
    if not setting:
        found = shutil.which(NAME)
        if found is None:
            msg = (
                f"There is no {NAME} on the search path: install it into an environment of its own "
                "and name its executable in Settings > Options > Processing > Providers > roadex"
            )
            raise ProgramError(msg)
        return found
    path = Path(setting).expanduser()
    if path.is_dir():
        places = [path / part for part in (f"bin/{NAME}", f"Scripts/{NAME}.exe")]
        path = next((place for place in places if place.is_file()), places[0])
    if not path.is_file():
        msg = (
            f"The {NAME} executable {path} does not exist: correct it in Settings > Options > "
            "Processing > Providers > roadex"
        )
        raise ProgramError(msg)
    return str(path)


def check(executable: str) -> str:
    """Return the version of a ``roadex`` executable.

    Raises
    ------
    ProgramError
        If it does not start, or is another program.
    """
    try:
        answer = subprocess.run(
            [executable, "--version"],
            capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=_CHECK_S,
            stdin=subprocess.DEVNULL, env=environment(os.environ), check=False,
            **_without_window(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"{executable} cannot be run: {error}"
        raise ProgramError(msg) from error
    version = _VERSION.search(answer.stdout)
    if version is None:
        said = (answer.stderr.strip() or answer.stdout.strip() or "nothing").splitlines()[-1]
        msg = f"{executable} is not {NAME}: asked for its version, it said: {said}"
        raise ProgramError(msg)
    return version[1]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for ``roadex``: those of QGIS without what only QGIS needs."""
    kept = {name: value for name, value in variables.items() if name not in _OF_QGIS}
    return {**kept, **_FOR_READERS}


def run(
    command: Sequence[str],
    on_line: Callable[[str], None],
    is_cancelled: Callable[[], bool],
    *,
    grace_s: float = GRACE_S,
) -> Ended:
    """Run a command to its end, or until it is cancelled.

    Parameters
    ----------
    command
        Program and arguments.
    on_line
        Called, by the thread that calls this, with each line the program prints.
    is_cancelled
        Asked several times a second.
    grace_s
        How long a cancelled program may take at each step: it is interrupted, then terminated,
        then killed.

    Raises
    ------
    ProgramError
        If the program does not start.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, encoding="utf-8", errors="replace", env=environment(os.environ),
            **_own_group(),
        )  # fmt: skip
    except OSError as error:
        msg = f"{command[0]} cannot be run: {error}"
        raise ProgramError(msg) from error
    lines: queue.Queue[str] = queue.Queue()
    readers = [
        threading.Thread(target=_read, args=(stream, lines), daemon=True)
        for stream in (process.stdout, process.stderr)
    ]
    for reader in readers:
        reader.start()
    is_stopped = _watch(process, lines, on_line, is_cancelled, grace_s)
    for reader in readers:
        reader.join(timeout=5)
    _pass_on(lines, on_line)
    return Ended(process.returncode, is_stopped)


def _read(stream: Any, lines: queue.Queue[str]) -> None:
    with stream:
        for line in stream:
            lines.put(line.rstrip("\r\n"))


def _pass_on(lines: queue.Queue[str], on_line: Callable[[str], None]) -> None:
    while not lines.empty():
        on_line(lines.get())


def _watch(
    process: subprocess.Popen[str],
    lines: queue.Queue[str],
    on_line: Callable[[str], None],
    is_cancelled: Callable[[], bool],
    grace_s: float,
) -> bool:
    """Pass lines on until the process ends; return whether it was stopped."""
    steps = iter((_interrupt, _terminate, _kill))
    is_stopped, next_step = False, 0.0
    while process.poll() is None:
        _pass_on(lines, on_line)
        is_stopped = is_stopped or is_cancelled()
        if is_stopped and time.monotonic() >= next_step:
            next(steps, _kill)(process)
            next_step = time.monotonic() + grace_s
        time.sleep(_POLL_S)
    return is_stopped


def _interrupt(process: subprocess.Popen[str]) -> None:
    """Do what Ctrl+C in a terminal does: ``roadex`` ends its workers and keeps finished tiles."""
    if sys.platform != "win32":
        process.send_signal(signal.SIGINT)
        return
    try:
        process.send_signal(signal.CTRL_BREAK_EVENT)
    except OSError:  # a program with windows has no console to send it from
        _terminate(process)


def _terminate(process: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        # The executable there is a launcher: what it started has to end with it.
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(process.pid)],
            capture_output=True, check=False, **_without_window(),
        )  # fmt: skip
    else:
        process.terminate()


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()


def _own_group() -> dict[str, Any]:
    """Return what makes a process one that can be interrupted alone.

    On Windows an interruption goes to a process group, and QGIS must not be in it. Elsewhere it
    goes to the process, and a Ctrl+C that ends ``qgis_process`` in a terminal is to end this too.
    """
    if sys.platform != "win32":
        return {}
    return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}


def _without_window() -> dict[str, Any]:
    if sys.platform != "win32":
        return {}
    return {"creationflags": subprocess.CREATE_NO_WINDOW}
