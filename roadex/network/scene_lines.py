"""The lines of a scene: fragments of all tiles joined exactly, in one fixed order.

Every step from a pixel to the next was traced by exactly one tile, so the number of fragment ends
at a pixel is its degree in the whole scene: two ends meeting are a joint, anything else is a node.
Joining is therefore exact, whatever the tiles were and in whatever order they came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roadex.network.chains import Chains, concatenate, pieces, pixel_ids, runs_backwards, whole
from roadex.network.linking import link, pair_up


def merge_fragments(parts: Sequence[Chains], width: int) -> Chains:
    """Join the fragments of all tiles into the lines of the scene.

    Parameters
    ----------
    parts
        Fragments of every tile, in any order.
    width
        Columns of the scene.

    Returns
    -------
    lines
        In one fixed order and direction, independent of how the scene was cut into tiles: from
        the smaller pixel id to the larger, sorted by first pixel and first step; cycles start at
        their smallest pixel.
    """
    # Joining fills chains in the order of the input, so bring that into a fixed order first.
    fragments = concatenate(sorted(parts, key=_first_pixel), width)
    ends = fragments.end_pixels
    partner = pair_up(ends)
    lines, _ = link(fragments, partner)
    closed = (lines.start == lines.end) & ~np.isin(lines.start, ends[partner < 0])
    lines = _rotate_to_smallest_pixel(lines, np.flatnonzero(closed))
    return _in_fixed_order(lines)


def network_hash(chains: Chains) -> str:
    """Return the SHA-256 of lines and their values: equal only if everything is equal."""
    digest = hashlib.sha256()
    for array in (
        chains.start,
        chains.end,
        chains.offsets,
        chains.codes,
        chains.probability,
        chains.half_width,
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _first_pixel(part: Chains) -> int:
    return int(part.start.min()) if len(part) else -1


def _rotate_to_smallest_pixel(lines: Chains, closed: NDArray[np.int64]) -> Chains:
    """Let each of the ``closed`` lines start at its smallest pixel."""
    if len(closed) == 0:
        return lines
    loops = whole(lines, closed)
    ids, begin, steps = pixel_ids(loops), loops.value_offsets[:-1], loops.n_steps
    is_smallest = ids == np.repeat(np.minimum.reduceat(ids, begin), steps + 1)
    first = np.flatnonzero(is_smallest)
    at = first[np.searchsorted(first, begin)] - begin
    zero = np.zeros(len(closed), dtype=np.int64)
    halves = concatenate(
        [pieces(lines, closed, at, steps), pieces(lines, closed, zero, at)], lines.width
    )
    partner = np.full(4 * len(closed), -1, dtype=np.int64)
    tail, head = 2 * np.arange(len(closed)) + 1, 2 * (np.arange(len(closed)) + len(closed))
    partner[tail], partner[head] = head, tail
    rotated, _ = link(halves, partner)
    is_open = np.ones(len(lines), dtype=np.bool_)
    is_open[closed] = False
    return concatenate([whole(lines, np.flatnonzero(is_open)), rotated], lines.width)


def _in_fixed_order(lines: Chains) -> Chains:
    """Turn each line to its fixed direction and sort them by first pixel and first step."""
    backwards = (lines.start > lines.end) | ((lines.start == lines.end) & runs_backwards(lines))
    turned = whole(lines, np.arange(len(lines)), backwards)
    # A pixel is left in one direction once, so this pair is unique.
    order = np.lexsort((turned.codes[turned.offsets[:-1]], turned.start))
    return whole(turned, order)
