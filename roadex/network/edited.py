"""A network edited by hand made sound again: what meets on the map meets in a node.

    ends close to each other joined --> ends close to a line led onto it --> lines cut where they
    touch or cross --> numbered and measured anew

In a network without levels every crossing is a junction; a bridge is to be drawn as such later.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import KDTree

from roadex.config import RebuildConfig
from roadex.network.cutting import Cuts, cut_lines, end_places
from roadex.network.graph import group
from roadex.network.metric_roads import metric_roads
from roadex.network.rebuild import rebuild_network
from roadex.network.road_network import RoadNetwork

SNAP_M = RebuildConfig().snap_m
"""Ends this close to each other, or to a line, were meant to meet."""


def rebuild(
    network: str | Path | RoadNetwork | gpd.GeoDataFrame, *, snap_m: float = SNAP_M
) -> RoadNetwork:
    """Restore topology, lengths and ids of an edited network.

    Parameters
    ----------
    network
        A GeoPackage of roadex whose lines were edited, a network, or edges alone. Columns that are
        missing or NULL, as of lines drawn by hand, are unknown.
    snap_m
        Ends this close to each other or to a line are joined, in metres.

    Returns
    -------
    network
        In the CRS it came in; ``summary["notes"]`` says what was left out.

    Raises
    ------
    NetworkError
        If a file is no network of roadex, or has no CRS.

    Examples
    --------
    >>> network = rebuild("roads.gpkg")
    >>> network.nodes["node_id"].is_unique
    True
    """
    (roads,) = metric_roads([network])
    lines, owner = shapely.get_parts(_noded(roads.lines), return_index=True)
    if len(lines):
        lines = _lead_to_lines(_join_ends(lines, snap_m), snap_m)
    lines, part_of = cut_lines(lines, _crossings(lines))
    owner = owner[part_of]
    lasting = shapely.length(lines) > 0
    attributes = roads.attributes.iloc[owner[lasting]].reset_index(drop=True)
    rebuilt = rebuild_network(replace(roads, lines=lines[lasting], attributes=attributes))
    return replace(rebuilt, summary=rebuilt.summary | {"notes": list(roads.notes)})


def _noded(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return lines that cross themselves in parts that do not."""
    noded = lines.copy()
    crossed = ~shapely.is_simple(lines)
    noded[crossed] = shapely.node(lines[crossed])
    return noded


def _with_ends(
    lines: NDArray[np.object_], ends: NDArray[np.float64], is_moved: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """Return lines with other ends; ``ends`` as of :func:`end_places`."""
    moved = lines.copy()
    for k in np.flatnonzero(is_moved.reshape(-1, 2).any(axis=1)).tolist():
        coordinates = shapely.get_coordinates(lines[k]).copy()
        coordinates[[0, -1]] = ends[2 * k : 2 * k + 2]
        moved[k] = shapely.LineString(coordinates)
    return moved


def _join_ends(lines: NDArray[np.object_], snap_m: float) -> NDArray[np.object_]:
    """Bring loose ends to ends close to them, to the place at which most of them are."""
    ends = end_places(lines)
    places, index, count = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    pairs = KDTree(places).query_pairs(snap_m, output_type="ndarray")
    pairs = pairs[count[pairs].min(axis=1) == 1]
    label = group(len(places), *pairs.T)
    order = np.lexsort((-count, label))
    first = order[np.flatnonzero(np.diff(label[order], prepend=-1))]
    target = places[first[label]]
    is_moved = (target != places).any(axis=1)[index.ravel()]
    return _with_ends(lines, target[index.ravel()], is_moved)


def _lead_to_lines(lines: NDArray[np.object_], snap_m: float) -> NDArray[np.object_]:
    """Lead loose ends onto the line they nearly reach."""
    ends = end_places(lines)
    _, index, count = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    loose = np.flatnonzero(count[index.ravel()] == 1)
    points = shapely.points(ends[loose])
    at, line = shapely.STRtree(lines).query(points, predicate="dwithin", distance=snap_m)
    other = line != loose[at] // 2
    at, line = at[other], line[other]
    order = np.lexsort((shapely.distance(points[at], lines[line]), at))
    nearest = order[np.flatnonzero(np.diff(at[order], prepend=-1))]
    at, line = at[nearest], line[nearest]
    along = shapely.line_locate_point(lines[line], points[at])
    ends[loose[at]] = shapely.get_coordinates(shapely.line_interpolate_point(lines[line], along))
    is_moved = np.zeros(len(ends), dtype=np.bool_)
    is_moved[loose[at]] = True
    return _with_ends(lines, ends, is_moved)


def _crossings(lines: NDArray[np.object_]) -> Cuts:
    """Return where lines touch or cross one another, besides at common ends."""
    tree = shapely.STRtree(lines)
    # A place computed on a line need not lie on it to the last digit.
    left, right = tree.query(lines, predicate="dwithin", distance=_ON_LINE_M)
    once = left < right
    left, right = left[once], right[once]
    cuts: Cuts = {}
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        for place in _meetings(lines[a], lines[b]):
            for k in (a, b):
                if min(_gap(place, end) for end in _ends(lines[k])) > _ON_LINE_M:
                    cuts.setdefault(k, set()).add(place)
    return cuts


_ON_LINE_M = 1e-6


def _meetings(a: shapely.LineString, b: shapely.LineString) -> list[tuple[float, float]]:
    """Return the places at which two lines meet; an end of one of them exactly as it is."""
    found = shapely.get_coordinates(shapely.intersection(a, b)).tolist()
    places = [(x, y) for x, y in found]
    ends = [
        end
        for line, other in ((a, b), (b, a))
        for end in _ends(line)
        if other.distance(shapely.Point(end)) <= _ON_LINE_M
    ]
    kept = [p for p in places if all(_gap(p, end) > _ON_LINE_M for end in ends)]
    return [*dict.fromkeys(ends), *kept]


def _ends(line: shapely.LineString) -> tuple[tuple[float, float], tuple[float, float]]:
    return line.coords[0], line.coords[-1]


def _gap(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))
