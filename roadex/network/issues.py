"""Places of a network a mapper should look at first: what is likely to be wrong with it.

Each kind is a rule over geometry and columns; none changes the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from roadex.imagery.geodesy import metric_crs_at

GAP_M = 20.0
"""A dead end this close to another road may be a gap."""

PARALLEL_M, PARALLEL_SHARE = 20.0, 0.7
"""An edge at least this long, with this share of it on the surface of another road, is a double."""

ZIGZAG_M, ZIGZAG_DEGREES = 50.0, 200.0
"""An edge at least this long that turns to and fro by this much per 100 m is a zigzag."""

BRIDGED_M = 15.0
"""A road over at least this much that was not seen as road."""

KINDS = {
    "gap": "dead end close to another road",
    "crossing": "roads cross without a junction",
    "level": "crossing that may be a bridge",
    "parallel": "two lines on one road",
    "zigzag": "line turns to and fro",
    "bridged": "not seen as road along a stretch",
}
"""Kinds of issues and what they mean, in the order of review."""

COLUMNS = ("kind", "text", "edge_id", "other_id", "size_m")


class _Issue(NamedTuple):
    kind: str
    edge: int
    """Row of the edge."""

    other: int
    """Row of the other edge; -1 where there is none."""

    size_m: float
    point: shapely.Point


def find_issues(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the places of a network that should be looked at.

    Parameters
    ----------
    edges, nodes
        Tables of a :class:`roadex.RoadNetwork`.

    Returns
    -------
    issues
        Points in the CRS of the edges: ``kind`` (see :data:`KINDS`), ``text``, ``edge_id``,
        ``other_id`` (-1 without another edge) and ``size_m``: width of a gap or of the wider road
        of a crossing, length on the other road, of the zigzag or of the bridge. Sorted by kind,
        the largest first.
    """
    found: list[_Issue] = []
    if len(edges):
        middle = shapely.centroid(shapely.box(*edges.to_crs(4326).total_bounds))
        crs = metric_crs_at(middle.x, middle.y)
        metric, points = edges.to_crs(crs), nodes.to_crs(crs)
        for rule in (_gaps, _crossings, _levels, _parallels, _zigzags, _bridged):
            found += rule(metric, points)
        back = gpd.GeoSeries([issue.point for issue in found], crs=crs).to_crs(edges.crs)
    else:
        back = gpd.GeoSeries([], crs=edges.crs)
    return _table(found, edges, back)


def _table(found: list[_Issue], edges: gpd.GeoDataFrame, places: gpd.GeoSeries) -> gpd.GeoDataFrame:
    ids = np.append(edges["edge_id"].to_numpy(dtype=np.int64), -1)
    rank = {kind: i for i, kind in enumerate(KINDS)}
    order = sorted(
        range(len(found)), key=lambda i: (rank[found[i].kind], -found[i].size_m, found[i].edge)
    )
    columns: dict[str, Any] = {
        "kind": [found[i].kind for i in order],
        "text": [KINDS[found[i].kind] for i in order],
        "edge_id": np.array([ids[found[i].edge] for i in order], dtype=np.int64),
        "other_id": np.array([ids[found[i].other] for i in order], dtype=np.int64),
        "size_m": np.array([round(found[i].size_m, 2) for i in order], dtype=np.float64),
    }
    return gpd.GeoDataFrame(columns, geometry=places.to_numpy()[order], crs=edges.crs)


def _gaps(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> Iterator[_Issue]:
    """Dead ends, not at the border of the scene, from which another road is near."""
    is_end = (nodes["kind"] == "end").to_numpy()
    ends = dict(zip(nodes["node_id"][is_end], nodes.geometry[is_end], strict=True))
    lines, u, v = edges.geometry.to_numpy(), edges["u"].to_numpy(), edges["v"].to_numpy()
    own = {node: k for k, pair in enumerate(zip(u, v, strict=True)) for node in pair}
    ids = [node for node in ends if node in own]
    points = np.array([ends[node] for node in ids], dtype=object)
    at, near = shapely.STRtree(lines).query(points, predicate="dwithin", distance=GAP_M)
    distance = shapely.distance(points[at], lines[near])
    bounds = np.searchsorted(at, np.arange(len(ids) + 1))
    for i, node in enumerate(ids):
        mine = own[node]
        # A short spur is near the road it leaves.
        start = u[mine] if v[mine] == node else v[mine]
        candidates = [
            (distance[k], int(near[k]))
            for k in range(bounds[i], bounds[i + 1])
            if near[k] != mine
            and (start not in (u[near[k]], v[near[k]]) or lines[mine].length > 2 * GAP_M)
        ]
        if candidates:
            gap_m, other = min(candidates)
            yield _Issue("gap", mine, other, float(gap_m), points[i])


def _crossings(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> Iterator[_Issue]:
    """Places where lines cross that are no end of both."""
    del nodes
    lines = edges.geometry.to_numpy()
    left, right = shapely.STRtree(lines).query(lines, predicate="intersects")
    for a, b in zip(left[left < right].tolist(), right[left < right].tolist(), strict=True):
        common = {*_ends(lines[a])} & {*_ends(lines[b])}
        for x, y in shapely.get_coordinates(shapely.intersection(lines[a], lines[b])).tolist():
            if all(np.hypot(x - p[0], y - p[1]) > 1e-3 for p in common):
                yield _Issue("crossing", a, b, 0.0, shapely.Point(x, y))


def _levels(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> Iterator[_Issue]:
    """Crossings of two roads that may be on different levels; the widest edge and the narrowest."""
    if "level_unknown" not in nodes:
        return
    width = edges["width_m"].fillna(0).to_numpy()
    u, v = edges["u"].to_numpy(), edges["v"].to_numpy()
    unknown = nodes[nodes["level_unknown"].fillna(value=False).astype(bool)]
    for node, point in zip(unknown["node_id"], unknown.geometry, strict=True):
        arms = np.flatnonzero((u == node) | (v == node))
        if len(arms):
            widest, narrowest = arms[np.argmax(width[arms])], arms[np.argmin(width[arms])]
            yield _Issue("level", int(widest), int(narrowest), float(width[widest]), point)


def _parallels(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> Iterator[_Issue]:
    """Edges that run on the surface of another road."""
    del nodes
    lines, width = edges.geometry.to_numpy(), edges["width_m"].fillna(0).to_numpy()
    length = shapely.length(lines)
    surface = shapely.buffer(lines, np.maximum(width, 4) / 2, cap_style="flat")
    long = np.flatnonzero(length >= PARALLEL_M)
    at, other = shapely.STRtree(surface).query(lines[long], predicate="intersects")
    for a, b in zip(long[at].tolist(), other.tolist(), strict=True):
        if a == b or (length[b], b) < (length[a], a):
            continue  # the shorter one is the double
        inside = shapely.intersection(lines[a], surface[b])
        if inside.length >= PARALLEL_SHARE * length[a]:
            middle = lines[a].interpolate(0.5, normalized=True)
            yield _Issue("parallel", a, b, float(inside.length), middle)


def _zigzags(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> Iterator[_Issue]:
    """Edges that turn to and fro: the sum of turns without the turn from one end to the other."""
    del nodes
    lines = edges.geometry.to_numpy()
    for k in np.flatnonzero(shapely.length(lines) >= ZIGZAG_M).tolist():
        turns = _turns(shapely.get_coordinates(shapely.simplify(lines[k], 1.0)))
        excess = np.degrees(np.abs(turns).sum() - abs(turns.sum()))
        if excess > ZIGZAG_DEGREES * lines[k].length / 100:
            middle = lines[k].interpolate(0.5, normalized=True)
            yield _Issue("zigzag", k, -1, float(lines[k].length), middle)


def _bridged(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> Iterator[_Issue]:
    """Roads with a long stretch that was bridged."""
    del nodes
    if "bridged" not in edges:
        return
    lines = edges.geometry.to_numpy()
    bridged_m = edges["bridged"].fillna(0).to_numpy() * shapely.length(lines)
    for k in np.flatnonzero(bridged_m >= BRIDGED_M).tolist():
        middle = lines[k].interpolate(0.5, normalized=True)
        yield _Issue("bridged", k, -1, float(bridged_m[k]), middle)


def _turns(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the change of direction at each inner vertex, in radians from -pi to pi."""
    steps = np.diff(coordinates, axis=0)
    heading = np.arctan2(steps[:, 1], steps[:, 0])
    turn: NDArray[np.float64] = (np.diff(heading) + np.pi) % (2 * np.pi) - np.pi
    return turn


def _ends(line: shapely.LineString) -> tuple[tuple[float, float], tuple[float, float]]:
    return line.coords[0], line.coords[-1]
