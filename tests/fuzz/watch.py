"""A worker under watch: what takes too long or too much is stopped and named."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]

PROGRAM = "tests.fuzz.worker"
"""Module that runs the inputs."""

MOST_SECONDS = 10.0
"""Of processor time for one input; on a busy machine the clock may show more."""

MOST_WAITING = 60.0
"""Seconds on the clock for one input, whatever is waited for."""

MOST_BYTES = 2_000_000_000
"""Memory for one input, the libraries among it."""

_MOST_KEPT = 0.7
"""Share of that a worker may hold between two inputs; one that holds more is started anew."""

_START_SECONDS = 600.0
"""A first start compiles what later ones find in the cache."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one input came to."""

    kind: str
    seed: int
    number: int
    verdict: str
    """``accepted``, ``refused``, or the law that was broken."""

    text: str
    place: str
    note: str
    seconds: float
    n_bytes: int

    @property
    def name(self) -> str:
        """What ``--replay`` takes."""
        return f"{self.kind}:{self.seed}:{self.number}"

    @property
    def is_fault(self) -> bool:
        """Whether a law was broken."""
        return self.verdict not in ("accepted", "refused")


class Worker:
    """A process that runs inputs; it is started again after it was stopped or died."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = kinds
        self._folder = _scratch()
        self._process: subprocess.Popen[str] | None = None

    def run(self, kind: str, seed: int, number: int) -> Result:
        """Run one input."""
        process = self._process or self.start()
        assert process.stdin is not None
        process.stdin.write(f"{kind}:{seed}:{number}\n")
        process.stdin.flush()
        answer = self._wait(process, MOST_SECONDS, MOST_WAITING)
        if answer["seconds"] > MOST_SECONDS:
            answer |= {"verdict": "hang", "place": f"{answer['seconds']:.0f} s"}
        if answer["bytes"] > MOST_BYTES and answer["verdict"] in ("accepted", "refused"):
            answer |= {"verdict": "memory", "place": f"{answer['bytes'] / 1e9:.1f} GB"}
        result = Result(
            kind, seed, number, answer["verdict"], answer["text"], answer["place"], answer["note"],
            answer["seconds"], answer["bytes"],
        )  # fmt: skip
        if result.verdict in ("hang", "memory", "crash") or self._has_grown():
            self.stop()
        return result

    def _has_grown(self) -> bool:
        """Return whether what earlier inputs have left behind would count against the next."""
        return self._process is not None and (
            _memory(psutil.Process(self._process.pid)) > _MOST_KEPT * MOST_BYTES
        )

    @property
    def inputs(self) -> Path:
        """Folder of the input that ran last."""
        return self._folder / "inputs"

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def close(self) -> None:
        """End the process and remove its folder."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> subprocess.Popen[str]:
        """Start the process and wait until it has loaded what it needs."""
        shutil.rmtree(self._folder / "healthy", ignore_errors=True)
        environment = os.environ | {
            "OMP_NUM_THREADS": "1", "GDAL_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1",
        }  # fmt: skip
        with (self._folder / "stderr.txt").open("w") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM, str(self._folder), *self._kinds],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, cwd=ROOT,
                env=environment,
            )  # fmt: skip
        answer = self._wait(self._process, _START_SECONDS, _START_SECONDS)
        if not answer.get("ready"):
            msg = f"the worker did not start: {answer['text']}"
            raise RuntimeError(msg)
        return self._process

    def _wait(self, process: subprocess.Popen[str], seconds: float, waiting: float) -> dict:
        """Return the answer of the worker, or what it had to be stopped for."""
        assert process.stdout is not None
        began, watched = time.monotonic(), psutil.Process(process.pid)
        used = _cpu_seconds(watched)
        while True:
            if select.select([process.stdout], [], [], 0.05)[0]:
                line = process.stdout.readline()
                if line:
                    return json.loads(line)
                place = f"exit code {process.wait()}, {self._last_words()}"
                return self._failed("crash", place, 0.0)
            spent, waited = _cpu_seconds(watched) - used, time.monotonic() - began
            if spent > seconds or waited > waiting:
                return self._failed("hang", f"{spent:.0f} s, {waited:.0f} s on the clock", spent)
            n_bytes = _memory(watched)
            if n_bytes > 2 * MOST_BYTES:
                return self._failed("memory", f"{n_bytes / 1e9:.1f} GB", spent)

    def _failed(self, verdict: str, place: str, seconds: float) -> dict:
        return {
            "verdict": verdict, "place": place, "text": self._said()[-4000:], "note": "",
            "seconds": seconds, "bytes": 0,
        }  # fmt: skip

    def _said(self) -> str:
        return (self._folder / "stderr.txt").read_text(errors="replace")

    def _last_words(self) -> str:
        return next(iter(reversed(self._said().splitlines())), "")[:100]


def _scratch() -> Path:
    """Return a new folder, in memory where that can be: results are written and thrown away."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="roadex-fuzz-", dir=place))


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def _memory(process: psutil.Process) -> int:
    try:
        return sum(p.memory_info().rss for p in (process, *process.children(recursive=True)))
    except psutil.Error:
        return 0
