"""Thinning of road regions to lines of one pixel, in a bounded number of passes.

References
----------
.. [1] T. Y. Zhang and C. Y. Suen, Communications of the ACM 27(3), 1984 (parallel thinning).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.config import PROBABILITY_MAX
from roadex.network.compiled import kernel


def _deletable_table() -> NDArray[np.bool_]:
    """Return, for both sub-passes and each neighbour byte, whether the pixel may go [1]_."""
    table = np.zeros((2, 256), dtype=np.bool_)
    for byte in range(256):
        bits = [byte >> k & 1 for k in range(8)]
        north, east, south, west = bits[0], bits[2], bits[4], bits[6]
        rises = sum(bits[k] == 0 and bits[(k + 1) % 8] == 1 for k in range(8))
        if 2 <= sum(bits) <= 6 and rises == 1:
            table[0, byte] = not (north and east and south) and not (east and south and west)
            table[1, byte] = not (north and east and west) and not (north and south and west)
    return table


_DELETABLE: Final = _deletable_table()

_UNSEEN: Final = 1
"""State of a road pixel that has never been at the edge."""

_LISTED: Final = 2
"""State of a road pixel on the list of edge pixels."""

_OPEN: Final = 1
"""State of a pixel beside roads that belongs to no small hole."""

_GROWING: Final = 2
"""State of a pixel of the hole that is looked at."""


def road_image(probability: NDArray[np.uint8], threshold: int) -> NDArray[np.uint8]:
    """Return 1 where there is road, with a margin of one empty pixel."""
    height, width = probability.shape
    image = np.zeros((height + 2, width + 2), dtype=np.uint8)
    inner = image[1:-1, 1:-1]
    # One wrapping subtraction covers both ends of the range: nodata (255) falls out as well.
    np.less_equal(probability - np.uint8(threshold), PROBABILITY_MAX - threshold, out=inner)
    return image


def fill_small_holes(image: NDArray[np.uint8], max_pixels: int, max_span: int) -> NDArray[np.int64]:
    """Set the holes of road regions that are small, in place; return their flat indices.

    Cars, lane marks and trees leave holes in a road; around each of them thinning would draw a
    loop. A hole is filled whole or not at all; at the edge of the image the edge closes it.

    Parameters
    ----------
    image
        Shape ``(H + 2, W + 2)``, 1 is road, the margin is empty.
    max_pixels
        Largest hole, in pixels; 0 fills nothing.
    max_span
        Most rows and most columns of a hole: how far a hole can reach from one of its pixels.
    """
    if max_pixels < 1:
        return np.zeros(0, dtype=np.int64)
    _set_margin(image, _UNSEEN)
    filled: NDArray[np.int64] = _fill_small_holes(image, max_pixels, max_span)
    _set_margin(image, 0)
    return filled


def _set_margin(image: NDArray[np.uint8], value: int) -> None:
    for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
        edge[:] = value


@kernel
def _fill_small_holes(image, max_pixels, max_span):  # type: ignore[no-untyped-def]
    """Fill holes.

    1. The first pixel of a hole in reading order has road above and to its left.
    2. What grows beyond the limits, or meets something that did, is open and no hole.
    """
    width = image.shape[1]
    flat = image.ravel()
    state = np.zeros(len(flat), dtype=np.uint8)
    stack = np.empty(max_pixels + 1, dtype=np.int64)
    filled = np.empty(1024, dtype=np.int64)
    n_filled = 0
    for i in range(width + 1, len(flat) - width):
        if flat[i] or not flat[i - 1] or not flat[i - width] or state[i]:
            continue  # rule 1
        n = _grow_hole(flat, i, width, max_pixels, max_span, state, stack)
        if n == 0:
            continue
        if n_filled + n > len(filled):
            longer = np.empty(2 * (n_filled + n), dtype=np.int64)
            longer[:n_filled] = filled[:n_filled]
            filled = longer
        for k in range(n):
            flat[stack[k]] = 1
            filled[n_filled + k] = stack[k]
        n_filled += n
    return filled[:n_filled].copy()


@kernel
def _grow_hole(  # type: ignore[no-untyped-def]
    flat, first, width, max_pixels, max_span, state, stack
):
    """Put the pixels of a hole on the stack; return how many, or 0 and mark them if it is open."""
    stack[0] = first
    state[first] = _GROWING
    n, k = 1, 0
    closed = True
    top, bottom = first // width, first // width
    left, right = first % width, first % width
    while k < n and closed:
        for step in (-width, -1, 1, width):
            i = stack[k] + step
            if flat[i] or state[i] == _GROWING:
                continue
            row, col = i // width, i % width
            top, bottom = min(top, row), max(bottom, row)
            left, right = min(left, col), max(right, col)
            too_long = max(bottom - top, right - left) >= max_span
            if too_long or n == max_pixels or state[i] == _OPEN:
                closed = False
                break
            stack[n] = i
            state[i] = _GROWING
            n += 1
        k += 1
    if not closed:
        for k in range(n):
            state[stack[k]] = _OPEN
    return n if closed else 0


def cut_wide_regions(image: NDArray[np.uint8], radius: int) -> NDArray[np.bool_]:
    """Clear pixels farther than ``radius`` from any gap, in place; return where.

    The result is empty where nothing was cut.
    """
    # Strategy: a disc of this radius contains a full cell of a coarse grid, however that lies;
    # roads contain none, so nearly every tile is done after a look at each cell's first pixels.
    cell = max(1, int(radius / np.sqrt(2)))
    if not _has_full_cell(image, cell):
        return np.zeros((0, 0), dtype=np.bool_)
    reach = np.arange(-radius, radius + 1)
    wide: NDArray[np.bool_] = _erode_disc(
        image, np.floor(np.sqrt(radius**2 - reach**2)).astype(np.int64), radius
    )
    image[wide] = 0
    return wide


@kernel
def _has_full_cell(image, cell):  # type: ignore[no-untyped-def]
    height, width = image.shape
    for top in range(0, height - cell + 1, cell):
        for left in range(0, width - cell + 1, cell):
            full = image[top, left] and image[top + cell - 1, left + cell - 1]
            row = top
            while full and row < top + cell:
                for col in range(left, left + cell):
                    if not image[row, col]:
                        full = False
                        break
                row += 1
            if full:
                return True
    return False


@kernel
def _erode_disc(image, heights, radius):  # type: ignore[no-untyped-def]
    """Return the pixels whose whole disc is set; ``heights`` is the disc's column profile."""
    height, width = image.shape
    wide = np.zeros((height, width), dtype=np.bool_)
    depth = np.zeros((height, width), dtype=np.uint8)  # rows to the nearest gap, capped
    for row in range(1, height):
        for col in range(width):
            if image[row, col]:
                depth[row, col] = min(depth[row - 1, col] + 1, radius + 1)
    for row in range(height - 2, -1, -1):
        for col in range(width):
            if depth[row, col] > depth[row + 1, col] + 1:
                depth[row, col] = depth[row + 1, col] + 1
    for row in range(radius, height - radius):
        for col in range(radius, width - radius):
            inside = depth[row, col] > radius
            k = 0
            while inside and k <= 2 * radius:
                inside = depth[row, col - radius + k] > heights[k]
                k += 1
            wide[row, col] = inside
    return wide


@kernel
def neighbour_byte(flat, i, width):  # type: ignore[no-untyped-def]
    """Return the neighbour byte of a pixel: bit k is the neighbour in direction k."""
    return (
        (flat[i - width] != 0)
        | (flat[i - width + 1] != 0) << 1
        | (flat[i + 1] != 0) << 2
        | (flat[i + width + 1] != 0) << 3
        | (flat[i + width] != 0) << 4
        | (flat[i + width - 1] != 0) << 5
        | (flat[i - 1] != 0) << 6
        | (flat[i - width - 1] != 0) << 7
    )


def thin(image: NDArray[np.uint8], n_passes: int) -> None:
    """Thin regions of ones in place, in at most ``n_passes`` passes; the margin must be empty."""
    _thin(image, n_passes, _DELETABLE)


@kernel
def _thin(image, n_passes, deletable):  # type: ignore[no-untyped-def]
    """Thin in place, looking at edge pixels only.

    1. A sub-pass decides for all listed pixels before any is cleared.
    2. What a cleared pixel lays bare joins the list, each pixel once.
    3. It is over after ``n_passes`` passes or the first one that clears nothing.
    """
    width = image.shape[1]
    flat = image.ravel()
    n_road = np.int64(0)
    for i in range(len(flat)):
        n_road += flat[i]
    active = np.empty(n_road, dtype=np.int32)
    doomed = np.empty(n_road, dtype=np.int32)
    n = 0
    for i in range(width, len(flat) - width):
        if flat[i] and not (flat[i - 1] and flat[i + 1] and flat[i - width] and flat[i + width]):
            active[n] = i
            n += 1
    for k in range(n):
        flat[active[k]] = _LISTED
    for _ in range(n_passes):
        n_deleted = 0
        for sub_pass in range(2):
            n_doomed = 0
            n_kept = 0
            for k in range(n):  # rule 1
                i = active[k]
                if deletable[sub_pass, neighbour_byte(flat, i, width)]:
                    doomed[n_doomed] = i
                    n_doomed += 1
                else:
                    active[n_kept] = i
                    n_kept += 1
            n = n_kept
            for k in range(n_doomed):
                flat[doomed[k]] = 0
            for k in range(n_doomed):  # rule 2
                for step in (-width, -1, 1, width):
                    i = doomed[k] + step
                    if flat[i] == _UNSEEN:
                        flat[i] = _LISTED
                        active[n] = i
                        n += 1
            n_deleted += n_doomed
        if n_deleted == 0:  # rule 3
            break
