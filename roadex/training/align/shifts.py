"""Road labels moved, place by place, to where a model sees the roads.

Labels drawn from map centrelines or from other imagery lie beside the roads they mean, here to the
left and a street farther to the right. Such shifts are a known kind of label noise, and a training
that allows for them gives a better network [1]_. Here every small move of the labels is tried
everywhere: its gain is the probability under the moved labels, averaged over a neighbourhood large
enough to hold roads of more than one direction, less a cost that grows with the square of the
distance. Places without roads, or where no move gains anything, stay as they are.

References
----------
.. [1] V. Mnih and G. Hinton, "Learning to Label Aerial Images from Noisy Data", ICML 2012.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

NEIGHBOURHOOD_M: Final = 60.0
"""Standard deviation of the Gaussian window in which labels move together."""

_SMOOTHING_M: Final = 30.0
"""Standard deviation of the Gaussian that moves are smoothed with."""

_CELL_PX: Final = 10
"""Gains are averaged in cells of this side before they are averaged over a neighbourhood."""

_COST_PER_M2: Final = 0.0025
"""What a move costs, as probability under the labels: 0.02 for 3 m."""

_SHARPNESS: Final = 60.0
"""Moves are averaged with weights ``exp(sharpness * gain)``, which gives fractions of a pixel."""


def find_local_shifts(
    probability: NDArray[np.float32], road: NDArray[np.bool_], *, gsd_m: float, max_shift_m: float
) -> NDArray[np.float32]:
    """Return how far labels should be moved, everywhere.

    Parameters
    ----------
    probability
        Probability of road, shape ``(H, W)``, 0 to 1; 0 where there is no imagery.
    road
        Labels, shape ``(H, W)``; True is road.
    gsd_m
        Metres per pixel.
    max_shift_m
        Longest move down, up, left or right that is tried, in metres.

    Returns
    -------
    shifts
        Shape ``(2, H, W)``: pixels down and pixels to the right.
    """
    most_px = round(max_shift_m / gsd_m)
    steps = range(-most_px, most_px + 1)
    moves = [(down, right) for down in steps for right in steps]
    labels = road.astype(np.float32)
    framed = np.pad(labels, most_px)
    reach = NEIGHBOURHOOD_M / gsd_m / _CELL_PX
    around = _cell_means(labels, reach) + 1e-3
    height, width = road.shape
    gains = np.empty((len(moves), *around.shape), dtype=np.float32)
    for gain, (down, right) in zip(gains, moves, strict=True):
        top, left = most_px - down, most_px - right
        moved = framed[top : top + height, left : left + width]
        cost = _COST_PER_M2 * gsd_m**2 * (down**2 + right**2)
        gain[:] = _cell_means(probability * moved, reach) / around - cost
    weights = np.exp((gains - gains.max(axis=0)) * _SHARPNESS)
    weights /= weights.sum(axis=0)
    shifts = np.tensordot(np.array(moves, dtype=np.float32).T, weights, axes=1)
    return _to_pixels(shifts, road.shape, _SMOOTHING_M / gsd_m / _CELL_PX)


def move_labels(road: NDArray[np.bool_], shifts: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return labels moved by ``shifts``, as :func:`find_local_shifts` gives them."""
    rows, cols = np.indices(road.shape, dtype=np.float32)
    moved = ndimage.map_coordinates(
        road.astype(np.float32), [rows - shifts[0], cols - shifts[1]], order=1, mode="nearest"
    )
    return np.asarray(moved >= 0.5)


def _cell_means(values: NDArray[np.float32], reach_cells: float) -> NDArray[np.float32]:
    """Return means over cells, averaged over a Gaussian window; the last cells may be smaller."""
    starts = [np.arange(0, n, _CELL_PX) for n in values.shape]
    sides = [np.diff(np.append(first, n)) for first, n in zip(starts, values.shape, strict=True)]
    sums = np.add.reduceat(np.add.reduceat(values, starts[0], axis=0), starts[1], axis=1)
    means = (sums / np.outer(*sides)).astype(np.float32)
    return np.asarray(ndimage.gaussian_filter(means, reach_cells))


def _to_pixels(
    cells: NDArray[np.float32], shape: tuple[int, ...], smoothing_cells: float
) -> NDArray[np.float32]:
    """Return values of cells, shape ``(2, h, w)``, smoothed and interpolated to pixels."""
    rows, cols = ((np.arange(n, dtype=np.float32) - (_CELL_PX - 1) / 2) / _CELL_PX for n in shape)
    where = np.meshgrid(rows, cols, indexing="ij")
    smooth = (ndimage.gaussian_filter(plane, smoothing_cells) for plane in cells)
    return np.stack([ndimage.map_coordinates(p, where, order=1, mode="nearest") for p in smooth])
