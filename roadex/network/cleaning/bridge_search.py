"""What dead ends lead on to: the cheapest way of each, if it looks like a bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.network.chains import COL_STEP, ROW_STEP
from roadex.network.cleaning.cheapest_way import (
    Cone,
    DeadEnds,
    Surroundings,
    cheapest_way,
    workspace,
)
from roadex.network.compiled import kernel
from roadex.probability.source import ProbabilitySource

AT_NODE_PX: Final = 3
"""A bridge that comes this close to the end of an edge goes to its node."""

_NOTHING: Final = 0.01 * PROBABILITY_MAX
"""Stored probability below which a pixel shows nothing of a road."""

FACING_COSINE: Final = 0.94
"""Cosine of the largest angle, 20 degrees, between two dead ends that are one road cut in two."""

MAX_GAP: Final = 1000.0
"""Longest gap that can be asked for, in pixels: each dead end is searched around with a square of
twice that side."""


class BridgeSettings(NamedTuple):
    """When a gap is bridged; lengths in pixels. Also for compiled code."""

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

    ends: DeadEnds
    """From where ways are looked for."""

    ends_around: DeadEnds
    """All dead ends that a way may lead to."""

    line_pixels: NDArray[np.int32]
    """Shape ``(m, 4)``: row, column, edge and position in it of the lines' pixels in the window, in
    the order of edges."""


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
    corner = np.array([row, col])
    lines = task.line_pixels - np.array([row, col, 0, 0], dtype=np.int32)
    around = Surroundings.of(source.read(row, col, height, width), lines)
    ends = task.ends._replace(pixel=task.ends.pixel - corner)
    found, cost, is_leap, offsets, codes, values = _search_all(
        around, ends, task.ends_around, settings
    )
    hit = np.flatnonzero(found >= 0)
    return BridgeProposals(
        end=ends.end[hit],
        edge=around.edge[found[hit]].astype(np.int64),
        position=around.position[found[hit]].astype(np.int64),
        cost=cost[hit],
        is_leap=is_leap[hit],
        offsets=np.r_[0, offsets[hit + 1]],
        codes=codes,
        probability=np.where(values == NODATA, np.uint8(0), values),
    )


_STRAIGHT: Final = 0
"""Straight on to a dead end that heads for this one: the same road, whatever lies beside it."""

_AHEAD: Final = 1
"""Ahead to any line."""

_ROUND: Final = 2
"""Round a bend to another dead end, where the way is seen."""


_NONE, _BRIDGE, _LEAP = 0, 1, 2


@kernel
def _search_all(around, ends, others, settings):  # type: ignore[no-untyped-def]
    n = len(ends.end)
    found = np.full(n, -1, dtype=np.int64)
    mean_cost, is_leap = np.zeros(n), np.zeros(n, dtype=np.bool_)
    offsets = np.zeros(n + 1, dtype=np.int64)
    # An accepted path has at most this many steps, see _is_acceptable.
    longest = int(settings.max_seen_detour * settings.max_gap * 1.08) + 4
    codes = np.empty(n * longest, dtype=np.uint8)
    values = np.empty(n * longest, dtype=np.uint8)
    space = workspace(settings.max_gap)
    for i in range(n):
        offsets[i + 1] = offsets[i]
        for kind in (_STRAIGHT, _AHEAD, _ROUND):
            min_cosine = FACING_COSINE if kind == _STRAIGHT else settings.min_cosine
            visible_from = settings.gap_probability if kind == _ROUND else np.inf
            cone = Cone(settings.max_gap, min_cosine, visible_from)
            target, steps, cost = cheapest_way(around, ends, i, cone, space)
            if target < 0:
                continue
            along = _values_along(steps, ends.pixel[i], around.probability)
            met = _what_is_met(
                others, around.edge[target], around.position[target], ends.heading[i]
            )
            verdict = _verdict(kind, met, steps, along, settings)
            if verdict == _NONE:
                continue
            found[i], is_leap[i] = target, verdict == _LEAP
            mean_cost[i] = cost / len(steps)
            offsets[i + 1] += len(steps)
            codes[offsets[i] : offsets[i + 1]] = steps
            values[offsets[i] : offsets[i + 1]] = along
            break
    n_steps = offsets[n]
    return found, mean_cost, is_leap, offsets, codes[:n_steps].copy(), values[:n_steps].copy()


@kernel
def _what_is_met(others, edge, position, heading):  # type: ignore[no-untyped-def]
    """Return whether a place of an edge is a dead end, and the least cosine to its heading.

    The cosine is -1 where one heads straight for the other, and 1 where there is no dead end.
    """
    is_end, least = False, 1.0
    for k in range(len(others.end)):
        if others.end[k] // 2 == edge and abs(others.position[k] - position) <= AT_NODE_PX:
            is_end = True
            cosine = heading[0] * others.heading[k, 0] + heading[1] * others.heading[k, 1]
            least = min(least, cosine)
    return is_end, least


@kernel
def _verdict(kind, met, path, values, settings):  # type: ignore[no-untyped-def]
    """Return whether the cheapest way is no bridge, one, or a leap over nothing."""
    is_end, cosine = met
    if kind == _STRAIGHT and cosine > -FACING_COSINE:
        return _NONE
    if kind == _ROUND and not is_end:
        return _NONE
    faces = cosine <= -settings.min_cosine
    least = settings.facing_probability if faces else settings.gap_probability
    seen = kind == _ROUND
    if _is_acceptable(path, values, settings, least, settings.empty_gap, seen):
        return _BRIDGE
    most_empty = settings.snap_gap if kind == _STRAIGHT else 0.0
    is_leap = _is_acceptable(path, values, settings, least, most_empty, seen)
    return _LEAP if is_leap else _NONE


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
def _is_acceptable(path, values, settings, least, most_empty, seen):  # type: ignore[no-untyped-def]
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
        elif values[k] < settings.threshold:
            gap += step
            total += step * values[k]
            if values[k] < _NOTHING:
                empty += step
    detour = settings.max_seen_detour if seen else settings.max_detour
    # Rules 1 and 2; pixel steps are up to 8 % longer than the line they stand for.
    straight = np.sqrt(row * row + col * col)
    if length > detour * straight * 1.08 or gap > settings.max_gap:
        return False
    if gap > settings.snap_gap:
        return total >= least * gap  # rule 3
    return empty <= most_empty  # rule 4
