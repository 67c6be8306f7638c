"""The process that runs inputs: ``python -m tests.fuzz.worker FOLDER KIND...``.

It reads ``KIND:SEED:NUMBER``, a line each, and answers each with a line of JSON. What goes wrong
beyond an exception (a crash, a hang, memory) is seen by the process that started it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TextIO

from tests.fuzz.cases import Bench, run_case
from tests.fuzz.kinds import KINDS

MORE_ADDRESSES = 4 * 2**30
"""Bytes of address space beyond what the libraries take; more than that is no honest request."""


def main() -> None:
    """Prepare the healthy inputs, then run what is asked for until nothing is."""
    bench = Bench(Path(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    prepare(bench, sys.argv[2:])
    _limit_addresses()
    _answer(answers, {"ready": True})
    for line in sys.stdin:
        name, seed, number = line.split(":")
        _answer(answers, _run(name, int(seed), int(number), bench))


def prepare(bench: Bench, names: list[str]) -> None:
    """Write the healthy inputs of some kinds, and those that all kinds use."""
    for name in dict.fromkeys(("geotiff", "model", "probability", *names)):
        folder = bench.healthy / name
        folder.mkdir(parents=True)
        KINDS[name].prepare(folder)


def _run(name: str, seed: int, number: int, bench: Bench) -> dict[str, object]:
    _forget_peak()
    start = time.process_time()
    ending, note = run_case(KINDS[name], seed, number, bench)
    return {
        "verdict": ending.verdict, "text": ending.text, "place": ending.place, "note": note,
        "seconds": time.process_time() - start, "bytes": _peak(),
    }  # fmt: skip


def _answer(stream: TextIO, answer: dict[str, object]) -> None:
    stream.write(json.dumps(answer) + "\n")
    stream.flush()


def _limit_addresses() -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MORE_ADDRESSES, resource.RLIM_INFINITY))


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Return the most memory this process has held since :func:`_forget_peak`, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main()
