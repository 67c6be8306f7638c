"""Mean road probability along pieces of roads, with some room for what is left of a shift."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from roadex.network.samples import Samples
from roadex.probability.points import probability_at
from roadex.probability.source import ProbabilitySource

_N_ACROSS: Final = 5
"""Lines beside each other along which the probability is read."""

MIDDLE: Final = _N_ACROSS // 2
"""Number of the line that is on the road itself."""


def probability_beside(
    samples: Samples, crs: CRS, source: ProbabilitySource, *, tolerance_m: float
) -> NDArray[np.float32]:
    """Return the probability at each sample, and to its left and right.

    Parameters
    ----------
    samples
        Places along roads, in ``crs``, which is metric.
    source
        Road probability in any CRS.
    tolerance_m
        How far to both sides.

    Returns
    -------
    probability
        Shape ``(5, n)``, in [0, 1]: lines from left to right, the road itself is :data:`MIDDLE`.
        NaN where the source has no data.
    """
    left = np.stack([-samples.direction[:, 1], samples.direction[:, 0]], axis=1)
    to_source = Transformer.from_crs(crs, source.crs, always_xy=True)
    offsets = np.linspace(tolerance_m, -tolerance_m, _N_ACROSS)
    places = samples.xy + offsets[:, None, None] * left  # of all lines at once: blocks overlap
    x, y = to_source.transform(*places.reshape(-1, 2).T)
    return probability_at(source, x, y).reshape(_N_ACROSS, -1)


def best_means(
    probability: NDArray[np.float32], piece: NDArray[np.int64], n_pieces: int
) -> NDArray[np.float64]:
    """Return the mean along each piece on the best of the lines beside it; NaN where not seen.

    Parameters
    ----------
    probability
        Of :func:`probability_beside`.
    piece
        Number of the piece each sample lies on, shape ``(n,)``.
    n_pieces
        Number of pieces.
    """
    known = np.isfinite(probability)
    total, count = (
        np.stack([np.bincount(piece, weights=row, minlength=n_pieces) for row in rows]).astype(
            np.float64
        )
        for rows in (np.where(known, probability, 0), known)
    )
    return _best(total, count)


def local_means(
    probability: NDArray[np.float32], line: NDArray[np.int64], reach: int
) -> NDArray[np.float64]:
    """Return the mean around each sample on the best of the lines beside it; NaN where not seen.

    Parameters
    ----------
    probability
        Of :func:`probability_beside`.
    line
        Number of the road each sample lies on, shape ``(n,)``, in order.
    reach
        Samples before and after that take part, of the same road.
    """
    n = len(line)
    first = np.maximum(np.searchsorted(line, line, side="left"), np.arange(n) - reach)
    after = np.minimum(np.searchsorted(line, line, side="right"), np.arange(n) + reach + 1)
    known = np.isfinite(probability)
    total, count = (
        np.pad(np.cumsum(values, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
        for values in (np.where(known, probability, 0), known)
    )
    total, count = (sums[:, after] - sums[:, first] for sums in (total, count))
    return _best(total, count)


def _best(total: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest mean of each column; NaN where nothing is known."""
    mean = np.divide(total, count, out=np.full(total.shape, -np.inf), where=count > 0)
    best: NDArray[np.float64] = mean.max(axis=0)
    return np.where(np.isfinite(best), best, np.nan)
