"""Roads that leave the scene go on beyond it while it is thinned.

Thinning draws lines back from where roads end, and into the corners of wide ones. The edge of a
scene ends no road, so every road that crosses it is continued straight out of the scene first, and
what is traced stops at the edge, in the middle of the road.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Margins = tuple[tuple[int, int], tuple[int, int]]
"""Pixels added above and below, left and right."""


def continued(values: NDArray[np.uint8], margins: Margins, longest: int) -> NDArray[np.uint8]:
    """Return an image or its probability with its roads continued into margins.

    Parameters
    ----------
    values
        Shape ``(H, W)``, 0 where there is no road.
    margins
        How much to add on each side.
    longest
        Most pixels of the edge that a road takes. What takes more, or does not reach half as
        deep into the scene, runs along the edge and ends there.
    """
    padded = np.pad(values, margins)
    (top, _), (left, _) = margins
    height, width = values.shape
    inner = padded[top : top + height, left : left + width]
    sides = (
        (padded[:top, left : left + width], inner),
        (padded[top + height :, left : left + width], inner[::-1]),
        (padded[top : top + height, :left].T, inner.T),
        (padded[top : top + height, left + width :].T, inner.T[::-1]),
    )
    for margin, inward in sides:
        if len(margin):
            margin[:] = _crossing(inward, longest)
    return padded


def clear_margins(values: NDArray[np.uint8], margins: Margins) -> None:
    """Set margins to 0, in place."""
    (top, bottom), (left, right) = margins
    height, width = values.shape
    for side in (
        values[:top], values[height - bottom :], values[:, :left], values[:, width - right :]
    ):  # fmt: skip
        side[:] = 0


def _crossing(inward: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return the first row, without roads that do not cross it; rows go into the scene."""
    edge: NDArray[np.uint8] = inward[0].copy()
    change = np.flatnonzero(np.diff(edge > 0, prepend=False, append=False))
    for first, last in change.reshape(-1, 2):
        deep = np.all(inward[: -(-(last - first) // 2), first:last], axis=0)
        if last - first > longest or 2 * np.count_nonzero(deep) < last - first:
            edge[first:last] = 0
    return edge
