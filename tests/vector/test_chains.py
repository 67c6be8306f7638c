"""Chains of pixels: joined ends keep every pixel, and gaps between them are drawn straight."""

from __future__ import annotations

import numpy as np
import pytest

from roadex.network.chains import Chains, pixel_ids
from roadex.network.linking import link

WIDTH = 40
STEPS = [(row, col) for row in (-6, -2, 0, 2, 6) for col in (-6, -2, 0, 2, 6) if row or col]


def pixels(*places):
    """Return a chain of one pixel at each place."""
    ids = np.array([row * WIDTH + col for row, col in places], dtype=np.int64)
    return Chains(
        width=WIDTH,
        start=ids,
        end=ids,
        offsets=np.zeros(len(ids) + 1, dtype=np.int64),
        codes=np.zeros(0, dtype=np.uint8),
        probability=np.full(len(ids), 200, dtype=np.uint8),
        half_width=np.full(len(ids), 8, dtype=np.uint8),
    )


@pytest.mark.parametrize("step", STEPS)
def test_a_gap_in_any_direction_is_drawn_straight(step):
    first, last = (20, 20), (20 + step[0], 20 + step[1])
    joined, ends = link(pixels(first, last), np.array([-1, 2, 1, -1]))
    assert ends.tolist() in ([[0, 3]], [[3, 0]])
    rows, cols = np.divmod(pixel_ids(joined), WIDTH)
    if ends[0, 0] == 3:
        rows, cols = rows[::-1], cols[::-1]
    n = max(abs(step[0]), abs(step[1]))
    assert (rows[0], cols[0], rows[-1], cols[-1]) == (*first, *last)
    assert len(rows) == n + 1
    away = np.abs([rows - np.linspace(20, last[0], n + 1), cols - np.linspace(20, last[1], n + 1)])
    assert away.max() <= 0.5
    assert joined.end - joined.start == pytest.approx((rows[-1] - rows[0]) * WIDTH + step[1])
