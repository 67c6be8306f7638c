"""How road probability is stored: uint8, ``p = value / 254``; 255 is nodata.

The quantum (0.004) is below the noise of 16-bit arithmetic, and a raster takes a quarter of
float32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.config import NODATA, PROBABILITY_MAX


def encode(
    probability: NDArray[np.float32], valid: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8]:
    """Turn probability in [0, 1] into stored values; pixels that are not ``valid`` become 255."""
    stored = np.rint(probability * PROBABILITY_MAX).astype(np.uint8)
    return stored if valid is None else np.where(valid, stored, np.uint8(NODATA))


def decode(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn stored values into probability in [0, 1]; nodata becomes NaN."""
    values = stored.astype(np.float32) / np.float32(PROBABILITY_MAX)
    values[stored == NODATA] = np.nan
    return values
