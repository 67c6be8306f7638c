"""Logistic models with few features, as the package keeps them: a constant and weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize


def fit_logistic(
    features: NDArray, truth: NDArray, weight: NDArray, *, mean: NDArray, spread: NDArray,
    shrink: float,
) -> NDArray:  # fmt: skip
    """Return constant and weights of least cross-entropy, slightly shrunk.

    Parameters
    ----------
    features, truth, weight
        Shapes ``(n, k)``, ``(n,)`` and ``(n,)``; weights add up to 1.
    mean, spread
        Of the features, shape ``(k,)``: shrinking meets them all alike.
    shrink
        Cost of half the square of the scaled weights.
    """
    x = np.c_[np.ones(len(features)), (features - mean) / spread]

    def loss(b: NDArray) -> tuple[float, NDArray]:
        z, pull = x @ b, shrink * np.r_[0, b[1:]]
        gap = 1 / (1 + np.exp(-z)) - truth
        value = weight @ (np.logaddexp(0, z) - truth * z) + b @ pull / 2
        return float(value), x.T @ (weight * gap) + pull

    b = minimize(loss, np.zeros(x.shape[1]), jac=True).x
    slopes = b[1:] / spread
    return np.r_[b[0] - slopes @ mean, slopes]
