"""What a process must set before it computes: memory allocator and thread counts."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_KEEP_BYTES = 1 << 30

ALLOCATOR_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(_KEEP_BYTES),
    "MALLOC_TRIM_THRESHOLD_": str(_KEEP_BYTES),
    "MALLOC_ARENA_MAX": "1",
}
"""The same settings as :func:`tune_allocator` for a process that is yet to start."""


def tune_allocator() -> bool:
    """Let glibc keep freed memory instead of handing every activation back to the kernel.

    Each forward pass frees and allocates the same large blocks; with the default thresholds the
    kernel maps and clears them anew each time (measured: 1.4 times the time per tile on CPU).

    Returns
    -------
    tuned
        False where the C library is not glibc; nothing is changed then.
    """
    mallopt = _of_c_library("mallopt")
    if mallopt is None:
        return False
    settings = (
        (_M_MMAP_THRESHOLD, _KEEP_BYTES),
        (_M_TRIM_THRESHOLD, _KEEP_BYTES),
        (_M_ARENA_MAX, 1),
    )
    answers = [mallopt(name, value) for name, value in settings]
    return all(answer == 1 for answer in answers)


def release_free_memory() -> None:
    """Hand what this process has freed back to the kernel, where the C library is glibc.

    glibc keeps a heap per thread and what is freed in each: after 1600 tiles were stitched by 16
    reading threads that was 220 of 670 MB.
    """
    trim = _of_c_library("malloc_trim")
    if trim is not None:
        trim(0)


def _of_c_library(name: str) -> Any:
    """Return a function that glibc has and others may not, or None."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)
