"""How long work takes: the stages of a run timed, and lengths of time as text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from roadex.progress.protocol import Display


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

    def note(self, text: str) -> None:
        """Tell something."""
        self._display.note(text)

    def advance(self, name: str, steps: int = 1) -> None:
        """Say that more steps of a stage are done."""
        if steps:
            self._display.advance(name, steps)


def clock(seconds: float) -> str:
    """Return a duration as ``h:mm:ss``."""
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"


def time_text(seconds: float) -> str:
    """Return a length of time as one says it: ``50 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
