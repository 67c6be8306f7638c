"""Chains joined end to end into the longest possible lines.

An end is a number: twice that of its chain for the first pixel, and one more for the last. Which
ends belong together is an array of partners: :func:`pair_up` makes one from places, and
:func:`walk_lines` and :func:`link` follow it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadex.network.chains import Chains, copy_stretches, cumulated
from roadex.network.compiled import kernel

_CODE_OF_STEP: Final = np.array([[7, 0, 1], [6, 255, 2], [5, 4, 3]], dtype=np.uint8)
"""Chain code of a step, by rows + 1 and columns + 1."""

_FEW_ENDS: Final = 10_000
"""Ends that are walked over without machine code: five milliseconds; to load numba takes half a
second, and merging calls no other kernel."""


def pair_up(place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each edge end, the one other end at the same place, or -1.

    ``place`` holds start and end of edge 0, of edge 1 and so on. Places where one or more than
    two ends meet pair nothing, nor does a loop with itself.
    """
    partner = np.full(len(place), -1, dtype=np.int64)
    order = np.argsort(place, kind="stable")
    sorted_place = place[order]
    is_first = np.r_[True, sorted_place[1:] != sorted_place[:-1]][: len(place)]
    first = np.flatnonzero(is_first)
    pairs = first[np.diff(np.r_[first, len(place)]) == 2]
    one, other = order[pairs], order[pairs + 1]
    apart = one // 2 != other // 2
    partner[one[apart]] = other[apart]
    partner[other[apart]] = one[apart]
    return partner


def walk_lines(partner: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
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
    walk = _walk_lines.interpreted if len(partner) <= _FEW_ENDS else _walk_lines
    sequence, bounds = walk(partner)
    return sequence, bounds


@kernel
def _walk_lines(partner):  # type: ignore[no-untyped-def]
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


def link(chains: Chains, partner: NDArray[np.int64]) -> tuple[Chains, NDArray[np.int64]]:
    """Join chains end to end.

    Parameters
    ----------
    chains
        The pieces. Chain ``i`` has the ends ``2 * i`` (start) and ``2 * i + 1``.
    partner
        Shape ``(2 * n,)``: the end each end is joined to, or -1. Symmetric. Where the two pixels
        differ they are connected by a straight run of pixels with the values of the end before it;
        where they are one pixel, it has the values of the chain that goes on.

    Returns
    -------
    joined
        Every chain once, in longest possible lines. A line without free end (a cycle) starts at
        the start of its first chain.
    ends
        Shape ``(m, 2)``: the end of the input at which each line begins and ends.
    """
    sequence, bounds = walk_lines(partner)
    goes_on = np.ones(len(sequence), dtype=np.bool_)
    goes_on[bounds[1:] - 1] = False
    before = np.flatnonzero(goes_on)
    runs = _straight_runs(chains, sequence[before] ^ 1, sequence[before + 1])
    index, backwards = sequence >> 1, sequence & 1 == 1
    n_steps = chains.n_steps[index]
    room = n_steps.copy()
    room[before] += runs.n_steps
    at, line = cumulated(room), np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    codes = np.empty(at[-1], dtype=np.uint8)
    values = np.empty((2, at[-1] + len(bounds) - 1), dtype=np.uint8)
    none, all_runs = np.zeros(len(runs), dtype=np.int64), np.arange(len(runs))
    to = at[before + 1] - runs.n_steps
    copy_stretches(runs, all_runs, none, runs.n_steps, to, line[before], codes, values)
    first, last = np.where(backwards, n_steps, 0), np.where(backwards, 0, n_steps)
    copy_stretches(chains, index, first, last, at[:-1], line, codes, values)
    ends = np.stack([sequence[bounds[:-1]], sequence[bounds[1:] - 1] ^ 1], axis=1)
    start, end = chains.end_pixels[ends].T
    return Chains(chains.width, start, end, at[bounds], codes, values[0], values[1]), ends


def _straight_runs(chains: Chains, begin: NDArray[np.int64], stop: NDArray[np.int64]) -> Chains:
    """Return a straight chain from each end in ``begin`` to one in ``stop``, valued as the first.

    It has no step where both are one pixel.
    """
    width, first, last = chains.width, chains.end_pixels[begin], chains.end_pixels[stop]
    rows, cols = last // width - first // width, last % width - first % width
    n_steps = np.maximum(np.abs(rows), np.abs(cols))
    offsets = cumulated(n_steps)
    run = np.repeat(np.arange(len(n_steps)), n_steps)
    step, n = np.arange(len(run)) - offsets[run], n_steps[run]

    def moves(distance: NDArray[np.int64]) -> NDArray[np.int64]:
        here, there = ((2 * k * distance[run] + n) // (2 * n) for k in (step, step + 1))
        return np.asarray(there - here, dtype=np.int64)

    codes = _CODE_OF_STEP[moves(rows) + 1, moves(cols) + 1]
    value = np.repeat(chains.end_values[begin], n_steps + 1)
    return Chains(
        width, first, last, offsets, codes, chains.probability[value], chains.half_width[value]
    )
