"""The decorator of compiled functions, in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function when it is first called, and keep the machine code for later processes.

    It runs without Python's global lock. The code is kept beside the module, or in the user's cache
    folder where that cannot be written (``NUMBA_CACHE_DIR`` chooses another place); where no
    place can be written at all, every process compiles for itself.
    """
    try:
        compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba finds no place for its cache
        compiled = numba.njit(nogil=True)(function)
    return compiled
