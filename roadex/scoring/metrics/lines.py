"""A road network as arrays, for metrics: nodes, edges and their lines in planar metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

if TYPE_CHECKING:
    import geopandas


@dataclass(frozen=True, slots=True, eq=False)
class LineNetwork:
    """Nodes and edges; edges may be parallel, and may start and end at the same node.

    Nodes, edges and directions come in an order that does not depend on that of the features.
    """

    xy: NDArray[np.float64]
    """Node places, shape ``(N, 2)``, metres."""

    u: NDArray[np.int64]
    """Node where each edge starts, shape ``(E,)``."""

    v: NDArray[np.int64]
    """Node where each edge ends, shape ``(E,)``."""

    lines: NDArray[np.object_]
    """``shapely.LineString`` of each edge, from ``u`` to ``v``, shape ``(E,)``."""

    @classmethod
    def from_lines(cls, geometries: Sequence[BaseGeometry] | NDArray[np.object_]) -> Self:
        """Build a network from lines in planar metres.

        Lines meet where they share a vertex exactly, at an end or in between, and are cut there.
        Lines that cross without a common vertex do not meet (a bridge). Multi-part lines are taken
        apart; empty and zero-length lines, and lines that are there twice, are left out.

        Raises
        ------
        ValueError
            If something is not a line, or has a coordinate that is not finite.
        """
        parts = shapely.get_parts(np.asarray(geometries, dtype=object))
        kinds = {shapely.GeometryType(kind) for kind in np.unique(shapely.get_type_id(parts))}
        if not kinds <= {shapely.GeometryType.LINESTRING, shapely.GeometryType.LINEARRING}:
            msg = f"a line network needs lines, got {', '.join(sorted(k.name for k in kinds))}"
            raise ValueError(msg)
        coordinates, line = _vertices(parts)
        return cls._from_edges(_cut_where_they_meet(coordinates, line))

    @classmethod
    def from_frame(cls, frame: geopandas.GeoDataFrame) -> Self:
        """Build a network from the geometries of a frame whose CRS is in metres."""
        return cls.from_lines(frame.geometry.dropna().to_numpy())

    @classmethod
    def _from_edges(cls, lines: NDArray[np.object_]) -> Self:
        lines = _without_twins(shapely.normalize(lines))
        ends = np.concatenate([_end(lines, 0), _end(lines, -1)])
        xy, node = np.unique(ends, axis=0, return_inverse=True)
        u, v = node.reshape(2, len(lines)).astype(np.int64)
        order = np.lexsort([shapely.length(lines), v, u])
        return cls(xy, u[order], v[order], lines[order])

    @property
    def lengths_m(self) -> NDArray[np.float64]:
        """Length of each edge, shape ``(E,)``."""
        lengths: NDArray[np.float64] = shapely.length(self.lines)
        return lengths

    @property
    def degrees(self) -> NDArray[np.int64]:
        """Edge ends at each node, shape ``(N,)``; a loop counts twice."""
        ends = np.concatenate([self.u, self.v])
        return np.bincount(ends, minlength=len(self.xy)).astype(np.int64)

    def merge_degree_2(self) -> Self:
        """Return the network with edges joined where just two of them meet.

        What a road is then does not depend on how it was cut into features. A ring that nothing
        else touches keeps one node, at its lowest x (then y).
        """
        merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(self.lines)))
        free_ring = shapely.is_closed(merged) & ~self._is_junction(_end(merged, 0))
        for i in np.flatnonzero(free_ring):
            merged[i] = _from_lowest_vertex(shapely.get_coordinates(merged[i]))
        return self._from_edges(merged)

    def _is_junction(self, places: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return whether each of ``places`` (some are nodes) is a node that is kept in merging."""
        junctions = {tuple(place) for place in self.xy[self.degrees != 2].tolist()}
        return np.array([tuple(place) in junctions for place in places.tolist()], dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The straight pieces that the edges of a network consist of, in order along each edge."""

    edge: NDArray[np.int64]
    """Edge of each segment, shape ``(S,)``, rising."""

    begin: NDArray[np.float64]
    """Where each segment begins, shape ``(S, 2)``, metres."""

    heading: NDArray[np.float64]
    """Unit vector along each segment, shape ``(S, 2)``."""

    length_m: NDArray[np.float64]
    """Length of each segment, shape ``(S,)``."""

    end_m: NDArray[np.float64]
    """Where each segment ends if all edges are laid one after the other, shape ``(S,)``."""

    @classmethod
    def of(cls, network: LineNetwork) -> Self:
        """Take the edges of a network apart."""
        coordinates, edge = shapely.get_coordinates(network.lines, return_index=True)
        is_inside = np.diff(edge) == 0
        begin, vector = coordinates[:-1][is_inside], np.diff(coordinates, axis=0)[is_inside]
        length = np.hypot(vector[:, 0], vector[:, 1])
        heading = vector / length[:, None]
        return cls(edge[:-1][is_inside].astype(np.int64), begin, heading, length, np.cumsum(length))

    def geometries(self) -> NDArray[np.object_]:
        """Return the segments as ``shapely.LineString``, shape ``(S,)``."""
        end = self.begin + self.heading * self.length_m[:, None]
        lines: NDArray[np.object_] = shapely.linestrings(np.stack([self.begin, end], axis=1))
        return lines

    def offsets_m(self) -> NDArray[np.float64]:
        """Return how far along its edge each segment begins, shape ``(S,)``."""
        begin = self.end_m - self.length_m
        first = np.searchsorted(self.edge, self.edge)
        return begin - begin[first]

    def at(
        self, edge: NDArray[np.int64], along_m: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return place and heading, each ``(P, 2)``, at ``along_m`` from the start of ``edge``.

        What lies before the start or past the end of an edge is put on its straight continuation.
        """
        first = np.searchsorted(self.edge, edge)
        last = np.searchsorted(self.edge, edge, side="right") - 1
        place_m = self.end_m[first] - self.length_m[first] + along_m
        segment = np.clip(np.searchsorted(self.end_m, place_m), first, last)
        beyond = place_m - (self.end_m[segment] - self.length_m[segment])
        heading = self.heading[segment]
        return self.begin[segment] + heading * beyond[:, None], heading


def _vertices(parts: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return vertices and the line of each, without repeated vertices and lines of one point."""
    coordinates, line = shapely.get_coordinates(parts, return_index=True)
    if not np.isfinite(coordinates).all():
        msg = "a line has a coordinate that is not finite"
        raise ValueError(msg)
    is_new = np.ones(len(line), dtype=bool)
    is_new[1:] = (np.diff(coordinates, axis=0) != 0).any(axis=1) | (np.diff(line) != 0)
    coordinates, line = coordinates[is_new], line[is_new].astype(np.int64)
    has_length = np.bincount(line)[line] > 1 if len(line) else np.zeros(0, dtype=bool)
    return coordinates[has_length], line[has_length]


def _cut_where_they_meet(
    coordinates: NDArray[np.float64], line: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Return lines cut at the vertices that occur more than once."""
    if not len(line):
        return np.empty(0, dtype=object)
    _, place, times = np.unique(coordinates, axis=0, return_inverse=True, return_counts=True)
    is_first, is_last = np.diff(line, prepend=-1) != 0, np.diff(line, append=-1) != 0
    is_node = is_first | is_last | (times[place.ravel()] > 1)
    start, stop = np.flatnonzero(is_node & ~is_last), np.flatnonzero(is_node & ~is_first)
    n_vertices = stop - start + 1
    piece = np.repeat(np.arange(len(start)), n_vertices)
    first_of_piece = np.cumsum(n_vertices) - n_vertices
    vertex = np.arange(len(piece)) - first_of_piece[piece] + start[piece]
    cut: NDArray[np.object_] = shapely.linestrings(coordinates[vertex], indices=piece)
    return cut


def _without_twins(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    _, first = np.unique(np.asarray(shapely.to_wkb(lines), dtype=object), return_index=True)
    return lines[first]


def _from_lowest_vertex(ring: NDArray[np.float64]) -> shapely.LineString:
    lowest = int(np.lexsort([ring[:-1, 1], ring[:-1, 0]])[0])
    turned = np.roll(ring[:-1], -lowest, axis=0)
    return shapely.LineString(np.concatenate([turned, turned[:1]]))


def _end(lines: NDArray[np.object_], position: int) -> NDArray[np.float64]:
    ends: NDArray[np.float64] = shapely.get_coordinates(shapely.get_point(lines, position))
    return ends.reshape(-1, 2)
