"""What a process must set before it computes: memory allocator and thread counts."""

from __future__ import annotations

import ctypes
import sys

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
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = (
        (_M_MMAP_THRESHOLD, _KEEP_BYTES),
        (_M_TRIM_THRESHOLD, _KEEP_BYTES),
        (_M_ARENA_MAX, 1),
    )
    answers = [mallopt(name, value) for name, value in settings]
    return all(answer == 1 for answer in answers)
