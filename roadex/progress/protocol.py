"""What a display of progress promises, one that shows nothing, and one that passes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol, Self


class Display(Protocol):
    """Shows the progress of work."""

    def start(self, stage: str, total: int) -> None:
        """Show that a stage of ``total`` steps begins."""

    def advance(self, stage: str, steps: int = 1) -> None:
        """Show that more steps of a stage are done."""

    def figures(self, stage: str, values: Mapping[str, float]) -> None:
        """Show numbers beside a stage, such as the loss of a training; they stay until changed."""

    def finish(self, stage: str) -> None:
        """Show that a stage is over, whether or not it ended well."""

    def note(self, text: str) -> None:
        """Show a line of text. Warnings and errors begin with ``warning:`` and ``error:``."""


OpenDisplay = Callable[[], AbstractContextManager[Display]]
"""Opens a display in the process that shows progress; can be pickled to get there."""


class Silent:
    """A display that shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def start(self, stage: str, total: int) -> None:
        """Show nothing."""

    def advance(self, stage: str, steps: int = 1) -> None:
        """Show nothing."""

    def figures(self, stage: str, values: Mapping[str, float]) -> None:
        """Show nothing."""

    def finish(self, stage: str) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""


class Labelled(Silent):
    """Passes progress on under a label, such as the name of the scene it belongs to."""

    def __init__(self, display: Display, label: str) -> None:
        self._display, self._label = display, label

    def start(self, stage: str, total: int) -> None:
        """Pass on."""
        self._display.start(f"{self._label} {stage}", total)

    def advance(self, stage: str, steps: int = 1) -> None:
        """Pass on."""
        self._display.advance(f"{self._label} {stage}", steps)

    def figures(self, stage: str, values: Mapping[str, float]) -> None:
        """Pass on."""
        self._display.figures(f"{self._label} {stage}", values)

    def finish(self, stage: str) -> None:
        """Pass on."""
        self._display.finish(f"{self._label} {stage}")

    def note(self, text: str) -> None:
        """Pass on."""
        self._display.note(f"{self._label}: {text}")
