"""Centre lines of one tile: thinned, traced, and bit-identical to those of the whole scene.

Thinning peels road regions from both sides until lines of one pixel are left. Each of the K
passes looks at most two pixels far, so a tile that sees ``2 K`` pixels more than it owns comes to
exactly the same lines as the whole scene would: no seam can be found afterwards, because there is
none.

Regions wider than any road (parking lots, water taken for road) would need more passes and give
hairy lines. Their inside, everything farther than ``max_half_width`` from the edge, is cut out
first; what is left is a ring, which is marked (:data:`~roadex.network.chains.AREA`) and dealt with
on the
graph.

References
----------
.. [1] T. Y. Zhang and C. Y. Suen, Communications of the ACM 27(3), 1984 (parallel thinning).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.network.chains import AREA, COL_STEP, HALF_WIDTH_SCALE, ROW_STEP, Chains
from roadex.network.compiled import kernel
from roadex.network.continuation import continue_roads
from roadex.network.thinning import (
    cut_wide_regions,
    fill_small_holes,
    neighbour_byte,
    road_image,
    thin,
)
from roadex.network.tile_frame import SkeletonSettings, TileFrame


def trace_tile(
    probability: NDArray[np.uint8], frame: TileFrame, settings: SkeletonSettings
) -> Chains:
    """Return the centre lines of the core of a tile.

    Parameters
    ----------
    probability
        Shape ``(H, W)``: the core and ``settings.halo`` pixels around it, or
        ``settings.halo_at_edge`` if imagery ends within them; less only where the scene does.
        0..254 is road probability times 254, 255 is nodata (never road).
    frame
        Where the window lies.
    settings
        What counts as road.

    Returns
    -------
    fragments
        Lines between *seeds*: pixels where lines end or meet, and pixels where a line leaves the
        core. A step over the border of two cores belongs to the core of the smaller pixel id. Put
        together by :func:`roadex.network.scene_lines.merge_fragments`.
    """
    image = road_image(probability, settings.threshold)
    filled = fill_small_holes(image, settings.max_hole, settings.hole_span)
    if len(filled):
        probability = probability.copy()
        width = image.shape[1]
        probability[filled // width - 1, filled % width - 1] = settings.threshold
    margins = frame.beyond_scene(probability.shape, settings.n_passes)
    nodata = np.pad(probability == NODATA, margins, constant_values=True)
    probability = np.pad(probability * image[1:-1, 1:-1], margins)
    if nodata.any():
        continue_roads(probability, nodata, settings.reach)
    seen = frame.around(settings.halo, margins)
    probability, nodata = np.ascontiguousarray(probability[seen]), nodata[seen]
    image = np.pad((probability > 0).view(np.uint8), 1)
    wide = cut_wide_regions(image, settings.max_half_width)
    thin(image, settings.n_passes)
    image[1:-1, 1:-1][nodata] = 0
    top, left = margins[0][0] - seen[0].start, margins[1][0] - seen[1].start
    core = np.add(frame.core, (top, left, top, left))
    ends, offsets, codes = _trace_lines(image, _LINKS, core)
    disc = _disc_offsets(settings.max_half_width, settings.aspect)
    values = _sample(
        ends[0], offsets, codes, image.shape[1], probability, wide, settings.threshold, disc
    )
    rows = ends // image.shape[1] - 1 - top + frame.row
    cols = ends % image.shape[1] - 1 - left + frame.col
    ids = rows * frame.scene_width + cols
    return Chains(frame.scene_width, ids[0], ids[1], offsets, codes, values[0], values[1])


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


_LINKS: Final = _link_table()

_SEED: Final = 4
"""Bit of a pixel at which lines begin and end."""

_WALKED: Final = 8
"""Bit of a pixel inside a line that has been walked."""

_EAST: Final = 2
_SOUTH_WEST: Final = 5
"""Codes from :data:`_EAST` to this one lead to a pixel with a larger id."""


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


@kernel
def _measure_at(probability, wide, threshold, offsets, row, col):  # type: ignore[no-untyped-def]
    """Return probability and half-width in quarter pixels (or the area mark) of the road here.

    1. The half-width is the distance to the nearest gap.
    2. Where more than half of the road within it is surer than its middle (a shaded median, a row
       of cars), the probability is the mean of that part.
    3. What sees a region wider than any road is area.
    """
    height, width = probability.shape
    middle = probability[row, col]
    n_road, n_surer, total = 1, 0, np.int64(0)
    found = 0
    for k in range(len(offsets)):
        r, c = row + offsets[k, 0], col + offsets[k, 1]
        outside = r < 0 or c < 0 or r >= height or c >= width
        if found == 0 and (
            outside or probability[r, c] < threshold or probability[r, c] > PROBABILITY_MAX
        ):
            found = offsets[k, 2]  # rule 1
            if wide.size == 0:
                break
        if found == 0:
            n_road += 1
            if probability[r, c] > middle:
                n_surer += 1
                total += probability[r, c]
        if wide.size and not outside and wide[r + 1, c + 1]:
            return middle, AREA  # rule 3
    value = total // n_surer if 2 * n_surer > n_road else middle  # rule 2
    return value, (found if found else AREA)


@kernel
def _find_seeds(image, links, core):  # type: ignore[no-untyped-def]
    """Mark the seeds of the core; return the links of seeds, the links and the pixels of all.

    1. A pixel with any number of links but two is a seed: an end or a meeting of lines.
    2. A pixel with a link that leaves the core is a seed: another tile goes on from there.
    """
    width = image.shape[1]
    flat = image.ravel()
    n_seed_links, n_links, n_pixels = 0, 0, 0
    for row in range(core[0] + 1, core[2] + 1):
        for col in range(core[1] + 1, core[3] + 1):
            i = row * width + col
            if flat[i] == 0:
                continue
            byte = links[neighbour_byte(flat, i, width)]
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
                flat[i] |= _SEED
                n_seed_links += degree
    return n_seed_links, n_links, n_pixels


@kernel
def _walk(flat, i, first_link, links, step, codes, n_codes):  # type: ignore[no-untyped-def]
    """Follow a line from pixel ``i`` to a seed or back to ``i``; return its end and codes."""
    width = step[4]
    at = i
    k = first_link
    while True:
        codes[n_codes] = k
        n_codes += 1
        at += step[k]
        if flat[at] & _SEED or at == i:
            return at, n_codes
        flat[at] |= _WALKED
        onward = np.int64(links[neighbour_byte(flat, at, width)]) & ~(1 << ((k + 4) & 7))
        k = 0
        while not onward >> k & 1:
            k += 1


@kernel
def _trace_lines(image, links, core):  # type: ignore[no-untyped-def]
    """Return start and end index of each line in the image, line sizes and codes.

    1. Lines between seeds come first; every pixel they leave unwalked belongs to a cycle.
    2. A single step between two seeds, or out of the core, is taken from the smaller pixel id.
    3. A line of several steps is walked once: its inner pixels are marked.
    4. A cycle begins at its first pixel in reading order and is walked in one direction only.
    """
    width = image.shape[1]
    flat = image.ravel()
    step = ROW_STEP * width + COL_STEP
    n_seed_links, n_links, n_pixels = _find_seeds(image, links, core)
    capacity = n_seed_links + n_pixels // 4
    ends = np.empty((2, capacity), dtype=np.int64)
    offsets = np.zeros(capacity + 1, dtype=np.int64)
    codes = np.empty(n_links, dtype=np.uint8)
    n, n_codes = 0, 0
    for closed in range(2):  # rule 1
        for row in range(core[0] + 1, core[2] + 1):
            for i in range(row * width + core[1] + 1, row * width + core[3] + 1):
                is_inner = flat[i] & _SEED == 0
                if flat[i] == 0 or flat[i] & _WALKED or is_inner != (closed == 1):
                    continue
                byte = links[neighbour_byte(flat, i, width)]
                for k in range(8):
                    if not byte >> k & 1 or flat[i + step[k]] & _WALKED:
                        continue  # rule 3
                    r, c = row - 1 + ROW_STEP[k], i % width - 1 + COL_STEP[k]
                    ends_here = flat[i + step[k]] & _SEED != 0
                    ends_here |= r < core[0] or c < core[1] or r >= core[2] or c >= core[3]
                    if ends_here and not _EAST <= k <= _SOUTH_WEST:
                        continue  # rule 2
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
                        flat[i] |= _WALKED
                        break  # rule 4
    return ends[:, :n], offsets[: n + 1].copy(), codes[:n_codes].copy()


@kernel
def _sample(starts, offsets, codes, width, probability, wide, threshold, disc):  # type: ignore[no-untyped-def]
    """Return probability and half-width of every pixel of every line."""
    values = np.empty((2, len(codes) + len(starts)), dtype=np.uint8)
    for line in range(len(starts)):
        row, col = starts[line] // width - 1, starts[line] % width - 1
        at = offsets[line] + line
        for k in range(offsets[line], offsets[line + 1] + 1):
            value, half_width = _measure_at(probability, wide, threshold, disc, row, col)
            values[0, at], values[1, at] = value, half_width
            at += 1
            if k < offsets[line + 1]:
                row += ROW_STEP[codes[k]]
                col += COL_STEP[codes[k]]
    return values
