"""Lines cut at places on them, so that what meets there meets in a node."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

Place: TypeAlias = tuple[float, float]
Cuts: TypeAlias = dict[int, set[Place]]
"""Number of a line: places on it."""


def end_places(lines: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the coordinates of both ends of each line, shape ``(2 * n, 2)``."""
    ends = [shapely.get_coordinates(shapely.get_point(lines, k)) for k in (0, -1)]
    return np.stack(ends, axis=1).reshape(-1, 2)


def place_ids(lines: NDArray[np.object_]) -> set[Place]:
    """Return the places at which lines end."""
    return {(x, y) for x, y in end_places(lines).tolist()}


def cut_lines(
    lines: NDArray[np.object_], cuts: Cuts
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Cut lines; return the parts and the number of the line each comes from.

    Parts start and end at exactly the given places.
    """
    parts, owner = [], []
    for k, line in enumerate(lines):
        pieces = _cut(line, sorted(cuts[k])) if k in cuts else [line]
        parts += pieces
        owner += [k] * len(pieces)
    return np.array(parts, dtype=object), np.array(owner, dtype=np.int64)


def _cut(line: shapely.LineString, places: list[Place]) -> list[shapely.LineString]:
    coordinates = shapely.get_coordinates(line)
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(coordinates, axis=0).T))]
    stops = sorted((line.project(shapely.Point(place)), place) for place in places)
    parts, begin, first = [], 0.0, coordinates[0]
    for stop, place in [*stops, (along[-1], tuple(coordinates[-1]))]:
        inner = coordinates[(along > begin) & (along < stop)]
        parts.append(shapely.LineString(np.vstack([first, inner, place])))
        begin, first = stop, np.array(place)
    return parts
