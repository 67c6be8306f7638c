"""How road probability is stored: uint8, ``p = value / 254``; 255 is nodata.

The quantum (0.004) is below the noise of 16-bit arithmetic, and a raster takes a quarter of
float32.
"""

from __future__ import annotations

from typing import Any

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


def stored_probability(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return probability or a mask as it is stored.

    Parameters
    ----------
    values
        Shape ``(H, W)``: bool, a mask; float in [0, 1], NaN is nodata; or uint8 as roadex stores
        it, probability times 254, 255 is nodata.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If values are outside, or are 0 and 1 as uint8, which is nearly no probability.
    """
    if values.ndim != 2:
        msg = f"probability is an array (rows, columns), got shape {values.shape}"
        raise TypeError(msg)
    if values.dtype == np.bool_:
        return np.where(values, np.uint8(PROBABILITY_MAX), np.uint8(0))
    if values.dtype == np.uint8:
        if values.size and values.max() == 1:
            msg = "uint8 values 0 and 1 are probability 0 and 1/254. Pass a mask as bool"
            raise ValueError(msg)
        return values
    if values.dtype.kind != "f":
        msg = f"probability is bool, uint8 (times 254) or float in [0, 1], got {values.dtype}"
        raise TypeError(msg)
    valid = ~np.isnan(values)
    if not ((values >= 0) & (values <= 1) | ~valid).all():
        low, high = np.nanmin(values), np.nanmax(values)
        msg = f"float probability is in [0, 1], got {low:g} to {high:g}. Divide it first"
        raise ValueError(msg)
    filled = np.where(valid, values, 0).astype(np.float32)
    return np.where(valid, encode(filled), np.uint8(NODATA))
