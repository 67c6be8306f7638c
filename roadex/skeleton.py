"""Centre lines of one tile: thinned, traced, and bit-identical to those of the whole scene.

Thinning peels road regions from both sides until lines of one pixel are left. Each of the K
passes looks at most two pixels far, so a tile that sees ``2 K`` pixels more than it owns comes to
exactly the same lines as the whole scene would: no seam can be found afterwards, because there is
none.

Regions wider than any road (parking lots, water taken for road) would need more passes and give
hairy lines. Their inside, everything farther than ``max_half_width`` from the edge, is cut out
first; what is left is a ring, which is marked (:data:`~roadex.chains.AREA`) and dealt with on the
graph.

References
----------
.. [1] T. Y. Zhang and C. Y. Suen, Communications of the ACM 27(3), 1984 (parallel thinning).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from roadex.chains import AREA, COL_STEP, HALF_WIDTH_SCALE, MAX_HALF_WIDTH, ROW_STEP, Chains
from roadex.config import PROBABILITY_MAX


@dataclass(frozen=True, slots=True)
class SkeletonSettings:
    """What decides which pixels are centre line, in pixels of the grid."""

    threshold: int
    """Lowest road probability of a road pixel, as stored (0..254)."""

    max_half_width: int
    """Pixels farther than this from the edge of a road region are no road, 2..60."""

    aspect: float = 1.0
    """Height of a pixel over its width, on the ground (not 1 on geographic grids)."""

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= PROBABILITY_MAX:
            msg = f"threshold must be in 1..{PROBABILITY_MAX}, got {self.threshold}"
            raise ValueError(msg)
        if not 2 <= self.max_half_width <= MAX_HALF_WIDTH:
            msg = f"max_half_width must be in 2..{MAX_HALF_WIDTH}, got {self.max_half_width}"
            raise ValueError(msg)

    @property
    def n_passes(self) -> int:
        """Thinning passes that surely suffice: a diagonal edge recedes 1/sqrt(2) px a pass."""
        return int(1.5 * self.max_half_width) + 2

    @property
    def halo(self) -> int:
        """Context a tile needs on each side: two pixels a pass, and the cut before it."""
        return 2 * self.n_passes + self.max_half_width + 4


@dataclass(frozen=True, slots=True)
class TileFrame:
    """Where a window of the scene lies, and the part of it that is the tile's own."""

    row: int
    """Scene row of the first row of the window."""

    col: int
    """Scene column of the first column of the window."""

    core: tuple[int, int, int, int]
    """First row, first column, last row + 1, last column + 1 of the core, in the window."""

    scene_width: int
    """Columns of the whole scene."""


def trace_tile(
    probability: NDArray[np.uint8], frame: TileFrame, settings: SkeletonSettings
) -> Chains:
    """Return the centre lines of the core of a tile.

    Parameters
    ----------
    probability
        Shape ``(H, W)``: the core and ``settings.halo`` pixels around it, less only where the
        scene ends. 0..254 is road probability times 254, 255 is nodata (never road).
    frame
        Where the window lies.
    settings
        What counts as road.

    Returns
    -------
    fragments
        Lines between *seeds*: pixels where lines end or meet, and pixels where a line leaves the
        core. A step over the border of two cores belongs to the core of the smaller pixel id. Put
        together by :func:`roadex.graph.merge_fragments`.
    """
    image = _road_image(probability, settings.threshold)
    wide = _cut_wide_regions(image, settings.max_half_width)
    _thin(image, settings.n_passes, _DELETABLE)
    ends, offsets, codes = _trace_lines(image, _LINKS, np.array(frame.core, dtype=np.int64))
    disc = _disc_offsets(settings.max_half_width, settings.aspect)
    values = _sample(
        ends[0], offsets, codes, image.shape[1], probability, wide, settings.threshold, disc
    )
    rows, cols = ends // image.shape[1] - 1 + frame.row, ends % image.shape[1] - 1 + frame.col
    ids = rows * frame.scene_width + cols
    return Chains(frame.scene_width, ids[0], ids[1], offsets, codes, values[0], values[1])


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


def _link_table() -> NDArray[np.uint8]:
    """Return the neighbours a line goes on to, for each neighbour byte.

    A diagonal neighbour counts only where no pixel beside the diagonal is set (m-adjacency):
    lines then have no triangles, and crossing diagonals meet in a pixel.
    """
    table = np.zeros(256, dtype=np.uint8)
    for byte in range(256):
        for k in range(8):
            beside = (byte >> (k - 1) % 8 | byte >> (k + 1) % 8) & 1
            if byte >> k & 1 and not (k % 2 and beside):
                table[byte] |= 1 << k
    return table


_DELETABLE: Final = _deletable_table()
_LINKS: Final = _link_table()


def _disc_offsets(radius: int, aspect: float) -> NDArray[np.int16]:
    """Return ``(row, col, distance in quarter pixels)`` of a disc's pixels, nearest first."""
    # Pixels are measured in units of the square root of their area on the ground.
    row_size, col_size = np.sqrt(aspect), 1 / np.sqrt(aspect)
    rows, cols = np.mgrid[-radius - 1 : radius + 2, -radius - 1 : radius + 2]
    distance = np.hypot(rows * row_size, cols * col_size).ravel()
    order = np.argsort(distance, kind="stable")
    order = order[(distance[order] > 0) & (distance[order] <= radius + 1)]
    quarters = np.rint(distance[order] * HALF_WIDTH_SCALE)
    table = np.stack([rows.ravel()[order], cols.ravel()[order], quarters], axis=1)
    return np.ascontiguousarray(table.astype(np.int16))


def _road_image(probability: NDArray[np.uint8], threshold: int) -> NDArray[np.uint8]:
    """Return 1 where there is road, with a margin of one empty pixel."""
    height, width = probability.shape
    image = np.zeros((height + 2, width + 2), dtype=np.uint8)
    inner = image[1:-1, 1:-1]
    # One wrapping subtraction covers both ends of the range: nodata (255) falls out as well.
    np.less_equal(probability - np.uint8(threshold), PROBABILITY_MAX - threshold, out=inner)
    return image


def _cut_wide_regions(image: NDArray[np.uint8], radius: int) -> NDArray[np.bool_]:
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


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
def _neighbours(flat, i, width):  # type: ignore[no-untyped-def]
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


@numba.njit(cache=True, nogil=True)
def _thin(image, n_passes, deletable):  # type: ignore[no-untyped-def]
    """Thin in place: 1 is a pixel never looked at, 2 one on the list of edge pixels."""
    width = image.shape[1]
    flat = image.ravel()
    n_road = 0
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
        flat[active[k]] = 2
    for _ in range(n_passes):
        n_deleted = 0
        for sub_pass in range(2):
            n_doomed = 0
            n_kept = 0
            for k in range(n):  # decide for all pixels before any goes
                i = active[k]
                if deletable[sub_pass, _neighbours(flat, i, width)]:
                    doomed[n_doomed] = i
                    n_doomed += 1
                else:
                    active[n_kept] = i
                    n_kept += 1
            n = n_kept
            for k in range(n_doomed):
                flat[doomed[k]] = 0
            for k in range(n_doomed):
                for step in (-width, -1, 1, width):
                    i = doomed[k] + step
                    if flat[i] == 1:
                        flat[i] = 2
                        active[n] = i
                        n += 1
            n_deleted += n_doomed
        if n_deleted == 0:
            break


@numba.njit(cache=True, nogil=True)
def _half_width(probability, wide, threshold, offsets, row, col):  # type: ignore[no-untyped-def]
    """Return the distance to the nearest gap in quarter pixels, or the area mark."""
    height, width = probability.shape
    found = 0
    for k in range(len(offsets)):
        r, c = row + offsets[k, 0], col + offsets[k, 1]
        outside = r < 0 or c < 0 or r >= height or c >= width
        if found == 0 and (
            outside or probability[r, c] < threshold or probability[r, c] > PROBABILITY_MAX
        ):
            found = offsets[k, 2]
            if wide.size == 0:
                return found
        if wide.size and not outside and wide[r + 1, c + 1]:
            return AREA
    return found if found else AREA


@numba.njit(cache=True, nogil=True)
def _find_seeds(image, links, core):  # type: ignore[no-untyped-def]
    """Mark the seeds of the core with bit 4; return how many links they and all pixels have."""
    width = image.shape[1]
    flat = image.ravel()
    n_seed_links, n_links, n_pixels = 0, 0, 0
    for row in range(core[0] + 1, core[2] + 1):
        for col in range(core[1] + 1, core[3] + 1):
            i = row * width + col
            if flat[i] == 0:
                continue
            byte = links[_neighbours(flat, i, width)]
            degree = 0
            leaves = False
            for k in range(8):
                if byte >> k & 1:
                    degree += 1
                    r, c = row - 1 + ROW_STEP[k], col - 1 + COL_STEP[k]
                    leaves |= r < core[0] or c < core[1] or r >= core[2] or c >= core[3]
            n_links += degree
            n_pixels += 1
            if degree != 2 or leaves:
                flat[i] |= 4
                n_seed_links += degree
    return n_seed_links, n_links, n_pixels


@numba.njit(cache=True, nogil=True)
def _walk(flat, i, first_link, links, step, codes, n_codes):  # type: ignore[no-untyped-def]
    """Follow a line from pixel ``i`` to a seed or back to ``i``; return its end and codes."""
    width = step[4]
    at = i
    k = first_link
    while True:
        codes[n_codes] = k
        n_codes += 1
        at += step[k]
        if flat[at] & 4 or at == i:
            return at, n_codes
        flat[at] |= 8
        onward = links[_neighbours(flat, at, width)] & ~(1 << ((k + 4) & 7))
        k = 0
        while not onward >> k & 1:
            k += 1


@numba.njit(cache=True, nogil=True)
def _trace_lines(image, links, core):  # type: ignore[no-untyped-def]
    """Return start and end index of each line in the image, line sizes and codes."""
    width = image.shape[1]
    flat = image.ravel()
    step = ROW_STEP * width + COL_STEP
    n_seed_links, n_links, n_pixels = _find_seeds(image, links, core)
    capacity = n_seed_links + n_pixels // 4
    ends = np.empty((2, capacity), dtype=np.int64)
    offsets = np.zeros(capacity + 1, dtype=np.int64)
    codes = np.empty(n_links, dtype=np.uint8)
    n, n_codes = 0, 0
    for closed in range(2):  # lines between seeds first; what then is left are cycles
        for row in range(core[0] + 1, core[2] + 1):
            for i in range(row * width + core[1] + 1, row * width + core[3] + 1):
                if flat[i] == 0 or flat[i] & 8 or (flat[i] & 4 == 0) != (closed == 1):
                    continue
                byte = links[_neighbours(flat, i, width)]
                for k in range(8):
                    if not byte >> k & 1 or flat[i + step[k]] & 8:
                        continue
                    r, c = row - 1 + ROW_STEP[k], i % width - 1 + COL_STEP[k]
                    ends_here = flat[i + step[k]] & 4 != 0
                    ends_here |= r < core[0] or c < core[1] or r >= core[2] or c >= core[3]
                    if ends_here and not 2 <= k <= 5:
                        continue  # the pixel with the smaller id has this step
                    ends[0, n] = i
                    if ends_here:
                        codes[n_codes] = k
                        ends[1, n] = i + step[k]
                        n_codes += 1
                    else:
                        ends[1, n], n_codes = _walk(flat, i, k, links, step, codes, n_codes)
                    n += 1
                    offsets[n] = n_codes
                    if closed:
                        flat[i] |= 8
                        break
    return ends[:, :n], offsets[: n + 1].copy(), codes[:n_codes].copy()


@numba.njit(cache=True, nogil=True)
def _sample(starts, offsets, codes, width, probability, wide, threshold, disc):  # type: ignore[no-untyped-def]
    """Return probability and half-width of every pixel of every line."""
    values = np.empty((2, len(codes) + len(starts)), dtype=np.uint8)
    for line in range(len(starts)):
        row, col = starts[line] // width - 1, starts[line] % width - 1
        at = offsets[line] + line
        for k in range(offsets[line], offsets[line + 1] + 1):
            values[0, at] = probability[row, col]
            values[1, at] = _half_width(probability, wide, threshold, disc, row, col)
            at += 1
            if k < offsets[line + 1]:
                row += ROW_STEP[codes[k]]
                col += COL_STEP[codes[k]]
    return values
