"""Quarter turns and flips: scenes whose rows and columns are those of the map, in another order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

_TOLERABLE_SKEW_PX = 0.1
"""How far a row may leave a row of the map over the whole scene, and still count as one."""

Array = TypeVar("Array", bound=NDArray[np.generic])


@dataclass(frozen=True, slots=True)
class Turn:
    """How a scene's pixels are brought north up: transposed first, then flipped."""

    is_transposed: bool = False
    flips_rows: bool = False
    flips_cols: bool = False

    def grid(self, shape: tuple[int, int], transform: Affine) -> tuple[tuple[int, int], Affine]:
        """Return shape and transform of a scene that was brought north up."""
        if self == NO_TURN and transform.b == transform.d == 0:
            return shape, transform
        corners = [transform @ (col, row) for col in (0, shape[1]) for row in (0, shape[0])]
        left, top = min(x for x, _ in corners), max(y for _, y in corners)
        width, height = math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)
        if self.is_transposed:
            width, height = height, width
        return self.source_shape(shape), Affine(width, 0, left, 0, -height, top)

    def source_shape(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Return the shape of a scene from that of its grid, or the other way round."""
        return shape[::-1] if self.is_transposed else shape

    def window(self, window: Window, shape: tuple[int, int]) -> Window:
        """Return the window of the scene that becomes ``window`` of a grid of ``shape``."""
        row, col = int(window.row_off), int(window.col_off)
        height, width = int(window.height), int(window.width)
        row = shape[0] - row - height if self.flips_rows else row
        col = shape[1] - col - width if self.flips_cols else col
        if self.is_transposed:
            return Window(row, col, height, width)
        return Window(col, row, width, height)

    def turned(self, pixels: Array) -> Array:
        """Return pixels ``(..., h, w)`` of a scene as they lie on the grid."""
        turned = np.swapaxes(pixels, -1, -2) if self.is_transposed else pixels
        turned = turned[..., ::-1, :] if self.flips_rows else turned
        return turned[..., ::-1] if self.flips_cols else turned  # type: ignore[return-value]


NO_TURN = Turn()


def turn_of(transform: Affine, shape: tuple[int, int]) -> Turn | None:
    """Return how a scene is brought north up without resampling; None if it cannot be."""
    t = transform
    if _skew_px(t, shape) <= _TOLERABLE_SKEW_PX:
        return Turn(flips_rows=t.e > 0, flips_cols=t.a < 0)
    if _skew_px(t @ Affine(0, 1, 0, 1, 0, 0), shape[::-1]) <= _TOLERABLE_SKEW_PX:
        return Turn(is_transposed=True, flips_rows=t.d > 0, flips_cols=t.b < 0)
    return None


def _skew_px(transform: Affine, shape: tuple[int, int]) -> float:
    """Return how far rows and columns leave those of the map over a whole scene, in pixels."""
    a, b, d, e = (float(v) for v in (transform.a, transform.b, transform.d, transform.e))
    if a == 0 or e == 0:
        return math.inf
    return max(abs(b) * shape[0] / abs(a), abs(d) * shape[1] / abs(e))
