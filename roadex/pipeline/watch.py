"""What a run tells about itself while it runs: stages, their progress and time, peak memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import psutil

from roadex.runtime import release_free_memory

_SAMPLE_SECONDS = 0.5


class Display(Protocol):
    """Shows progress; the command line gives one with bars."""

    def start(self, stage: str, total: int) -> None:
        """Show that a stage of ``total`` steps begins."""

    def advance(self, stage: str) -> None:
        """Show that one more step is done."""

    def finish(self, stage: str) -> None:
        """Show that a stage is over."""


class Silent:
    """A display that shows nothing."""

    def start(self, stage: str, total: int) -> None:
        """Show nothing."""

    def advance(self, stage: str) -> None:
        """Show nothing."""

    def finish(self, stage: str) -> None:
        """Show nothing."""


class Stopwatch:
    """Times the stages of a run and passes their progress on."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[None]:
        """Time a stage of ``total`` steps; what it freed does not count for the next."""
        began = time.perf_counter()
        self._display.start(name, total)
        try:
            yield
        finally:
            self._display.finish(name)
            self.seconds[name] = time.perf_counter() - began
            release_free_memory()

    def advance(self, name: str, steps: int = 1) -> None:
        """Say that more steps of a stage are done."""
        for _ in range(steps):
            self._display.advance(name)


class MemoryMeter:
    """Highest memory of this process and its children together, sampled twice a second.

    Counted is the proportional set size: memory that processes share, such as libraries, counts
    once. Workers of a cluster elsewhere are not seen.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryMeter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            self.peak_bytes = max(self.peak_bytes, _memory_of_process_tree())


def _memory_of_process_tree() -> int:
    me = psutil.Process()
    return sum(_proportional_memory(process) for process in [me, *me.children(recursive=True)])


def _proportional_memory(process: psutil.Process) -> int:
    try:
        used = process.memory_full_info()
    except psutil.Error:  # it has just ended
        return 0
    return int(getattr(used, "pss", used.rss))
