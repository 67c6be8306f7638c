"""Progress of long work: one protocol, and its displays that need nothing but Python.

Work says which stage starts, advances and finishes; a display shows it. The command line draws bars
(:mod:`roadex.cli.display`); here are a display that shows nothing, one of log lines, and one for
notebooks. Stages may overlap and be advanced from several threads.
"""

from roadex.progress.displays import LogDisplay, NotebookDisplay, default_display
from roadex.progress.durations import Stopwatch, clock, time_text
from roadex.progress.protocol import Display, Labelled, OpenDisplay, Silent

__all__ = [
    "Display",
    "Labelled",
    "LogDisplay",
    "NotebookDisplay",
    "OpenDisplay",
    "Silent",
    "Stopwatch",
    "clock",
    "default_display",
    "time_text",
]
