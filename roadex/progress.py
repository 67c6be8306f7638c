"""Progress of long work: the protocol of a display, a silent one, and the time each stage took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


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
    """Times the stages of a run and passes their progress on.

    Parameters
    ----------
    display
        Where progress is shown.
    after_stage
        Called at the end of each stage, such as to give freed memory back.
    """

    def __init__(self, display: Display, after_stage: Callable[[], None] | None = None) -> None:
        self._display = display
        self._after_stage = after_stage
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[None]:
        """Time a stage of ``total`` steps."""
        began = time.perf_counter()
        self._display.start(name, total)
        try:
            yield
        finally:
            self._display.finish(name)
            self.seconds[name] = time.perf_counter() - began
            if self._after_stage:
                self._after_stage()

    def advance(self, name: str, steps: int = 1) -> None:
        """Say that more steps of a stage are done."""
        for _ in range(steps):
            self._display.advance(name)
