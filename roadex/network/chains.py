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
    def end_pixels(self) -> NDArray[np.int64]:
        """Shape ``(2 * n,)``: pixel id of each end; chain ``i`` has ``2 * i`` and ``2 * i + 1``."""
        return np.stack([self.start, self.end], axis=1).reshape(-1)

    @property
    def n_steps(self) -> NDArray[np.int64]:
        """Shape ``(n,)``: steps of each chain."""
        return np.diff(self.offsets)

    @property
    def value_offsets(self) -> NDArray[np.int64]:
        """Shape ``(n + 1,)``: where the pixel values of each chain begin."""
        return self.offsets + np.arange(len(self.offsets))

    @property
    def end_values(self) -> NDArray[np.int64]:
        """Shape ``(2 * n,)``: where the pixel value of each end is."""
        begins = self.value_offsets
        return np.stack([begins[:-1], begins[1:] - 1], axis=1).reshape(-1)


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
        offsets=cumulated(steps),
        codes=np.concatenate([part.codes for part in parts]),
        probability=np.concatenate([part.probability for part in parts]),
        half_width=np.concatenate([part.half_width for part in parts]),
    )


def pieces(
    chains: Chains, index: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> Chains:
    """Return stretches of chains, each from its pixel ``first`` to its pixel ``last``.

    Parameters
    ----------
    chains
        Where to cut from.
    index
        Shape ``(m,)``: the chain each stretch comes from.
    first, last
        Shape ``(m,)``: pixel positions within the chain, 0 to its number of steps.
        ``last < first`` gives the stretch backwards.
    """
    offsets = cumulated(np.abs(last - first))
    codes = np.empty(offsets[-1], dtype=np.uint8)
    values = np.empty((2, offsets[-1] + len(index)), dtype=np.uint8)
    copy_stretches(chains, index, first, last, offsets, np.arange(len(index)), codes, values)
    start, end = (
        _pixels_at(chains.start, chains.offsets, chains.codes, chains.width, index, position)
        for position in (first, last)
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


def copy_stretches(
    chains: Chains,
    index: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    offsets: NDArray[np.int64],
    line: NDArray[np.int64],
    codes: NDArray[np.uint8],
    values: NDArray[np.uint8],
) -> None:
    """Write stretches of chains, as :func:`pieces` takes them, into the arrays of other chains.

    Parameters
    ----------
    chains, index, first, last
        As of :func:`pieces`.
    offsets
        Where the steps of each stretch go in ``codes``.
    line
        The chain each stretch becomes a part of. Stretches are written in their order: a pixel
        that two share gets the values of the later one.
    codes, values
        Steps, and probability and half-width (shape ``(2, n)``), of the chains that are made.
    """
    _copy_stretches(
        chains.offsets, chains.codes, chains.probability, chains.half_width,
        index, first, last, offsets, line, codes, values,
    )  # fmt: skip


def pixel_ids(chains: Chains) -> NDArray[np.int64]:
    """Return the id of every pixel of every chain, in the order of the pixel values."""
    ids = np.empty(len(chains.probability), dtype=np.int64)
    _fill_pixel_ids(chains.start, chains.offsets, chains.codes, chains.width, ids)
    return ids


def runs_backwards(chains: Chains) -> NDArray[np.bool_]:
    """Return whether the steps of each chain read backwards sort before those read forwards."""
    result = np.zeros(len(chains), dtype=np.bool_)
    _compare_directions(chains.offsets, chains.codes, result)
    return result


def cumulated(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each of things one after the other begins, and where the last one ends."""
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
def _pixels_at(start, offsets, codes, width, index, position):  # type: ignore[no-untyped-def]
    pixels = np.empty(len(index), dtype=np.int64)
    for i in range(len(index)):
        pixel, begin = start[index[i]], offsets[index[i]]
        for k in range(begin, begin + position[i]):
            pixel += ROW_STEP[codes[k]] * width + COL_STEP[codes[k]]
        pixels[i] = pixel
    return pixels


@kernel
def _copy_stretches(  # type: ignore[no-untyped-def]
    from_offsets, from_codes, from_probability, from_half_width,
    index, first, last, offsets, line, codes, values,
):  # fmt: skip
    for i in range(len(index)):
        chain = index[i]
        begin = from_offsets[chain]
        backwards = last[i] < first[i]
        lower, upper = min(first[i], last[i]), max(first[i], last[i])
        for k in range(lower, upper):
            code = from_codes[begin + k]
            if backwards:
                codes[offsets[i] + upper - 1 - k] = (code + 4) & 7
            else:
                codes[offsets[i] + k - lower] = code
        for k in range(lower, upper + 1):
            to = offsets[i] + line[i] + (upper - k if backwards else k - lower)
            values[0, to] = from_probability[begin + chain + k]
            values[1, to] = from_half_width[begin + chain + k]


@kernel
def _compare_directions(offsets, codes, result):  # type: ignore[no-untyped-def]
    for i in range(len(result)):
        last = offsets[i + 1] - 1
        for k in range(offsets[i], offsets[i + 1]):
            turned = (codes[last - k + offsets[i]] + 4) & 7
            if turned != codes[k]:
                result[i] = turned < codes[k]
                break
