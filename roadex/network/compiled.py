"""The decorator of compiled functions, in one place."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import Any


class Kernel:
    """A function that is compiled when it is first called.

    numba is imported then, not before: that and loading the first machine code take half a second,
    and most commands call no kernel.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.interpreted = function
        """The same without machine code, for what is little."""

    def __call__(self, *arguments: Any) -> Any:
        """Run the compiled function."""
        return self._compiled(*arguments)

    @cached_property
    def _compiled(self) -> Callable[..., Any]:
        import numba

        try:
            compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True)(self.interpreted)
        except RuntimeError:  # numba finds no place for its cache
            compiled = numba.njit(nogil=True)(self.interpreted)
        return compiled

    @property
    def _numba_type_(self) -> Any:
        """What numba takes a kernel for that another kernel calls."""
        return self._compiled._numba_type_  # type: ignore[attr-defined]


def kernel(function: Callable[..., Any]) -> Kernel:
    """Compile a function when it is first called, and keep the machine code for later processes.

    It runs without Python's global lock. The code is kept beside the module, or in the user's cache
    folder where that cannot be written (``NUMBA_CACHE_DIR`` chooses another place); where no
    place can be written at all, every process compiles for itself.
    """
    return Kernel(function)
