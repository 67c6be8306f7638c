# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``roadex`` says while it works, line by line: progress, warnings, errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

INFO, WARNING, ERROR = "info", "warning", "error"

_TIMED = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?P<text>.*)$")
_STARTED = re.compile(r"^(?P<stage>\w+) started\b")
_STEPS = re.compile(r"^(?:(?:finished|stopped): )?(?P<stage>\w+) (?P<done>\d+)/(?P<total>\d+)\b")
_LEVEL = re.compile(r"^(?P<level>warning|error): ", re.IGNORECASE)
_FAILED = "Error: "
_TRACEBACK = "Traceback (most recent call last):"

INCOMPLETE = 3
"""Exit code: results are there, parts of them are missing."""


@dataclass(frozen=True)
class Message:
    """A line for the log."""

    text: str
    level: str = INFO


class Listener:
    """Follows the lines of one process.

    Parameters
    ----------
    stages
        Stages whose progress is reported, in their order, and their share of the work in percent.
    """

    def __init__(self, stages: Mapping[str, float]) -> None:
        self._stages = stages
        self._done = dict.fromkeys(stages, 0.0)
        self._error = ""
        self._last = ""
        self._has_traceback = False

    @property
    def percent(self) -> float:
        """How much of the work is done, 0 to 100; never goes back."""
        return sum(share * self._done[stage] for stage, share in self._stages.items())

    def hear(self, line: str) -> Message | None:
        """Take in a line and return what of it belongs into the log.

        Nothing does of an empty line, and of the line that says why ``roadex`` failed: that one is
        :meth:`failure`.
        """
        timed = _TIMED.match(line)
        text = (timed["text"] if timed else line).rstrip()
        if not text:
            return None
        if timed:
            self._count(text)
        elif text.startswith(_FAILED):
            self._error = text[len(_FAILED) :]
            return None
        self._has_traceback = self._has_traceback or text.startswith(_TRACEBACK)
        self._last = text.strip()
        level = _LEVEL.match(text)
        return Message(text, level["level"].lower() if level else INFO)

    def _count(self, text: str) -> None:
        """Move the progress on; a stage that was not needed is done when a later one starts."""
        started, steps = _STARTED.match(text), _STEPS.match(text)
        if started and started["stage"] in self._done:
            for stage in self._stages:
                if stage == started["stage"]:
                    return
                self._done[stage] = 1.0
        elif steps and steps["stage"] in self._done:
            share = int(steps["done"]) / max(1, int(steps["total"]))
            self._done[steps["stage"]] = max(self._done[steps["stage"]], min(1.0, share))

    def failure(self, code: int) -> str:
        """Return in one line why a process failed that ended with this code."""
        if self._error:
            return self._error
        if self._has_traceback:
            return f"roadex failed unexpectedly: {self._last} (the log has the traceback)"
        if code < 0:
            return (
                f"roadex was ended by signal {-code}; where that is 9, the system had too little "
                "memory: try fewer workers"
            )
        return f"roadex ended with exit code {code}: {self._last or 'it said nothing'}"
