"""Corners of lines: found, put back where the road has them, and kept out of the smoothing.

Thinning cuts corners (the middle of a bent band runs inside the bend) and smoothing would cut them
more. A corner is where two straight arms meet at an angle; its true place is where the arms,
prolonged, cross.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.network.compiled import kernel

_MARGIN: Final = 6
"""Vertices next to a corner that belong to no arm, besides one per pixel of half-width."""

_ARM: Final = 20
"""Vertices of an arm: enough to tell a straight arm from a piece of a tight bend."""

_STRAIGHT_PX: Final = 0.4
"""Largest root mean square distance of an arm's vertices, lightly smoothed, from its line."""

_BEND_SHARE: Final = 0.15
"""A bend of constant radius turns half as much within its arms as between them, a corner not at
all; what turns more than this share within is a bend."""

_LIGHT_PASSES: Final = 8

_CUT_SHARE: Final = 1.5
_CUT_PX: Final = 1.2
"""How far inside its corner a line passes at most: a bend of this radius in half-widths would, and
smoothing adds the rest. Measured on drawn corners (sharp, round and with a notch, 4 to 20 px wide)
and on bends whose radius is the width of the road."""


def sharpen_corners(
    points: NDArray[np.float64],
    offsets: NDArray[np.int64],
    half_width: NDArray[np.float64],
    corner_deg: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Put corners back to where their arms cross.

    Parameters
    ----------
    points
        Shape ``(n, 2)``: vertices about one pixel apart.
    offsets
        Shape ``(n_lines + 1,)``: where the vertices of each line begin.
    half_width
        Shape ``(n_lines,)``: half-width of each road in pixels; NaN where unknown.
    corner_deg
        Smallest turn of a corner.

    Returns
    -------
    points
        A copy in which the vertices next to corners lie on their arms.
    pinned
        Shape ``(n,)``: ends of lines and corners.
    """
    margins = _MARGIN + np.nan_to_num(half_width).astype(np.int64)
    sharpened = points.copy()
    pinned = np.zeros(len(points), dtype=np.bool_)
    pinned[offsets[:-1]] = True
    pinned[offsets[1:] - 1] = True
    _sharpen(points, offsets, margins, np.deg2rad(corner_deg), sharpened, pinned)
    return sharpened, pinned


@kernel
def _arm(points, first, last):  # type: ignore[no-untyped-def]
    """Return mean, direction and residual of the vertices ``first`` to ``last - 1``."""
    middle = (first + last) // 2
    x0, y0 = points[first:middle, 0].mean(), points[first:middle, 1].mean()
    x1, y1 = points[middle:last, 0].mean(), points[middle:last, 1].mean()
    length = np.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
    if length == 0:
        return x0, y0, 0.0, 0.0, np.inf
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    x, y = points[first:last, 0].mean(), points[first:last, 1].mean()
    residual = 0.0
    for i in range(first, last):
        residual += ((points[i, 0] - x) * dy - (points[i, 1] - y) * dx) ** 2
    return x, y, dx, dy, np.sqrt(residual / (last - first))


@kernel
def _corner_at(points, i, margin, corner):  # type: ignore[no-untyped-def]
    """Return the turn at vertex ``i`` and where its arms cross; turn 0 if it is no corner.

    1. Both arms are straight and turn by ``corner`` or more from one to the other.
    2. They cross ahead of the first and behind the second, no farther from the vertex than thinning
       cuts a corner: a bend whose radius is the road's width is twice as far inside.
    3. They do not turn themselves: what turns within its arms is a bend.
    """
    ax, ay, adx, ady, a_residual = _arm(points, i - margin - _ARM, i - margin + 1)
    bx, by, bdx, bdy, b_residual = _arm(points, i + margin, i + margin + _ARM + 1)
    cross = adx * bdy - ady * bdx
    turn = np.arctan2(np.abs(cross), adx * bdx + ady * bdy)
    # Rule 1.
    if turn < corner or max(a_residual, b_residual) > _STRAIGHT_PX or np.abs(cross) < 0.2:
        return 0.0, 0.0, 0.0
    along = ((bx - ax) * bdy - (by - ay) * bdx) / cross
    x, y = ax + along * adx, ay + along * ady
    # Rule 2.
    behind = (x - bx) * bdx + (y - by) * bdy
    off = np.sqrt((x - points[i, 0]) ** 2 + (y - points[i, 1]) ** 2)
    if along <= 0 or behind >= 0 or off > _largest_cut(turn, margin - _MARGIN):
        return 0.0, 0.0, 0.0
    # Rule 3.
    within = _turn_within(points, i - margin - _ARM) + _turn_within(points, i + margin)
    if np.sign(cross) * within > _BEND_SHARE * turn:
        return 0.0, 0.0, 0.0
    return turn, x, y


@kernel
def _largest_cut(turn, half_width):  # type: ignore[no-untyped-def]
    """Return how far from its corner a line may pass to have one."""
    cosine = np.cos(turn / 2)
    return _CUT_SHARE * half_width * (1 - cosine) / cosine + _CUT_PX


@kernel
def _turn_within(points, first):  # type: ignore[no-untyped-def]
    """Return the turn between the two halves of an arm, signed."""
    middle = first + _ARM // 2
    _, _, ax, ay, _ = _arm(points, first, middle + 1)
    _, _, bx, by, _ = _arm(points, middle, first + _ARM + 1)
    return np.arctan2(ax * by - ay * bx, ax * bx + ay * by)


@kernel
def _straighten(points, first, last, x, y):  # type: ignore[no-untyped-def]
    """Put the vertices after ``first`` on the line to ``(x, y)``, which becomes ``last``."""
    step = 1 if last > first else -1
    n = abs(last - first)
    from_x, from_y = points[first, 0], points[first, 1]
    for k in range(1, n + 1):
        points[first + step * k, 0] = from_x + (x - from_x) * k / n
        points[first + step * k, 1] = from_y + (y - from_y) * k / n


@kernel
def binomial(points, n_passes):  # type: ignore[no-untyped-def]
    """Smooth one line in place, both ends fixed: each vertex becomes 1/4, 1/2, 1/4 of three."""
    for _ in range(n_passes):
        x, y = points[0, 0], points[0, 1]
        for i in range(1, len(points) - 1):
            new_x = 0.25 * (x + points[i + 1, 0]) + 0.5 * points[i, 0]
            new_y = 0.25 * (y + points[i + 1, 1]) + 0.5 * points[i, 1]
            x, y = points[i, 0], points[i, 1]
            points[i, 0], points[i, 1] = new_x, new_y


@kernel
def _sharpen(points, offsets, margins, corner, sharpened, pinned):  # type: ignore[no-untyped-def]
    for line in range(len(offsets) - 1):
        margin, n = margins[line], offsets[line + 1] - offsets[line]
        first, stop = margin + _ARM, n - margin - _ARM
        if first >= stop:
            continue
        light = points[offsets[line] : offsets[line + 1]].copy()
        binomial(light, _LIGHT_PASSES)
        result = sharpened[offsets[line] : offsets[line + 1]]
        i = first
        while i < stop:
            # Of neighbouring candidates the one next to where its arms cross is the corner.
            best, best_x, best_y, best_off = -1, 0.0, 0.0, np.inf
            while i < stop:
                turn, x, y = _corner_at(light, i, margin, corner)
                if turn == 0.0:
                    break
                off = (light[i, 0] - x) ** 2 + (light[i, 1] - y) ** 2
                if off < best_off:
                    best, best_x, best_y, best_off = i, x, y, off
                i += 1
            if best >= 0:
                _straighten(result, best - margin, best, best_x, best_y)
                _straighten(result, best + margin, best, best_x, best_y)
                pinned[offsets[line] + best] = True
                i = max(i, best + 2 * margin)
            i += 1
