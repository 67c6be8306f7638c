"""Networks of neighbouring or overlapping scenes joined into one, without doubling roads.

    what of the second is new --> tied to the first where it was cut --> ends at borders joined
    --> one graph --> edges that meet two by two joined, numbered anew

Where both scenes show a road the first one keeps it: order the scenes by trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from roadex.config import MergeConfig
from roadex.network.cutting import Cuts, cut_lines, end_places, place_ids
from roadex.network.metric_roads import AnyNetwork, MetricRoads, metric_roads
from roadex.network.rebuild import rebuild_network
from roadex.network.road_network import RoadNetwork


def merge(networks: Sequence[AnyNetwork], *, config: MergeConfig | None = None) -> RoadNetwork:
    """Join the networks of neighbouring or overlapping scenes into one.

    Parameters
    ----------
    networks
        The most trusted first: paths of GeoPackages of roadex, networks, or tables with their
        columns: ``(edges, nodes)``, or edges alone, which then have no ends at borders of scenes.
    config
        Tolerances; None is the defaults.

    Returns
    -------
    network
        In the CRS of the first one; ``scene`` says which network an edge is from, and
        ``summary["notes"]`` what was left out.

    Raises
    ------
    NetworkError
        If a file is no network of roadex, has no CRS, or lies too far from the first.
    TypeError
        If something is no network.

    Examples
    --------
    >>> both = roadex.merge(["east.gpkg", "west.gpkg"])
    >>> both.edges["length_m"].sum() > 0
    np.True_
    """
    roads = metric_roads(networks)
    notes = [note for one in roads for note in one.notes]
    network = rebuild_network(_merge_all(roads, config or MergeConfig()))
    return replace(network, summary=network.summary | {"notes": notes})


def _merge_all(roads: Sequence[MetricRoads], config: MergeConfig) -> MetricRoads:
    """Merge neighbours in the list, then the results, and so on: log n looks at each line.

    Of two the first is always the more trusted, as it is when they are merged one after the other.
    """
    while len(roads) > 1:
        pairs = [roads[i : i + 2] for i in range(0, len(roads), 2)]
        roads = [_merge(pair[0], pair[1], config) if len(pair) == 2 else pair[0] for pair in pairs]
    return roads[0]


def _merge(first: MetricRoads, second: MetricRoads, config: MergeConfig) -> MetricRoads:
    """Add to the first what only the second has."""
    pieces, owner = _new_pieces(first.lines, second.lines, config.same_road_m)
    pieces, ties = _tie(pieces, first.lines, second.lines, config)
    first_lines, first_owner = _split(first.lines, ties)
    pieces = _join_ends(first_lines, pieces, config)
    attributes = [first.attributes.iloc[first_owner], second.attributes.iloc[owner]]
    return replace(
        first,
        lines=np.concatenate([first_lines, pieces]),
        attributes=pd.concat(attributes, ignore_index=True),
        borders=np.concatenate([first.borders, second.borders]),
    )


def _new_pieces(
    first: NDArray[np.object_], second: NDArray[np.object_], distance_m: float
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Return what of the second lines is farther than ``distance_m`` from all the first ones.

    With the number of the line each piece comes from. Pieces shorter than twice the distance are
    wobbles along a road both have, unless they are a whole line or lead to a junction.
    """
    if not len(first) or not len(second):
        return second, np.arange(len(second))
    left, right = shapely.STRtree(first).query(second, predicate="dwithin", distance=distance_m)
    pieces, owner = [], []
    bounds = np.searchsorted(left, np.arange(len(second) + 1))
    places, count = np.unique(end_places(second), axis=0, return_counts=True)
    junctions = {(x, y) for x, y in places[count > 1].tolist()}
    for k, line in enumerate(second):
        near = first[right[bounds[k] : bounds[k + 1]]]
        rest = [line]
        if len(near):
            known = shapely.union_all(shapely.buffer(near, distance_m))
            rest = [
                part
                for part in shapely.get_parts(shapely.difference(line, known))
                if part.length >= 2 * distance_m
                or not junctions.isdisjoint(place_ids(np.array([part])))
            ]
        pieces += rest
        owner += [k] * len(rest)
    return np.array(pieces, dtype=object), np.array(owner, dtype=np.int64)


def _tie(
    pieces: NDArray[np.object_],
    first: NDArray[np.object_],
    second: NDArray[np.object_],
    config: MergeConfig,
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Lead pieces on to the first lines where they were cut off from them.

    Returns the pieces and the places on the first lines they now end at.
    """
    if len(pieces) == 0 or len(first) == 0:
        return pieces, np.empty((0, 2))
    old_ends = place_ids(second)
    tree, nodes = shapely.STRtree(first), shapely.points(end_places(first))
    node_tree = shapely.STRtree(nodes)
    tied, ties = [], []
    for piece in pieces:
        coordinates = shapely.get_coordinates(piece)
        for end in (0, -1):
            if tuple(coordinates[end]) in old_ends:
                continue
            place = _nearest_place(
                shapely.Point(coordinates[end]), first, tree, nodes, node_tree, config
            )
            ties.append(place)
            parts = (place, coordinates) if end == 0 else (coordinates, place)
            coordinates = np.vstack(parts)
        tied.append(shapely.LineString(coordinates))
    return np.array(tied, dtype=object), np.array(ties).reshape(-1, 2)


def _nearest_place(
    point: shapely.Point,
    lines: NDArray[np.object_],
    tree: shapely.STRtree,
    nodes: NDArray[np.object_],
    node_tree: shapely.STRtree,
    config: MergeConfig,
) -> NDArray[np.float64]:
    """Return the place on lines nearest to a point; a node, if one is about as near."""
    node = nodes[node_tree.nearest(point)]
    if node.distance(point) > 2 * config.same_road_m:
        line = lines[tree.nearest(point)]
        node = line.interpolate(line.project(point))
    place: NDArray[np.float64] = shapely.get_coordinates(node)[0]
    return place


def _split(
    lines: NDArray[np.object_], places: NDArray[np.float64]
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Cut each line at the places nearest to it; return the parts and the line each comes from."""
    if len(places) == 0:
        return lines, np.arange(len(lines))
    tree = shapely.STRtree(lines)
    cuts: Cuts = {}
    for place in {tuple(place) for place in places.tolist()} - place_ids(lines):
        cuts.setdefault(int(tree.nearest(shapely.Point(place))), set()).add(place)
    return cut_lines(lines, cuts)


def _join_ends(
    first: NDArray[np.object_], pieces: NDArray[np.object_], config: MergeConfig
) -> NDArray[np.object_]:
    """Lead loose ends of pieces on to loose ends of the first lines next to them.

    Ends are joined in pairs, nearest first, if each goes on about where the other comes from.
    """
    ends, headings, _ = _loose_ends(first, pieces)
    own_ends, own_headings, own = _loose_ends(pieces, first)
    if len(ends) == 0 or len(own_ends) == 0:
        return pieces
    points = shapely.points(ends)
    left, right = shapely.STRtree(points).query(
        shapely.points(own_ends), predicate="dwithin", distance=config.join_m
    )
    facing = -(own_headings[left] * headings[right]).sum(axis=1)
    left, right = left[facing >= 0.5], right[facing >= 0.5]  # within 60 degrees
    distance = np.hypot(*(own_ends[left] - ends[right]).T)
    joined = pieces.copy()
    used: tuple[set[int], set[int]] = (set(), set())
    for k in np.argsort(distance, kind="stable").tolist():
        if left[k] in used[0] or right[k] in used[1]:
            continue
        used[0].add(left[k])
        used[1].add(right[k])
        piece, at_end = divmod(int(own[left[k]]), 2)
        coordinates = shapely.get_coordinates(joined[piece])
        parts = (coordinates, ends[right[k]]) if at_end else (ends[right[k]], coordinates)
        joined[piece] = shapely.LineString(np.vstack(parts))
    return joined


def _loose_ends(
    lines: NDArray[np.object_], others: NDArray[np.object_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return place, heading and number (2 * line + side) of the ends at which nothing else ends."""
    places = end_places(np.concatenate([lines, others]))
    _, index, count = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    loose = np.flatnonzero(count[index.ravel()][: 2 * len(lines)] == 1)
    back = shapely.line_interpolate_point(lines[loose // 2], np.where(loose % 2, -15.0, 15.0))
    heading = places[loose] - shapely.get_coordinates(back).reshape(-1, 2)
    norm = np.hypot(*heading.T)[:, None]
    return places[loose], heading / np.where(norm > 0, norm, 1), loose
