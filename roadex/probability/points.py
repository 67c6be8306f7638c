"""Road probability at single places, read block by block."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.probability.source import ProbabilitySource

_BLOCK_PX: Final = 1024


def probability_at(
    source: ProbabilitySource, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the probability of the pixels that hold the places.

    Memory does not grow with the raster: blocks of 1024 pixels are read one by one, each once, and
    those without a place not at all.

    Parameters
    ----------
    source
        Road probability.
    x, y
        Coordinates in its CRS, shape ``(n,)``; those that are not finite are outside.

    Returns
    -------
    probability
        Shape ``(n,)``, in [0, 1]; NaN outside the raster and where it has no data.
    """
    height, width = source.shape
    result = np.full(len(x), np.nan, dtype=np.float32)
    # Infinity, as PROJ says where it has no answer, would warn on its way through the transform.
    x, y = (np.where(np.isfinite(axis), axis, np.nan) for axis in (x, y))
    at_col, at_row = ~source.transform @ (x, y)
    inside = np.flatnonzero((at_col >= 0) & (at_col < width) & (at_row >= 0) & (at_row < height))
    rows, cols = at_row[inside].astype(np.int64), at_col[inside].astype(np.int64)
    block = rows // _BLOCK_PX * -(-width // _BLOCK_PX) + cols // _BLOCK_PX
    order = np.argsort(block, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
        if not len(members):
            continue
        top, left = (axis[members[0]] // _BLOCK_PX * _BLOCK_PX for axis in (rows, cols))
        size = min(_BLOCK_PX, height - top), min(_BLOCK_PX, width - left)
        values = source.read(int(top), int(left), int(size[0]), int(size[1]))
        found = values[rows[members] - top, cols[members] - left]
        result[inside[members]] = np.where(found == NODATA, np.nan, found / PROBABILITY_MAX)
    return result
