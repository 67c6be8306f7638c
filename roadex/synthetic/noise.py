"""Seeded random fields the surfaces are made of.

All fields have zero mean and unit standard deviation in expectation.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.float32]


def white_noise(shape: tuple[int, int], rng: np.random.Generator) -> Field:
    """Return independent normal values of shape ``(H, W)``."""
    return rng.standard_normal(shape, dtype=np.float32)


def blurred_noise(shape: tuple[int, int], sigma: float, rng: np.random.Generator) -> Field:
    """Return white noise smoothed by a Gaussian of ``sigma`` pixels (for small ``sigma``)."""
    smooth = ndimage.gaussian_filter(white_noise(shape, rng), sigma, mode="wrap", truncate=3.0)
    # A normalised 2-D Gaussian of width sigma keeps 1 / (4 pi sigma^2) of the variance.
    kept = min(1.0, 1.0 / (2.0 * math.sqrt(math.pi) * max(sigma, 0.29)))
    return np.asarray(smooth / kept, dtype=np.float32)


def smooth_noise(shape: tuple[int, int], wavelength: float, rng: np.random.Generator) -> Field:
    """Return noise without detail below ``wavelength`` pixels.

    A grid of normal values is the control net of a cubic B-spline surface, evaluated by two matrix
    products: the cost hardly depends on the wavelength.
    """
    rows, cols = (_spline_basis(n, wavelength, rng.uniform()) for n in shape)
    grid = rng.standard_normal((rows.shape[1], cols.shape[1]), dtype=np.float32)
    # A cubic B-spline basis row has mean squared sum 0.479: two of them scale the variance.
    return np.asarray(rows @ grid @ cols.T / 0.479, dtype=np.float32)


def _spline_basis(n: int, wavelength: float, phase: float) -> Field:
    """Return the ``(n, K)`` matrix of uniform cubic B-spline weights at pixel centres."""
    position = (np.arange(n) + 0.5) / wavelength + phase
    first = np.floor(position).astype(int)
    t = position - first
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    )
    basis = np.zeros((n, int(first[-1]) + 4), dtype=np.float32)
    for k in range(4):
        basis[np.arange(n), first + k] = weights[k] / 6.0
    return basis


def relief(height: Field, sun: tuple[float, float]) -> Field:
    """Shade a bumpy surface lit from ``sun``.

    Parameters
    ----------
    height
        Shape ``(H, W)``; any unit.
    sun
        Direction to the sun in pixels, ``(x, y)`` with y down; unit length.

    Returns
    -------
    shade
        Shape ``(H, W)``, unit standard deviation; positive faces the sun.
    """
    down = ndimage.correlate1d(height, [-0.5, 0.0, 0.5], axis=0, mode="nearest")
    right = ndimage.correlate1d(height, [-0.5, 0.0, 0.5], axis=1, mode="nearest")
    shade = -(right * sun[0] + down * sun[1])
    return np.asarray(shade / max(float(shade.std()), 1e-6), dtype=np.float32)
