"""Pixel chains: lines on the pixel grid, as compact arrays.

A chain starts at a pixel and goes on in steps to one of the eight neighbours, one byte per step
(a Freeman chain code [1]_). A scene of 100 000 x 100 000 pixels has about 90 million steps: three
bytes each, so the lines of a whole scene fit in memory where its pixels do not.

Everything here is exact: integers in, integers out, and no result depends on the order of work.

References
----------
.. [1] H. Freeman, IRE Trans. Electronic Computers EC-10(2), 1961 (chain codes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.network.compiled import kernel

ROW_STEP: Final = np.array([-1, -1, 0, 1, 1, 1, 0, -1], dtype=np.int64)
COL_STEP: Final = np.array([0, 1, 1, 1, 0, -1, -1, -1], dtype=np.int64)
"""Step of each code: 0 is north (row - 1), then clockwise to 7, north-west."""

_CODE_OF_STEP: Final = np.array([7, 0, 1, 6, 255, 2, 5, 4, 3], dtype=np.uint8)

HALF_WIDTH_SCALE: Final = 4
"""Half-widths are stored in quarter pixels."""

MAX_HALF_WIDTH: Final = 60
"""Largest half-width in pixels that a byte of quarter pixels can carry beside the marks."""

LEAP: Final = 253
"""Half-width mark of a pixel of a gap in which nothing is seen of a road."""

BRIDGED: Final = 254
"""Half-width mark of a pixel that was added to close a gap."""

AREA: Final = 255
"""Half-width mark of a pixel that lies in a region wider than any road."""


@dataclass(frozen=True, slots=True)
class Chains:
    """Lines on a pixel grid; chain ``i`` owns ``codes[offsets[i]:offsets[i + 1]]``.

    A chain with ``n`` steps has ``n + 1`` pixels: the values of chain ``i`` are
    ``[offsets[i] + i : offsets[i + 1] + i + 1]`` of ``probability`` and ``half_width``.
    """

    width: int
    """Number of columns of the grid: pixel id = ``row * width + col``."""

    start: NDArray[np.int64]
    """Shape ``(n,)``: id of the first pixel."""

    end: NDArray[np.int64]
    """Shape ``(n,)``: id of the last pixel."""

    offsets: NDArray[np.int64]
    """Shape ``(n + 1,)``: where the steps of each chain begin."""

    codes: NDArray[np.uint8]
    """Steps 0..7 of all chains, see :data:`ROW_STEP`."""

    probability: NDArray[np.uint8]
    """Road probability of each pixel, 0..254."""

    half_width: NDArray[np.uint8]
    """Half-width in quarter pixels, or :data:`LEAP`, :data:`BRIDGED` or :data:`AREA`."""

    def __len__(self) -> int:
        return len(self.start)

    @property
    def n_steps(self) -> NDArray[np.int64]:
        """Shape ``(n,)``: steps of each chain."""
        return np.diff(self.offsets)

    @property
    def value_offsets(self) -> NDArray[np.int64]:
        """Shape ``(n + 1,)``: where the pixel values of each chain begin."""
        return self.offsets + np.arange(len(self.offsets))


def no_chains(width: int) -> Chains:
    """Return chains of a grid ``width`` columns wide that hold no line."""
    ids = np.zeros(0, dtype=np.int64)
    values = np.zeros(0, dtype=np.uint8)
    return Chains(width, ids, ids, np.zeros(1, dtype=np.int64), values, values, values)


def concatenate(parts: Sequence[Chains], width: int) -> Chains:
    """Return the chains of all parts, in the order given."""
    if not parts:
        return no_chains(width)
    steps = np.concatenate([part.n_steps for part in parts])
    return Chains(
        width=width,
        start=np.concatenate([part.start for part in parts]),
        end=np.concatenate([part.end for part in parts]),
        offsets=_offsets(steps),
        codes=np.concatenate([part.codes for part in parts]),
        probability=np.concatenate([part.probability for part in parts]),
        half_width=np.concatenate([part.half_width for part in parts]),
    )


def pieces(
    chains: Chains,
    index: NDArray[np.int64],
    first: NDArray[np.int64] | None = None,
    last: NDArray[np.int64] | None = None,
) -> Chains:
    """Return stretches of chains, each from its pixel ``first`` to its pixel ``last``.

    Parameters
    ----------
    chains
        Where to cut from.
    index
        Shape ``(m,)``: the chain each stretch comes from.
    first, last
        Shape ``(m,)``: pixel positions within the chain, 0 to its number of steps. Whole chains
        when left out. ``last < first`` gives the stretch backwards.
    """
    index = np.asarray(index, dtype=np.int64)
    first = np.zeros(len(index), dtype=np.int64) if first is None else first
    last = chains.n_steps[index] if last is None else last
    offsets = _offsets(np.abs(last - first))
    total = int(offsets[-1])
    start = np.empty(len(index), dtype=np.int64)
    end = np.empty(len(index), dtype=np.int64)
    codes = np.empty(total, dtype=np.uint8)
    values = np.empty((2, total + len(index)), dtype=np.uint8)
    _copy_pieces(
        chains.start,
        *_columns(chains),
        chains.width,
        index,
        first,
        last,
        offsets,
        start,
        end,
        codes,
        values,
    )
    return Chains(chains.width, start, end, offsets, codes, values[0], values[1])


def whole(
    chains: Chains, index: NDArray[np.int64], backwards: NDArray[np.bool_] | None = None
) -> Chains:
    """Return chosen whole chains, some of them turned around."""
    index = np.asarray(index, dtype=np.int64)
    steps = chains.n_steps[index]
    backwards = np.zeros(len(index), dtype=np.bool_) if backwards is None else backwards
    return pieces(chains, index, np.where(backwards, steps, 0), np.where(backwards, 0, steps))


def link(chains: Chains, partner: NDArray[np.int64]) -> tuple[Chains, NDArray[np.int64]]:
    """Join chains end to end.

    Parameters
    ----------
    chains
        The pieces. Chain ``i`` has the ends ``2 * i`` (start) and ``2 * i + 1``.
    partner
        Shape ``(2 * n,)``: the end each end is joined to, or -1. Symmetric. Where the two pixels
        differ they are connected by a straight run of pixels.

    Returns
    -------
    joined
        Every chain once, in longest possible lines. A line without free end (a cycle) starts at
        the start of its first chain.
    ends
        Shape ``(m, 2)``: the end of the input at which each line begins and ends.
    """
    sequence, bounds = walk_lines(partner)
    offsets = _linked_sizes(
        sequence, bounds, chains.width, chains.start, chains.end, chains.offsets
    )
    n_lines, total = len(bounds) - 1, int(offsets[-1])
    codes = np.empty(total, dtype=np.uint8)
    values = np.empty((2, total + n_lines), dtype=np.uint8)
    _copy_linked(
        sequence,
        bounds,
        chains.start,
        chains.end,
        *_columns(chains),
        chains.width,
        offsets,
        codes,
        values,
    )
    ends = np.stack([sequence[bounds[:-1]], sequence[bounds[1:] - 1] ^ 1], axis=1)
    at = np.stack([chains.start, chains.end], axis=1).reshape(-1)
    joined = Chains(
        chains.width, at[ends[:, 0]], at[ends[:, 1]], offsets, codes, values[0], values[1]
    )
    return joined, ends


def pixel_ids(chains: Chains) -> NDArray[np.int64]:
    """Return the id of every pixel of every chain, in the order of the pixel values."""
    ids = np.empty(len(chains.probability), dtype=np.int64)
    _fill_pixel_ids(chains.start, chains.offsets, chains.codes, chains.width, ids)
    return ids


def _columns(
    chains: Chains,
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    return chains.offsets, chains.codes, chains.probability, chains.half_width


def _offsets(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


@kernel
def _fill_pixel_ids(start, offsets, codes, width, ids):  # type: ignore[no-untyped-def]
    for chain in range(len(start)):
        pixel = start[chain]
        ids[offsets[chain] + chain] = pixel
        for k in range(offsets[chain], offsets[chain + 1]):
            pixel += ROW_STEP[codes[k]] * width + COL_STEP[codes[k]]
            ids[k + chain + 1] = pixel


@kernel
def _copy_pieces(  # type: ignore[no-untyped-def]
    from_start,
    from_offsets,
    from_codes,
    from_probability,
    from_half_width,
    width,
    index,
    first,
    last,
    offsets,
    start,
    end,
    codes,
    values,
):
    for i in range(len(index)):
        chain = index[i]
        begin = from_offsets[chain]
        backwards = last[i] < first[i]
        lower, upper = min(first[i], last[i]), max(first[i], last[i])
        pixel = from_start[chain]
        for k in range(lower):
            code = from_codes[begin + k]
            pixel += ROW_STEP[code] * width + COL_STEP[code]
        start[i] = pixel
        for k in range(lower, upper):
            code = from_codes[begin + k]
            pixel += ROW_STEP[code] * width + COL_STEP[code]
            if backwards:
                codes[offsets[i] + upper - 1 - k] = (code + 4) & 7
            else:
                codes[offsets[i] + k - lower] = code
        end[i] = pixel
        if backwards:
            start[i], end[i] = end[i], start[i]
        for k in range(lower, upper + 1):
            to = offsets[i] + i + (upper - k if backwards else k - lower)
            values[0, to] = from_probability[begin + chain + k]
            values[1, to] = from_half_width[begin + chain + k]


@kernel
def walk_lines(partner):  # type: ignore[no-untyped-def]
    """Walk over all lines that joined chains form.

    Parameters
    ----------
    partner
        Shape ``(2 * n,)``: the end each end is joined to, or -1, see :func:`link`.

    Returns
    -------
    sequence
        Shape ``(n,)``: the end at which each chain is entered, line after line.
    bounds
        Shape ``(n_lines + 1,)``: where each line begins in the sequence.
    """
    n_chains = len(partner) // 2
    used = np.zeros(n_chains, dtype=np.bool_)
    sequence = np.empty(n_chains, dtype=np.int64)
    bounds = np.empty(n_chains + 1, dtype=np.int64)
    bounds[0] = 0
    n_lines = 0
    n = 0
    for cycles in range(2):
        for first in range(2 * n_chains):
            if used[first >> 1] or (cycles == 0 and partner[first] >= 0):
                continue
            entry = first
            while entry >= 0 and not used[entry >> 1]:
                used[entry >> 1] = True
                sequence[n] = entry
                n += 1
                entry = partner[entry ^ 1]
            n_lines += 1
            bounds[n_lines] = n
    return sequence, bounds[: n_lines + 1].copy()


@kernel
def _gap(before, after, width):  # type: ignore[no-untyped-def]
    """Return rows, columns and number of steps from one pixel to another."""
    rows = after // width - before // width
    cols = after % width - before % width
    return rows, cols, max(abs(rows), abs(cols))


@kernel
def _linked_sizes(sequence, bounds, width, start, end, offsets):  # type: ignore[no-untyped-def]
    sizes = np.zeros(len(bounds), dtype=np.int64)
    for line in range(len(bounds) - 1):
        total = 0
        for k in range(bounds[line], bounds[line + 1]):
            chain = sequence[k] >> 1
            total += offsets[chain + 1] - offsets[chain]
            if k > bounds[line]:
                entry = start[chain] if sequence[k] & 1 == 0 else end[chain]
                previous = sequence[k - 1]
                left = end[previous >> 1] if previous & 1 == 0 else start[previous >> 1]
                total += _gap(left, entry, width)[2]
        sizes[line + 1] = sizes[line] + total
    return sizes


@kernel
def _copy_linked(  # type: ignore[no-untyped-def]
    sequence,
    bounds,
    start,
    end,
    from_offsets,
    from_codes,
    from_probability,
    from_half_width,
    width,
    offsets,
    codes,
    values,
):
    for line in range(len(bounds) - 1):
        to = offsets[line]
        for k in range(bounds[line], bounds[line + 1]):
            chain = sequence[k] >> 1
            backwards = sequence[k] & 1 == 1
            begin = from_offsets[chain]
            n_steps = from_offsets[chain + 1] - begin
            if k > bounds[line]:
                entry = end[chain] if backwards else start[chain]
                previous = sequence[k - 1]
                left = start[previous >> 1] if previous & 1 else end[previous >> 1]
                rows, cols, n_gap = _gap(left, entry, width)
                row, col = 0, 0
                for s in range(1, n_gap + 1):
                    next_row = (2 * s * rows + n_gap) // (2 * n_gap)
                    next_col = (2 * s * cols + n_gap) // (2 * n_gap)
                    codes[to] = _CODE_OF_STEP[(next_row - row + 1) * 3 + next_col - col + 1]
                    row, col = next_row, next_col
                    values[0, to + line + 1] = values[0, to + line]
                    values[1, to + line + 1] = values[1, to + line]
                    to += 1
            for s in range(n_steps + 1):
                at = begin + chain + (n_steps - s if backwards else s)
                values[0, to + line] = from_probability[at]
                values[1, to + line] = from_half_width[at]
                if s < n_steps:
                    code = from_codes[begin + (n_steps - 1 - s if backwards else s)]
                    codes[to] = (code + 4) & 7 if backwards else code
                    to += 1
