"""Roads that leave the imagery go on beyond it, in their own direction, while they are thinned.

Thinning draws lines back from where roads end, and into the corners of wide ones. The edge of a
scene ends no road, nor does the edge of nodata inside it. So every road that crosses one is
continued first, over pixels without imagery, and what is traced stops at the edge, in the middle of
the road.

A *crossing* is what a road takes of the edge: road pixels with nodata beside them that hang
together. All coordinates are relative to the first pixel of a crossing, so that what is found does
not depend, to the last bit, on the window it is seen in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadex.network.graph import group

STEEPEST: Final = 4.1
"""Pixels along the edge that a road goes per pixel away from it, at most: it meets it at 14°."""

_LOOK: Final = 4
"""How far around a pixel nodata tells the direction of the edge."""

_STRAIGHT_EDGE: Final = 0.3
"""Least length of the sum of steps to nodata, over their sum of lengths; 0.64 at a straight edge,
0 around a hole."""

_SAME_LENGTH: Final = 0.3
"""Share by which what a road takes of a line along the edge may differ, inside and at the edge."""

_SAME_SPREAD: Final = 0.3
"""Share by which the variance across the road may differ from that of a straight road."""

_DEEP: Final = 0.75
"""Share that is road of the rectangle below a crossing, half as deep as long, if it goes straight
out; that of a road at 45°."""

_SQUARE: Final = np.mgrid[-_LOOK : _LOOK + 1, -_LOOK : _LOOK + 1].reshape(2, -1).T
_STEPS: Final = _SQUARE[np.hypot(*_SQUARE.T) <= _LOOK]


class Reach(NamedTuple):
    """How far roads are followed and continued, in pixels."""

    half_width: int
    """Half of the widest road."""

    beyond: int
    """How far beyond the edge."""

    @property
    def longest(self) -> int:
        """Most rows or columns of a crossing."""
        return int(np.ceil(2 * self.half_width * np.hypot(STEEPEST, 1)))

    @property
    def inward(self) -> int:
        """How far around a crossing its road is looked at."""
        return int(np.ceil(self.half_width * np.hypot(STEEPEST, 1))) + _LOOK

    @property
    def outward(self) -> int:
        """How far around a crossing its road is continued."""
        return int(np.ceil(self.beyond * np.hypot(STEEPEST, 1))) + _LOOK

    @property
    def context(self) -> int:
        """What has to be seen around a pixel to know what is continued over it."""
        return self.outward + self.longest + self.inward


class _Crossing(NamedTuple):
    """What a road takes of an edge, and its surroundings."""

    pixels: NDArray[np.int64]
    """Shape ``(n, 2)``: rows and columns."""

    along: NDArray[np.float64]
    """Unit vector along the edge."""

    inward: NDArray[np.float64]
    """Unit vector away from nodata."""

    def frame(self, pixels: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where pixels are along the edge and how far inward, from the first pixel."""
        relative = (pixels - self.pixels[0]).astype(np.float64)
        return (
            relative[:, 0] * self.along[0] + relative[:, 1] * self.along[1],
            relative[:, 0] * self.inward[0] + relative[:, 1] * self.inward[1],
        )


def continue_roads(roads: NDArray[np.uint8], nodata: NDArray[np.bool_], reach: Reach) -> None:
    """Continue roads over pixels without imagery, in place.

    Parameters
    ----------
    roads
        Shape ``(H, W)``: probability as stored, 0 where there is no road.
    nodata
        Shape ``(H, W)``; nothing is changed where it is false.
    reach
        How far.
    """
    drawn = []
    for pixels in _connected(_edge_pixels(roads, nodata), roads.shape[1]):
        crossing = _crossing(pixels, nodata, reach)
        slant = None if crossing is None else _slant(crossing, roads, reach)
        if crossing is not None and slant is not None:
            drawn.append(_beyond(crossing, slant, roads, nodata, reach))
    for rows, cols, values in drawn:
        roads[rows, cols] = np.maximum(roads[rows, cols], values)


def _edge_pixels(roads: NDArray[np.uint8], nodata: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return rows and columns of road pixels with nodata above, below or beside them."""
    beside = np.zeros_like(nodata)
    beside[1:] |= nodata[:-1]
    beside[:-1] |= nodata[1:]
    beside[:, 1:] |= nodata[:, :-1]
    beside[:, :-1] |= nodata[:, 1:]
    beside &= roads > 0
    return np.stack(np.divmod(np.flatnonzero(beside), roads.shape[1]), axis=1)


def _connected(pixels: NDArray[np.int64], width: int) -> Iterator[NDArray[np.int64]]:
    """Yield the parts of pixels (in reading order) that hang together, in reading order."""
    part = _parts(pixels, width)
    order = np.argsort(part, kind="stable")
    starts = np.flatnonzero(np.diff(part[order], prepend=-1))
    for members in np.split(order, starts[1:]) if len(order) else ():
        yield pixels[members]


def _parts(pixels: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Return the number of the part that each pixel (in reading order) hangs together with."""
    ids = pixels[:, 0] * (width + 1) + pixels[:, 1]  # nothing follows the last column
    pairs = []
    for step in (1, width, width + 1, width + 2):
        at = np.searchsorted(ids, ids + step)
        first = np.flatnonzero(ids[np.minimum(at, len(ids) - 1)] == ids + step)
        pairs.append(np.stack([first, at[first]]))
    return group(len(ids), *np.concatenate(pairs, axis=1))


def _crossing(
    pixels: NDArray[np.int64], nodata: NDArray[np.bool_], reach: Reach
) -> _Crossing | None:
    """Return a crossing with the direction of its edge; none if it is too long or no edge."""
    if np.ptp(pixels, axis=0).max() >= reach.longest:
        return None
    near = pixels[:, None] + _STEPS
    inside = np.all((near >= 0) & (near < nodata.shape), axis=-1)
    near = np.where(inside[..., None], near, 0)
    counts = np.count_nonzero(inside & nodata[near[..., 0], near[..., 1]], axis=0)
    outward = (counts[:, None] * _STEPS).sum(axis=0)
    length = np.hypot(*outward)
    if length <= _STRAIGHT_EDGE * (counts * np.hypot(*_STEPS.T)).sum():
        return None
    inward = -outward / length
    return _Crossing(pixels, np.array([-inward[1], inward[0]]), inward)


def _box(
    pixels: NDArray[np.int64], margin: int, shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], tuple[slice, slice]]:
    """Return the first pixel and the slices of a box around pixels."""
    first = np.maximum(pixels.min(axis=0) - margin, 0)
    stop = np.minimum(pixels.max(axis=0) + margin + 1, shape)
    return first, (slice(first[0], stop[0]), slice(first[1], stop[1]))


def _slant(crossing: _Crossing, roads: NDArray[np.uint8], reach: Reach) -> float | None:
    """Return how far a road goes along the edge per pixel inward; none if it does not cross it.

    1. The road is looked at down to some depth. Where it is not straight so far (another road
       joins, the road bends), half the depth is tried.
    2. A road is followed at least half as deep as it is wide, and is no wider than a road can be.
    3. What has no direction goes straight out, if it is deep enough below its crossing.
    """
    first, box = _box(crossing.pixels, reach.inward, roads.shape)
    road = roads[box] > 0
    pixels = np.argwhere(road) + first
    along, inward = crossing.frame(pixels)
    edge_along, edge_inward = crossing.frame(crossing.pixels)
    top = edge_inward.max()
    is_own = np.all(pixels == crossing.pixels[0], axis=1)
    for depth in (reach.half_width, reach.half_width / 2, reach.half_width / 4):  # rule 1
        shallow = np.flatnonzero(inward <= top + depth)
        part = _parts(pixels[shallow] - first, road.shape[1])
        below = shallow[(part == part[is_own[shallow]]) & (inward[shallow] > top)]
        slant = _regression(along[below], inward[below])
        length = float(np.ptp(edge_along - slant * edge_inward)) + 1
        is_straight = _is_straight(along[below] - slant * inward[below], length, depth)
        is_road = length <= 2 * depth * np.hypot(slant, 1) and abs(slant) <= STEEPEST  # rule 2
        if is_straight and is_road:
            return slant
    length = float(np.ptp(edge_along)) + 1
    under = (along >= edge_along.min()) & (along <= edge_along.max())
    under &= (inward > top) & (inward <= top + length / 2)
    is_deep = np.count_nonzero(under) >= _DEEP * length**2 / 2  # rule 3
    return 0.0 if is_deep and length <= 1.5 * reach.half_width else None


def _is_straight(across: NDArray[np.float64], length: float, depth: float) -> bool:
    """Return whether pixels are a parallelogram, as below the crossing of a straight road.

    Parameters
    ----------
    across
        Where they are along the edge, the direction of the road taken out.
    length
        What the road takes of the edge.
    depth
        How far inward they reach.
    """
    mean_length = len(across) / depth
    if abs(mean_length - length) > _SAME_LENGTH * length or not len(across):
        return False
    return bool(abs(12 * np.var(across) / mean_length**2 - 1) <= _SAME_SPREAD)


def _regression(along: NDArray[np.float64], inward: NDArray[np.float64]) -> float:
    """Return the slope of ``along`` over ``inward``, 0 where there is none."""
    if len(inward) == 0 or np.ptp(inward) == 0:
        return 0.0
    centred = inward - inward.mean()
    return float((centred * along).sum() / (centred * centred).sum())


def _beyond(
    crossing: _Crossing,
    slant: float,
    roads: NDArray[np.uint8],
    nodata: NDArray[np.bool_],
    reach: Reach,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """Return rows, columns and probability of the pixels over which a road is continued."""
    edge_along, edge_inward = crossing.frame(crossing.pixels)
    at = edge_along - slant * edge_inward
    order = np.argsort(at, kind="stable")
    at = at[order]
    width = (at[-1] - at[0] + 1) / np.hypot(slant, 1)
    far = min(reach.beyond, 0.75 * width + _LOOK)
    margin = int(np.ceil(far * np.hypot(slant, 1))) + _LOOK
    first, box = _box(crossing.pixels, margin, roads.shape)
    pixels = np.argwhere(nodata[box]) + first
    along, inward = crossing.frame(pixels)
    along = along - slant * inward
    wanted = (along >= at[0] - 0.5) & (along <= at[-1] + 0.5)
    wanted &= (inward >= edge_inward.min() - far) & (inward <= edge_inward.max())
    place = np.searchsorted((at[1:] + at[:-1]) / 2, along[wanted])
    source = crossing.pixels[order[place]]
    rows, cols = pixels[wanted].T
    return rows, cols, roads[source[:, 0], source[:, 1]]
