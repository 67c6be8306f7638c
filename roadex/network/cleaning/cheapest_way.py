"""The cheapest way over a gap: from a dead end through the road probability to a line.

A step of one pixel at probability p costs ``-log(max(p, floor)) + STEP_COST``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.network.chains import COL_STEP, ROW_STEP
from roadex.network.compiled import kernel
from roadex.network.priority_queue import heap_pop, heap_push

PROBABILITY_FLOOR: Final = 0.02
STEP_COST: Final = 0.05

_FREE_RADIUS: Final = 3.0
"""Next to the dead end the path may go anywhere: the heading says nothing about a pixel or two."""


class DeadEnds(NamedTuple):
    """Ends of edges at which no other edge ends; also for compiled code."""

    end: NDArray[np.int64]
    """Shape ``(n,)``: edge ends, ``2 * edge + side``."""

    position: NDArray[np.int64]
    """Shape ``(n,)``: position of the end's pixel in its edge."""

    pixel: NDArray[np.int64]
    """Shape ``(n, 2)``: row and column of each end."""

    heading: NDArray[np.float64]
    """Shape ``(n, 2)``: unit vectors pointing on."""

    def take(self, index: NDArray[np.int64]) -> DeadEnds:
        """Return the chosen ones."""
        return DeadEnds(
            self.end[index], self.position[index], self.pixel[index], self.heading[index]
        )


class Surroundings(NamedTuple):
    """A window of the scene with its lines, for compiled code."""

    probability: NDArray[np.uint8]
    """Shape ``(h, w)``, stored values."""

    label: NDArray[np.int32]
    """Shape ``(h, w)``: number of the line pixel there, from 1; 0 is none."""

    edge: NDArray[np.int32]
    """Edge of each line pixel."""

    position: NDArray[np.int32]
    """Position of each line pixel in its edge."""

    step_cost: NDArray[np.float64]
    """Cost of a step onto each stored value."""

    @classmethod
    def of(cls, probability: NDArray[np.uint8], line_pixels: NDArray[np.int32]) -> Surroundings:
        """Draw lines, given as row and column in the window, edge and position in it."""
        rows, cols, edge, position = (column.copy() for column in line_pixels.T)
        label = np.zeros(probability.shape, dtype=np.int32)
        _draw_labels(label, rows, cols, edge, position)
        return cls(np.ascontiguousarray(probability), label, edge, position, step_costs())


class Cone(NamedTuple):
    """Where a way may go, for compiled code."""

    max_gap: float
    """Farthest it may go from the dead end, in pixels."""

    min_cosine: float
    """Cosine of the largest angle to the heading."""

    visible_from: float
    """Stored probability from which a pixel outside of the cone may be stepped on."""


class Workspace(NamedTuple):
    """Memory for a search, used again by the next one."""

    side: int
    """Of the square around the dead end that is searched; pixels of it are numbered by rows."""

    distance: NDArray[np.float64]
    came: NDArray[np.int8]
    """Last step of the cheapest way to each pixel."""

    keys: NDArray[np.float64]
    waiting: NDArray[np.int64]


@kernel
def workspace(max_gap):  # type: ignore[no-untyped-def]
    """Return memory for ways that go up to ``max_gap`` pixels far."""
    side = 2 * int(np.ceil(max_gap)) + 1
    size = side * side
    return Workspace(
        side,
        np.empty(size),
        np.full(size, -1, dtype=np.int8),
        np.empty(8 * size),
        np.empty(8 * size, dtype=np.int64),
    )


def step_costs() -> NDArray[np.float64]:
    """Return the cost of a step of one pixel onto each stored value, shape ``(256,)``."""
    share = np.arange(256) / PROBABILITY_MAX
    share[NODATA] = 0
    return np.asarray(-np.log(np.maximum(share, PROBABILITY_FLOOR)) + STEP_COST)


@kernel
def _draw_labels(label, rows, cols, edges, positions):  # type: ignore[no-untyped-def]
    """Draw lines with labels from 1, thick enough that no path slips through diagonally."""
    for i in range(len(rows)):
        label[rows[i], cols[i]] = i + 1
    for i in range(len(rows) - 1):
        follows = edges[i] == edges[i + 1] and positions[i] + 1 == positions[i + 1]
        diagonal = rows[i] != rows[i + 1] and cols[i] != cols[i + 1]
        if follows and diagonal and label[rows[i], cols[i + 1]] == 0:
            label[rows[i], cols[i + 1]] = i + 1


@kernel
def cheapest_way(around, ends, i, cone, space):  # type: ignore[no-untyped-def]
    """Return the line pixel that is cheapest to reach from dead end ``i``, and how.

    1. The way ends at the first line it meets, but never at its own road's last stretch.
    2. It stays within ``max_gap`` of the dead end and inside the window.
    3. It stays in a cone around the heading. Only where the pixels are visible may it turn out of
       it, as a hairpin does, but never back along its own road.

    Returns
    -------
    target, steps, cost
        Number of the line pixel from 0, or -1; the chain codes of the way there and their cost.
    """
    target, goal = _search(around, ends, i, cone, space)
    steps = _steps_to(goal, space)
    return target, steps, space.distance[goal]


@kernel
def _search(around, ends, i, cone, space):  # type: ignore[no-untyped-def]
    """Return the line pixel that is met, or -1, and where in the searched square it is."""
    # Arrays are taken out of their tuples first: numba counts references at each access.
    distance, came, keys, waiting = space.distance, space.came, space.keys, space.waiting
    probability, label, step_cost = around.probability, around.label, around.step_cost
    edge, position = around.edge, around.position
    top, left = ends.pixel[i, 0], ends.pixel[i, 1]
    down, right = ends.heading[i, 0], ends.heading[i, 1]
    own_edge, own_position = ends.end[i] // 2, ends.position[i]
    height, width = probability.shape
    side, reach = space.side, space.side // 2
    start = reach * side + reach
    distance[:] = np.inf
    distance[start] = 0.0
    n_waiting = heap_push(keys, waiting, 0, 0.0, start)
    while n_waiting > 0:
        so_far, at, n_waiting = heap_pop(keys, waiting, n_waiting)
        if so_far > distance[at]:
            continue
        row, col = at // side - reach, at % side - reach
        target = label[top + row, left + col] - 1
        if target >= 0 and at != start:
            if edge[target] != own_edge or abs(position[target] - own_position) > 4 * reach:
                return target, at
            continue  # rule 1
        for k in range(8):
            r, c = row + ROW_STEP[k], col + COL_STEP[k]
            if not (0 <= top + r < height and 0 <= left + c < width):
                continue
            value = probability[top + r, left + c]
            if not _may_step(r * down + c * right, np.sqrt(r * r + c * c), value, cone):
                continue
            total = so_far + step_cost[value] * (1.4142135623730951 if k & 1 else 1.0)
            to = (r + reach) * side + c + reach
            if total < distance[to]:
                distance[to] = total
                came[to] = k
                n_waiting = heap_push(keys, waiting, n_waiting, total, to)
    return -1, start


@kernel
def _may_step(ahead, away, value, cone):  # type: ignore[no-untyped-def]
    """Return whether rules 2 and 3 allow a pixel, by how far it is ahead and away."""
    if away > cone.max_gap:
        return False
    if away <= _FREE_RADIUS or ahead >= cone.min_cosine * away:
        return True
    return cone.visible_from <= value < NODATA and ahead >= -cone.min_cosine * away


@kernel
def _steps_to(goal, space):  # type: ignore[no-untyped-def]
    """Return the steps from the middle of the searched square to a pixel of it."""
    middle = (space.side // 2) * space.side + space.side // 2
    length = 0
    at = goal
    while at != middle:
        k = space.came[at]
        at -= ROW_STEP[k] * space.side + COL_STEP[k]
        length += 1
    path = np.empty(length, dtype=np.uint8)
    at = goal
    while at != middle:
        k = space.came[at]
        length -= 1
        path[length] = k
        at -= ROW_STEP[k] * space.side + COL_STEP[k]
    return path
