"""Peak memory of a run, sampled while it works."""

from __future__ import annotations

import threading
import time

import psutil

_SAMPLE_SECONDS = 0.5
"""Shortest time from one look to the next."""

_SHARE = 0.01
"""Most of a core that looking may take: the system adds up all pages of a process each time."""


class MemoryMeter:
    """Highest memory of this process and its children together, as far as sampling sees it.

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
        pause = _SAMPLE_SECONDS
        while not self._stop.wait(pause):
            began = time.thread_time()
            self.peak_bytes = max(self.peak_bytes, _memory_of_process_tree())
            pause = max(_SAMPLE_SECONDS, (time.thread_time() - began) / _SHARE)


def _memory_of_process_tree() -> int:
    me = psutil.Process()
    return sum(_proportional_memory(process) for process in [me, *me.children(recursive=True)])


def _proportional_memory(process: psutil.Process) -> int:
    try:
        used = process.memory_full_info()
    except psutil.Error:  # it has just ended
        return 0
    return int(getattr(used, "pss", used.rss))
