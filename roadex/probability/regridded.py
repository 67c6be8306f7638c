"""Road probability on another grid than its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from roadex.config import NODATA
from roadex.imagery.geodesy import place
from roadex.probability.source import RasterSource

_LATTICE_PX = 32
"""Pixels between the places whose position in the source is computed; between them it is
interpolated. In UTM zones side by side that is right to 1e-6 pixels."""

_STRIP_ROWS = 256
"""Rows done at a time, which bounds the memory."""

_SHARES = 256
"""Steps in which positions between pixels count: sums of whole numbers do not depend on the window
they are computed in."""


@dataclass(frozen=True, slots=True)
class RegriddedSource:
    """A source as seen on another grid, bilinear; picklable.

    A pixel is nodata exactly where its centre lies on a nodata pixel of the source or beside it. So
    of two sources that share a border each pixel belongs to one.
    """

    source: RasterSource
    shape: tuple[int, int]
    transform: Affine
    crs: CRS

    def read(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Return a window inside the grid: 0..254 is probability times 254, 255 is nodata."""
        if self._is_straight:
            return self._straight(row, col, height, width)
        strips = [
            self._strip(top, col, min(_STRIP_ROWS, row + height - top), width)
            for top in range(row, row + height, _STRIP_ROWS)
        ]
        return np.concatenate(strips)

    @property
    def _is_straight(self) -> bool:
        """Whether rows of this grid are rows of the source."""
        turns = (t for one in (self.transform, self.source.transform) for t in (one.b, one.d))
        return self.crs == self.source.crs and not any(turns)

    def _straight(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Read a window row by row and column by column: ten times as fast as place by place."""
        col_at, row_at = (np.arange(n) + first + 0.5 for n, first in ((width, col), (height, row)))
        to_source = ~self.source.transform @ self.transform
        rows, cols = to_source.e * row_at + to_source.f, to_source.a * col_at + to_source.c
        result = np.full((height, width), NODATA, dtype=np.uint8)
        (n_rows, n_cols) = self.source.shape
        inside = (rows >= 0) & (rows < n_rows), (cols >= 0) & (cols < n_cols)
        rows, cols = rows[inside[0]], cols[inside[1]]
        if rows.size and cols.size:
            top, left, values = self._around(rows, cols)
            result[np.ix_(*inside)] = _bilinear_grid(values, rows - top, cols - left)
        return result

    def _around(
        self, rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> tuple[int, int, NDArray[np.uint8]]:
        """Read what positions inside the source lie between: first row and column, and values."""
        n_rows, n_cols = self.source.shape
        top, left = (max(0, int(v.min() - 0.5)) for v in (rows, cols))
        bottom, right = (
            min(n, int(v.max() + 0.5) + 1) for v, n in ((rows, n_rows), (cols, n_cols))
        )
        return top, left, self.source.read(top, left, bottom - top, right - left)

    def _strip(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        rows, cols = self._positions(row, col, height, width)
        n_rows, n_cols = self.source.shape
        inside = (rows >= 0) & (rows < n_rows) & (cols >= 0) & (cols < n_cols)
        result = np.full((height, width), NODATA, dtype=np.uint8)
        if not inside.any():
            return result
        rows, cols = rows[inside], cols[inside]
        top, left, values = self._around(rows, cols)
        result[inside] = _bilinear(values, rows - top, cols - left)
        return result

    def _positions(
        self, row: int, col: int, height: int, width: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return row and column in the source of each pixel's centre; 0.0 is its outer corner."""
        at_row, share_row = _lattice(row, height)
        at_col, share_col = _lattice(col, width)
        lattice_row = np.arange(at_row[0], at_row[-1] + 2) * _LATTICE_PX
        lattice_col = np.arange(at_col[0], at_col[-1] + 2) * _LATTICE_PX
        col_at, row_at = np.meshgrid(lattice_col.astype(float), lattice_row.astype(float))
        known = self.in_source(row_at, col_at)
        i, j = at_row - at_row[0], at_col - at_col[0]
        rows, cols = (_between(_between(v, i, share_row).T, j, share_col).T for v in known)
        return rows, cols

    def in_source(
        self, rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return rows and columns in the source of places on this grid; NaN where it has none."""
        x, y = place(self.transform, cols, rows)
        if self.crs != self.source.crs:
            between = Transformer.from_crs(self.crs, self.source.crs, always_xy=True)
            x, y = between.transform(x, y)
            x, y = np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(y), y, np.nan)
        col, row = place(~self.source.transform, x, y)
        return row, col


def _lattice(start: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the lattice place before each pixel's centre, and the share of the way to the next."""
    centre = np.arange(start, start + length) + 0.5
    before = np.floor(centre / _LATTICE_PX).astype(np.int64)
    return before, centre / _LATTICE_PX - before


def _between(
    values: NDArray[np.float64], before: NDArray[np.int64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate along the rows of lattice values."""
    return values[before] * (1 - share)[:, None] + values[before + 1] * share[:, None]


def _bilinear(
    values: NDArray[np.uint8], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return values at positions inside an array: nodata counts for nothing, and stays nodata.

    Parameters
    ----------
    values
        Shape ``(H, W)``.
    rows, cols
        Shape ``(n,)``, in ``[0, H)`` and ``[0, W)``.
    """
    nearest = values[rows.astype(np.int64), cols.astype(np.int64)]
    (row, share_row), (col, share_col) = (_whole_and_share(v - 0.5) for v in (rows, cols))
    total = np.zeros(len(rows), dtype=np.int64)
    weight = np.zeros(len(rows), dtype=np.int64)
    for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
        at_row = np.clip(row + down, 0, values.shape[0] - 1)
        at_col = np.clip(col + across, 0, values.shape[1] - 1)
        value = values[at_row, at_col].astype(np.int64)
        share = (share_row if down else _SHARES - share_row) * (
            share_col if across else _SHARES - share_col
        )
        share = np.where(value == NODATA, 0, share)
        total += share * value
        weight += share
    mean = (total + weight // 2) // np.maximum(weight, 1)
    return np.where(nearest == NODATA, NODATA, mean).astype(np.uint8)


def _bilinear_grid(
    values: NDArray[np.uint8], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return what :func:`_bilinear` returns for each of ``rows`` with each of ``cols``."""
    nearest = values[rows.astype(np.int64)][:, cols.astype(np.int64)]
    if (nearest == NODATA).all():
        return nearest
    valid = (values != NODATA).astype(np.int32)
    total, weight = (
        _shared(_shared(v, rows).T, cols).T for v in (values.astype(np.int32) * valid, valid)
    )
    mean = (total + weight // 2) // np.maximum(weight, 1)
    return np.where(nearest == NODATA, NODATA, mean).astype(np.uint8)


def _shared(values: NDArray[np.int32], rows: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the rows of an array at positions between them, times :data:`_SHARES`."""
    last = len(values) - 1
    row, share = _whole_and_share(rows - 0.5)
    after = share.astype(np.int32)[:, None]
    return (
        values[np.clip(row, 0, last)] * (_SHARES - after)
        + values[np.clip(row + 1, 0, last)] * after
    )


def _whole_and_share(
    positions: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixel before each position, and the way to the next in :data:`_SHARES`."""
    steps = np.rint(positions * _SHARES).astype(np.int64)
    return steps // _SHARES, steps % _SHARES
