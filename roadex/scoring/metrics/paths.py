"""Shortest paths between control points, in a network and in the one it is compared with.

Control points are all nodes of a network, and points along its edges; their images are the nearest
places on the other network. Path metrics compare the way between two control points with the way
between their images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from roadex.config import ScoreConfig
from roadex.scoring.metrics.lines import LineNetwork, Segments

CHUNK_BYTES = 64 * 2**20
"""Distances held at a time; bounds the memory, changes no value."""


class Locations(NamedTuple):
    """Places on a network; edge -1 is nowhere."""

    edge: NDArray[np.int64]
    along_m: NDArray[np.float64]
    """Metres from the start of the edge."""


class PathLengths(NamedTuple):
    """The paths from one control point that are compared, arrays of one shape."""

    own_m: NDArray[np.float64]
    """Length in the network of the control points; finite."""

    other_m: NDArray[np.float64]
    """Length between the images in the other network, ``inf`` where there is no way."""


@dataclass(frozen=True, slots=True)
class ControlPoints:
    """Control points of a network and their images on another one."""

    places: Locations
    images: Locations
    sources: NDArray[np.int64]
    """The control points from which paths are compared: all, or a random sample."""

    @property
    def n_points(self) -> int:
        """Number of control points."""
        return len(self.places.edge)


def place_control_points(
    network: LineNetwork, other: LineNetwork, config: ScoreConfig
) -> ControlPoints:
    """Choose control points on ``network`` and find their images on ``other``."""
    places = control_points(network, config.apls_spacing_m)
    xy, _ = Segments.of(network).at(*places)
    n_points = len(places.edge)
    sources = np.arange(n_points)
    if n_points > config.apls_sources:
        generator = np.random.default_rng(config.seed)
        sources = np.sort(generator.choice(n_points, size=config.apls_sources, replace=False))
    return ControlPoints(places, snap(xy, other, config.apls_snap_m), sources)


def compare_paths(
    network: LineNetwork, other: LineNetwork, points: ControlPoints, config: ScoreConfig
) -> Iterator[PathLengths]:
    """Yield path lengths in both networks, for one source after the other.

    A path is compared if it exists in ``network``, is at least ``apls_min_path_m`` long and does
    not end where it starts.
    """
    own = Router.of(network).distances(points.places, points.sources)
    theirs = Router.of(other).distances(points.images, points.sources)
    for source, own_m, other_m in zip(points.sources, own, theirs, strict=True):
        is_compared = np.isfinite(own_m) & (own_m >= config.apls_min_path_m)
        is_compared[source] = False
        yield PathLengths(own_m[is_compared], other_m[is_compared])


def control_points(network: LineNetwork, spacing_m: float) -> Locations:
    """Return all nodes, then the points along the edges.

    An edge of length L gets ceil(L / spacing) - 1 points that cut it into equal parts; one if L is
    between 0.75 and 1 spacing, none if it is shorter (as CosmiQ's ``apls.py``).
    """
    lengths = network.lengths_m
    ends = np.concatenate([network.u, network.v])
    _, first = np.unique(ends, return_index=True)
    n_edges = len(lengths)
    node_edge = first % n_edges if n_edges else first
    node_along = np.where(first < n_edges, 0.0, lengths[node_edge])
    n_parts = np.ceil(lengths / spacing_m - 1e-9).astype(np.int64)
    n_parts[(lengths >= 0.75 * spacing_m) & (n_parts == 1)] = 2
    n_inner = np.maximum(n_parts - 1, 0)
    edge = np.repeat(np.arange(n_edges), n_inner)
    nth = np.arange(len(edge)) - (np.cumsum(n_inner) - n_inner)[edge] + 1
    along = lengths[edge] * nth / n_parts[edge]
    return Locations(np.concatenate([node_edge, edge]), np.concatenate([node_along, along]))


def snap(xy: NDArray[np.float64], network: LineNetwork, max_m: float) -> Locations:
    """Find the nearest place on a network, at most ``max_m`` away; edge -1 where there is none."""
    edge, along = np.full(len(xy), -1, dtype=np.int64), np.zeros(len(xy))
    segments = Segments.of(network)
    if not len(segments.edge) or not len(xy):
        return Locations(edge, along)
    tree = shapely.STRtree(segments.geometries())
    point, segment = tree.query_nearest(
        shapely.points(xy), max_distance=max_m * (1 + 1e-12), all_matches=False
    )
    offset = ((xy[point] - segments.begin[segment]) * segments.heading[segment]).sum(axis=1)
    inside = np.clip(offset, 0, segments.length_m[segment])
    edge[point] = segments.edge[segment]
    along[point] = segments.offsets_m()[segment] + inside
    return Locations(edge, along)


@dataclass(frozen=True, slots=True, eq=False)
class Router:
    """Shortest path lengths between places on a network, roads passable both ways."""

    network: LineNetwork
    lengths_m: NDArray[np.float64]
    graph: csr_array

    @classmethod
    def of(cls, network: LineNetwork) -> Self:
        """Prepare a network."""
        lengths = network.lengths_m
        low, high = np.minimum(network.u, network.v), np.maximum(network.u, network.v)
        # Of parallel edges the shortest counts; the sparse constructor would add them up.
        order = np.lexsort([lengths, high, low])
        order = order[low[order] != high[order]]
        low, high, weight = low[order], high[order], lengths[order]
        is_first = np.ones(len(order), dtype=bool)
        is_first[1:] = (np.diff(low) != 0) | (np.diff(high) != 0)
        low, high, weight = low[is_first], high[is_first], weight[is_first]
        n = len(network.xy)
        both = (np.concatenate([low, high]), np.concatenate([high, low]))
        return cls(network, lengths, csr_array((np.tile(weight, 2), both), shape=(n, n)))

    def distances(
        self, places: Locations, sources: NDArray[np.int64], *, limit_m: float = np.inf
    ) -> Iterator[NDArray[np.float64]]:
        """Yield path lengths from each of ``places[sources]`` to all places, shape ``(P,)``.

        ``inf`` where there is no way, and from and to nowhere; ways longer than ``limit_m`` may be
        left out.
        """
        # Strategy: shortest paths are searched between nodes only, many sources at a time; the ways
        # to all places then follow from those to the ends of their edges, one source at a time, so
        # that all numbers at hand fit the processor's cache.
        targets = _Targets.of(self, places)
        n_sources = max(1, CHUNK_BYTES // (24 * max(1, len(self.network.xy))))
        for begin in range(0, len(sources), n_sources):
            some = Locations(
                places.edge[sources[begin : begin + n_sources]],
                places.along_m[sources[begin : begin + n_sources]],
            )
            exists = some.edge >= 0
            rows = iter(
                self.to_nodes(Locations(some.edge[exists], some.along_m[exists]), limit_m=limit_m)
            )
            for edge, along in zip(some.edge.tolist(), some.along_m.tolist(), strict=True):
                yield targets.reach(next(rows), edge, along) if edge >= 0 else targets.nowhere()

    def to_nodes(self, start: Locations, *, limit_m: float = np.inf) -> NDArray[np.float64]:
        """Return path lengths from places that exist to all nodes, shape ``(S, N)``.

        ``inf`` where there is no way; also where the way is longer than ``limit_m``, if not before.
        """
        u, v = self.network.u[start.edge], self.network.v[start.edge]
        nodes, index = np.unique(np.concatenate([u, v]), return_inverse=True)
        from_nodes = dijkstra(self.graph, directed=True, indices=nodes, limit=limit_m)
        at_u, at_v = index.reshape(2, -1)
        before, after = start.along_m, self.lengths_m[start.edge] - start.along_m
        distances: NDArray[np.float64] = np.minimum(
            from_nodes[at_u] + before[:, None], from_nodes[at_v] + after[:, None]
        )
        return distances


@dataclass(frozen=True, slots=True, eq=False)
class _Targets:
    """Places that exist, sorted by their edge, and what is needed to reach them."""

    n_places: int
    place: NDArray[np.int64]
    edge: NDArray[np.int64]
    u: NDArray[np.int64]
    v: NDArray[np.int64]
    before_m: NDArray[np.float64]
    after_m: NDArray[np.float64]

    @classmethod
    def of(cls, router: Router, places: Locations) -> Self:
        place = np.flatnonzero(places.edge >= 0)
        place = place[np.argsort(places.edge[place], kind="stable")]
        edge, before = places.edge[place], places.along_m[place]
        network = router.network
        return cls(
            n_places=len(places.edge),
            place=place,
            edge=edge,
            u=network.u[edge],
            v=network.v[edge],
            before_m=before,
            after_m=router.lengths_m[edge] - before,
        )

    def nowhere(self) -> NDArray[np.float64]:
        """Return that no place is reached."""
        return np.full(self.n_places, np.inf)

    def reach(
        self, to_nodes: NDArray[np.float64], edge: int, along_m: float
    ) -> NDArray[np.float64]:  # fmt: skip
        """Return path lengths to all places: over the ends of their edges, or along the own one."""
        path = to_nodes[self.u] + self.before_m
        np.minimum(path, to_nodes[self.v] + self.after_m, out=path)
        same = slice(*np.searchsorted(self.edge, [edge, edge + 1]))
        path[same] = np.minimum(path[same], np.abs(self.before_m[same] - along_m))
        result = self.nowhere()
        result[self.place] = path
        return result
