"""OpenStreetMap XML for JOSM: new roads to look at, each by a person, before any upload.

Roads get ``highway=road`` ("class unknown, to be surveyed"): what class a road has is not guessed.
``surface`` is paved or unpaved where the network says so.
Junctions are shared nodes, so the result is connected. Ids are negative, as of objects that are
not on the server, and ``upload='false'`` makes JOSM ask before it uploads. Roads the network is
not sure of carry ``fixme``.

References
----------
.. [1] OpenStreetMap wiki, "JOSM file format" and "API v0.6" (at most 2000 nodes in a way).
.. [2] OpenStreetMap wiki, "Automated Edits code of conduct", "Import/Guidelines".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from xml.sax.saxutils import quoteattr

import numpy as np
import shapely

from roadex.config import OutputConfig
from roadex.network.confidence import how_sure

if TYPE_CHECKING:
    from roadex.outputs import Network

MOST_NODES: Final = 2000
"""Nodes a way may have."""

UNSURE: Final = 0.6
"""Roads of a lower confidence get a ``fixme``."""

_DIGITS: Final = 7

Coordinates = tuple[float, float]


def write(
    network: Network,
    path: Path,
    provenance: Mapping[str, Any],  # noqa: ARG001 - the format has no place for it
    config: OutputConfig,
) -> None:
    """Write nodes, then ways; ``config.source`` becomes the tag ``source`` of every way."""
    ways = [way for edge in ways_of_edges(network, config) for way in edge]
    with path.open("w", encoding="utf-8") as file:
        file.write("<?xml version='1.0' encoding='UTF-8'?>\n")
        file.write("<osm version='0.6' generator='roadex' upload='false'>\n")
        file.writelines(_bounds([point for way in ways for point in way.points]))
        file.writelines(new_objects(ways))
        file.write("</osm>\n")


class Way(NamedTuple):
    """A road as OpenStreetMap has it."""

    points: list[Coordinates]
    """Longitude and latitude in degrees, at most :data:`MOST_NODES`."""

    tags: Mapping[str, str]


def ways_of_edges(network: Network, config: OutputConfig) -> Iterator[list[Way]]:
    """Yield the ways of each edge in turn; none where an edge is shorter than a last digit."""
    edges = network.edges.to_crs(4326)
    for line, tags in zip(edges.geometry, _tags(edges, config), strict=True):
        points = shapely.get_coordinates(line).round(_DIGITS).tolist()
        yield [Way([(x, y) for x, y in part], tags) for part in _parts(points)]


def new_objects(ways: Sequence[Way]) -> Iterator[str]:
    """Yield the XML of nodes, then of ways, with negative ids; ways share nodes of one place."""
    ids: dict[Coordinates, int] = {}
    for way in ways:
        for point in way.points:
            ids.setdefault(point, -(len(ids) + 1))
    for (lon, lat), number in ids.items():
        place = f"lat='{lat:.{_DIGITS}f}' lon='{lon:.{_DIGITS}f}'"
        yield f"<node id='{number}' visible='true' {place}/>\n"
    for k, way in enumerate(ways):
        yield from _way(-(len(ids) + 1 + k), [ids[point] for point in way.points], way.tags)


def _bounds(points: Sequence[Coordinates]) -> Iterator[str]:
    if points:
        (left, bottom), (right, top) = np.min(points, axis=0), np.max(points, axis=0)
        yield (
            f"<bounds minlat='{bottom:.7f}' minlon='{left:.7f}' maxlat='{top:.7f}' "
            f"maxlon='{right:.7f}' origin='roadex'/>\n"
        )


def _way(number: int, nodes: Sequence[int], tags: Mapping[str, str]) -> Iterator[str]:
    yield f"<way id='{number}' visible='true'>\n"
    yield from (f" <nd ref='{node}'/>\n" for node in nodes)
    yield from (f" <tag k={quoteattr(k)} v={quoteattr(v)}/>\n" for k, v in tags.items())
    yield "</way>\n"


def _parts(points: list[list[float]]) -> Iterator[list[list[float]]]:
    """Split a line into ways of at most 2000 nodes; points that rounding made one are one."""
    kept = [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]
    if len(kept) < 2:  # shorter than the last digit: nothing to draw
        return
    for start in range(0, len(kept) - 1, MOST_NODES - 1):
        yield kept[start : start + MOST_NODES]


def _tags(edges: Any, config: OutputConfig) -> Iterator[dict[str, str]]:
    sure = how_sure(edges)
    for i in range(len(edges)):
        tags = {"highway": "road"}
        surface = edges["surface"].iloc[i] if "surface" in edges else None
        if surface in ("paved", "unpaved"):
            tags["surface"] = surface
        if config.source:
            tags["source"] = config.source
        if sure.iloc[i] < UNSURE:
            tags["fixme"] = "road detected in imagery with low confidence: check that it exists"
        elif "bridged" in edges and edges["bridged"].iloc[i] > 0:
            tags["fixme"] = "part of this road is hidden in the imagery: check that it goes through"
        yield tags
