"""Masks of a straight road, and where they lie."""

from __future__ import annotations

import numpy as np
from affine import Affine

ORIGIN = Affine(0.5, 0, 500_000, 0, -0.5, 3_000_000)
CRS = "EPSG:32643"


def road(shape=(60, 80)):
    """Return a mask with a road from west to east, 14 px wide."""
    mask = np.zeros(shape, np.uint8)
    mask[20:34] = 1
    return mask


def half_found():
    """Return the western half of the road."""
    mask = road()
    mask[:, 40:] = 0
    return mask
