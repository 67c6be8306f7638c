"""Displays that need nothing but Python: log lines, and a block of text in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from threading import Lock
from typing import Any, TextIO

from roadex.errors import public_text
from roadex.progress.durations import clock
from roadex.progress.protocol import Display, Silent

LOG_EVERY_S = 10.0
"""Least time between two log lines of one stage."""

_NOTEBOOK_EVERY_S = 0.25
_BAR_WIDTH = 24
_SHELL_OF_NOTEBOOKS = "ZMQInteractiveShell"


@dataclass(slots=True)
class _Stage:
    """How far a stage is."""

    name: str
    total: int
    began: float
    shown: float
    done: int = 0
    done_before: int = 0
    """Steps of an earlier, interrupted run: they say nothing about the time left."""

    values: dict[str, float] = field(default_factory=dict)

    def eta_s(self, now: float) -> float | None:
        """Return the seconds left, were all steps alike; None before the first one."""
        n_timed = self.done - self.done_before
        if n_timed == 0 or self.done >= self.total:
            return None
        return (now - self.began) / n_timed * (self.total - self.done)

    def text(self, now: float) -> str:
        """Return everything known about the stage in one line."""
        share = f" ({self.done / self.total:.0%})" if self.total else ""
        parts = [f"{self.name} {self.done}/{self.total}{share}", clock(now - self.began)]
        eta_s = self.eta_s(now)
        if eta_s is not None:
            parts.append(f"ETA {clock(eta_s)}")
        parts += [f"{name} {value:.4g}" for name, value in self.values.items()]
        return ", ".join(parts)


class _Tracker(Silent):
    """Keeps how far each stage is and shows it now and then; a display shows one line or block."""

    _every_s = 0.0

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._stages: dict[str, _Stage] = {}
        self._lock = Lock()

    def start(self, stage: str, total: int) -> None:
        """Show that a stage begins."""
        with self._lock:
            now = self._now()
            self._stages[stage] = _Stage(stage, total, began=now, shown=now)
            self._on_start(self._stages[stage])

    def advance(self, stage: str, steps: int = 1) -> None:
        """Count steps; show them if the stage was last shown long enough ago."""
        with self._lock:
            state, now = self._stages[stage], self._now()
            if state.done == 0 and steps > 1:  # what a resumed run finds done comes all at once
                state.done_before = steps
            state.done += steps
            if now - state.shown >= self._every_s:
                state.shown = now
                self._on_change(state)

    def figures(self, stage: str, values: Mapping[str, float]) -> None:
        """Remember the numbers for the next time the stage is shown."""
        with self._lock:
            self._stages[stage].values.update(values)

    def finish(self, stage: str) -> None:
        """Show that a stage is over; one of a single step is done then."""
        with self._lock:
            state = self._stages.pop(stage)
            if state.total == 1 and sys.exception() is None:
                state.done = 1
            self._on_finish(state)

    def _on_start(self, state: _Stage) -> None:
        raise NotImplementedError

    def _on_change(self, state: _Stage) -> None:
        raise NotImplementedError

    def _on_finish(self, state: _Stage) -> None:
        raise NotImplementedError


class LogDisplay(_Tracker):
    """Plain lines with the time of day: for log files and where there is no terminal.

    Parameters
    ----------
    stream
        Where the lines go; None is standard error.
    now
        Seconds of a clock that never goes back.
    """

    _every_s = LOG_EVERY_S

    def __init__(
        self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(now)
        self._stream = stream or sys.stderr

    def note(self, text: str) -> None:
        """Write a line."""
        self._write(text)

    def _on_start(self, state: _Stage) -> None:
        self._write(f"{state.name} started" + (f", {state.total} steps" if state.total > 1 else ""))

    def _on_change(self, state: _Stage) -> None:
        self._write(state.text(self._now()))

    def _on_finish(self, state: _Stage) -> None:
        word = "finished" if state.done >= state.total else "stopped"
        self._write(f"{word}: {state.text(self._now())}")

    def _write(self, text: str) -> None:
        print(
            f"{time.strftime('%Y-%m-%d %H:%M:%S')} {public_text(text)}",
            file=self._stream,
            flush=True,
        )


class NotebookDisplay(_Tracker):
    """A block of text in the output cell, a line per stage, replaced as work goes on."""

    _every_s = _NOTEBOOK_EVERY_S

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(now)
        self._lines: dict[str, str] = {}
        self._handle: Any = None

    def note(self, text: str) -> None:
        """Print a line."""
        print(text)  # noqa: T201 - the cell is where a notebook shows text

    def _on_start(self, state: _Stage) -> None:
        self._on_change(state)

    def _on_finish(self, state: _Stage) -> None:
        self._on_change(state)

    def _on_change(self, state: _Stage) -> None:
        filled = _BAR_WIDTH * min(state.done, state.total) // max(1, state.total)
        bar = "#" * filled + "-" * (_BAR_WIDTH - filled)
        self._lines[state.name] = f"[{bar}] {state.text(self._now())}"
        block = {"text/plain": "\n".join(self._lines.values())}
        if self._handle is None:
            # IPython is no requirement: it is there where this is a notebook.
            display = import_module("IPython.display").display
            self._handle = display(block, raw=True, display_id=True)
        else:
            self._handle.update(block, raw=True)


def default_display() -> Display:
    """Return the display of calls from Python: a block in a notebook, else nothing.

    A program that wants lines passes :class:`LogDisplay`.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    is_notebook = type(shell).__name__ == _SHELL_OF_NOTEBOOKS
    return NotebookDisplay() if is_notebook else Silent()
