"""The search for a way over one gap: the cheapest path through the road probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.network.chains import COL_STEP, ROW_STEP
from roadex.network.compiled import kernel
from roadex.network.priority_queue import heap_pop, heap_push
from roadex.probability.source import ProbabilitySource

PROBABILITY_FLOOR: Final = 0.02
STEP_COST: Final = 0.05
"""Cost of a step of one pixel at probability p: ``-log(max(p, floor)) + STEP_COST``."""

AT_NODE_PX: Final = 3
"""A bridge that comes this close to the end of an edge goes to its node."""

_NOTHING: Final = 0.01 * PROBABILITY_MAX
"""Stored probability below which a pixel shows nothing of a road."""

FACING_COSINE: Final = 0.94
"""Cosine of the largest angle, 20 degrees, between two dead ends that are one road cut in two."""

_FREE_RADIUS: Final = 3.0
"""Next to the dead end the path may go anywhere: the heading says nothing about a pixel or two."""


MAX_GAP: Final = 1000.0
"""Longest gap that can be asked for, in pixels: each dead end is searched around with a square of
twice that side."""


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """When a gap is bridged; lengths in pixels."""

    max_gap: float
    snap_gap: float
    threshold: int
    """Stored probability from which a pixel is road and no gap."""

    gap_probability: float
    """Lowest mean stored probability of the pixels of a gap longer than ``snap_gap``."""

    facing_probability: float
    """The same where a dead end faces another one."""

    min_cosine: float
    """Cosine of the largest angle between path and heading."""

    empty_gap: float
    """Most pixels of a gap of up to ``snap_gap`` that show nothing of a road at all."""

    max_detour: float = 1.5
    """Longest path over the straight distance."""

    max_seen_detour: float = 3.0
    """The same where the path is seen all along: a half circle is 1.57."""


@dataclass(frozen=True, slots=True)
class BridgeTask:
    """Dead ends of one part of the scene, and the lines around them."""

    window: tuple[int, int, int, int]
    """First row, first column, height and width of the raster window needed."""

    end: NDArray[np.int64]
    """Shape ``(n,)``: edge ends, ``2 * edge + side``."""

    pixel: NDArray[np.int64]
    """Shape ``(n, 2)``: row and column of each end."""

    heading: NDArray[np.float64]
    """Shape ``(n, 2)``: unit vectors pointing on."""

    end_position: NDArray[np.int64]
    """Shape ``(n,)``: position of the end's pixel in its edge."""

    line_pixels: NDArray[np.int32]
    """Shape ``(m, 4)``: row, column, edge and position in it of the lines' pixels in the window, in
    the order of edges."""

    tips: NDArray[np.int64]
    """Shape ``(k, 2)``: edge and position in it of all dead ends around."""

    tip_heading: NDArray[np.float64]
    """Shape ``(k, 2)``: where those head for."""


@dataclass(frozen=True, slots=True)
class BridgeProposals:
    """Ways found; way ``i`` owns ``codes[offsets[i]:offsets[i + 1]]``, from the dead end on."""

    end: NDArray[np.int64]
    edge: NDArray[np.int64]
    """Edge each way leads to."""

    position: NDArray[np.int64]
    """Pixel of that edge."""

    cost: NDArray[np.float64]
    """Mean cost per step."""

    is_leap: NDArray[np.bool_]
    """Whether more of the way than ``empty_gap`` shows nothing of a road."""

    offsets: NDArray[np.int64]
    codes: NDArray[np.uint8]
    probability: NDArray[np.uint8]
    """Stored probability of the pixel after each step."""


def search_bridges(
    task: BridgeTask, *, source: ProbabilitySource, settings: BridgeSettings
) -> BridgeProposals:
    """Look for a way on from each dead end of a task.

    The way to the line that is cheapest to reach is proposed, if it is short, straight and
    probable enough. It depends on the surroundings of the dead end only, not on the task.
    """
    row, col, height, width = task.window
    probability = source.read(row, col, height, width)
    label = np.zeros((height, width), dtype=np.int32)
    rows, cols = task.line_pixels[:, 0] - row, task.line_pixels[:, 1] - col
    line_edge, line_position = task.line_pixels[:, 2].copy(), task.line_pixels[:, 3].copy()
    _draw_labels(label, rows, cols, line_edge, line_position)
    found, cost, is_leap, offsets, codes, values = _search_all(
        np.ascontiguousarray(probability),
        label,
        line_edge,
        line_position,
        task.tips,
        task.tip_heading,
        task.pixel - np.array([row, col]),
        task.heading,
        task.end // 2,
        task.end_position,
        _step_costs(),
        _Limits.of(settings),
    )
    hit = np.flatnonzero(found >= 0)
    return BridgeProposals(
        end=task.end[hit],
        edge=line_edge[found[hit]].astype(np.int64),
        position=line_position[found[hit]].astype(np.int64),
        cost=cost[hit],
        is_leap=is_leap[hit],
        offsets=np.r_[0, offsets[hit + 1]],
        codes=codes,
        probability=np.where(values == NODATA, np.uint8(0), values),
    )


def _step_costs() -> NDArray[np.float64]:
    share = np.arange(256) / PROBABILITY_MAX
    share[NODATA] = 0
    return np.asarray(-np.log(np.maximum(share, PROBABILITY_FLOOR)) + STEP_COST)


class _Limits(NamedTuple):
    """The fields of :class:`BridgeSettings` of the same names, for compiled code."""

    max_gap: float
    snap_gap: float
    threshold: float
    gap_probability: float
    min_cosine: float
    max_detour: float
    max_seen_detour: float
    facing_probability: float
    empty_gap: float

    @classmethod
    def of(cls, settings: BridgeSettings) -> _Limits:
        return cls(*(float(getattr(settings, name)) for name in cls._fields))


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


_STRAIGHT: Final = 0
"""Straight on to a dead end that heads for this one: the same road, whatever lies beside it."""

_AHEAD: Final = 1
"""Ahead to any line."""

_ROUND: Final = 2
"""Round a bend to another dead end, where the way is seen."""


@kernel
def _search_all(  # type: ignore[no-untyped-def]
    probability, label, line_edge, line_position, tips, tip_heading,
    pixel, heading, own_edge, own_position, step_cost, limits,
):  # fmt: skip
    n = len(pixel)
    side = 2 * int(np.ceil(limits.max_gap)) + 1
    distance = np.full(side * side, np.inf)
    came = np.full(side * side, -1, dtype=np.int8)
    found = np.full(n, -1, dtype=np.int64)
    cost, is_leap = np.zeros(n), np.zeros(n, dtype=np.bool_)
    offsets = np.zeros(n + 1, dtype=np.int64)
    # An accepted path has at most this many steps, see _is_acceptable.
    longest = int(limits.max_seen_detour * limits.max_gap * 1.08) + 4
    codes = np.empty(n * longest, dtype=np.uint8)
    values = np.empty(n * longest, dtype=np.uint8)
    queue = (np.empty(8 * side * side), np.empty(8 * side * side, dtype=np.int64))
    for i in range(n):
        offsets[i + 1] = offsets[i]
        for kind in (_STRAIGHT, _AHEAD, _ROUND):
            for k in range(len(distance)):
                distance[k] = np.inf
            min_cosine = FACING_COSINE if kind == _STRAIGHT else limits.min_cosine
            seen = kind == _ROUND
            target, goal = _search(
                probability, label, line_edge, line_position, pixel[i], heading[i], own_edge[i],
                own_position[i], step_cost, limits, min_cosine, seen, side, distance, came, queue,
            )  # fmt: skip
            if target < 0:
                continue
            path = _path_to(goal, came, side)
            along = _values_along(path, pixel[i], probability)
            is_tip, cosine = _what_is_met(
                tips, tip_heading, line_edge[target], line_position[target], heading[i]
            )
            if (kind == _STRAIGHT and cosine > -FACING_COSINE) or (seen and not is_tip):
                continue
            facing = cosine <= -limits.min_cosine
            least = limits.facing_probability if facing else limits.gap_probability
            if not _is_acceptable(path, along, limits, least, limits.empty_gap, seen):
                most = limits.snap_gap if kind == _STRAIGHT else 0.0
                is_leap[i] = _is_acceptable(path, along, limits, least, most, seen)
                if not is_leap[i]:
                    continue
            found[i] = target
            cost[i] = distance[goal] / len(path)
            offsets[i + 1] += len(path)
            for k in range(len(path)):
                codes[offsets[i] + k] = path[k]
                values[offsets[i] + k] = along[k]
            break
    return found, cost, is_leap, offsets, codes[: offsets[n]].copy(), values[: offsets[n]].copy()


@kernel
def _what_is_met(tips, tip_heading, edge, position, heading):  # type: ignore[no-untyped-def]
    """Return whether a place of an edge is a dead end, and the least cosine to its heading.

    The cosine is -1 where one heads straight for the other, and 1 where there is no dead end.
    """
    is_tip, least = False, 1.0
    for k in range(len(tips)):
        if tips[k, 0] == edge and abs(tips[k, 1] - position) <= AT_NODE_PX:
            is_tip = True
            cosine = heading[0] * tip_heading[k, 0] + heading[1] * tip_heading[k, 1]
            least = min(least, cosine)
    return is_tip, least


@kernel
def _search(  # type: ignore[no-untyped-def]
    probability, label, line_edge, line_position, pixel, heading,
    own_edge, own_position, step_cost, limits, min_cosine, seen, side, distance, came, queue,
):  # fmt: skip
    """Return the line pixel that is cheapest to reach and where in the window it is, or -1.

    1. The way ends at the first line it meets, but never at its own road's last stretch.
    2. It stays within ``max_gap`` of the dead end and inside the window.
    3. It stays in a cone around the heading. Only where all of it is ``seen`` may it turn out of
       it, as a hairpin does, but never back along its own road.
    """
    reach = side // 2
    start = reach * side + reach
    distance[start] = 0.0
    keys, waiting = queue
    n_waiting = heap_push(keys, waiting, 0, 0.0, start)
    while n_waiting > 0:
        so_far, at, n_waiting = heap_pop(keys, waiting, n_waiting)
        if so_far > distance[at]:
            continue
        row, col = at // side - reach, at % side - reach
        mark = label[pixel[0] + row, pixel[1] + col]
        if mark > 0 and at != start:
            target = mark - 1
            own = line_edge[target] == own_edge
            if not own:
                return target, at
            if abs(line_position[target] - own_position) <= 4 * reach:
                continue  # rule 1
            return target, at
        for k in range(8):
            r, c = row + ROW_STEP[k], col + COL_STEP[k]
            away = np.sqrt(r * r + c * c)
            if away > limits.max_gap:
                continue  # rule 2
            window_row, window_col = pixel[0] + r, pixel[1] + c
            if window_row < 0 or window_col < 0:
                continue
            if window_row >= label.shape[0] or window_col >= label.shape[1]:
                continue
            value = probability[window_row, window_col]
            ahead = r * heading[0] + c * heading[1]
            if away > _FREE_RADIUS and ahead < min_cosine * away:
                visible = limits.gap_probability <= value < NODATA
                if not seen or not visible or ahead < -min_cosine * away:
                    continue  # rule 3
            total = so_far + step_cost[value] * (1.4142135623730951 if k & 1 else 1.0)
            to = (r + reach) * side + c + reach
            if total < distance[to]:
                distance[to] = total
                came[to] = k
                n_waiting = heap_push(keys, waiting, n_waiting, total, to)
    return -1, -1


@kernel
def _path_to(goal, came, side):  # type: ignore[no-untyped-def]
    """Return the steps from the middle of the window to a pixel of it."""
    middle = (side // 2) * side + side // 2
    length = 0
    at = goal
    while at != middle:
        k = came[at]
        at -= ROW_STEP[k] * side + COL_STEP[k]
        length += 1
    path = np.empty(length, dtype=np.uint8)
    at = goal
    while at != middle:
        k = came[at]
        length -= 1
        path[length] = k
        at -= ROW_STEP[k] * side + COL_STEP[k]
    return path


@kernel
def _values_along(path, pixel, probability):  # type: ignore[no-untyped-def]
    row, col = pixel[0], pixel[1]
    values = np.empty(len(path), dtype=np.uint8)
    for k in range(len(path)):
        row += ROW_STEP[path[k]]
        col += COL_STEP[path[k]]
        values[k] = probability[row, col]
    return values


@kernel
def _is_acceptable(path, values, limits, least, most_empty, seen):  # type: ignore[no-untyped-def]
    """Return whether a path is a bridge.

    1. It is at most ``max_detour`` times as long as straight on (``max_seen_detour`` if ``seen``).
    2. Its gap, all that is no road, is at most ``max_gap`` long.
    3. A gap longer than ``snap_gap`` has at least the mean probability ``least``.
    4. Of another one, at most ``most_empty`` shows nothing of a road although there is imagery.
    """
    row, col, length, gap, empty, total = 0, 0, 0.0, 0.0, 0.0, 0.0
    for k in range(len(path)):
        row += ROW_STEP[path[k]]
        col += COL_STEP[path[k]]
        step = 1.4142135623730951 if path[k] & 1 else 1.0
        length += step
        if values[k] == NODATA:
            gap += step
        elif values[k] < limits.threshold:
            gap += step
            total += step * values[k]
            if values[k] < _NOTHING:
                empty += step
    detour = limits.max_seen_detour if seen else limits.max_detour
    # Rules 1 and 2; pixel steps are up to 8 % longer than the line they stand for.
    straight = np.sqrt(row * row + col * col)
    if length > detour * straight * 1.08 or gap > limits.max_gap:
        return False
    if gap > limits.snap_gap:
        return total >= least * gap  # rule 3
    return empty <= most_empty  # rule 4
