"""The road network as an analyst sees it: lines and points with attributes, in a CRS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from roadex.config import PROBABILITY_MAX, VectorConfig
from roadex.errors import NetworkError
from roadex.imagery.geodesy import PixelSize, geodesic_lengths_m, place
from roadex.network.confidence import edge_confidence
from roadex.network.graph import RoadGraph, group
from roadex.network.levels import level_unknown
from roadex.network.measures import EdgeMeasures, measure_edges
from roadex.network.smoothing import draw_lines
from roadex.network.tables import read_tables

if TYPE_CHECKING:
    import networkx as nx

WIDTH_BIAS_PX = 0.5
"""A road n pixels wide measures, in the mean over odd and even n, n + 0.5 between its gaps."""

MEASURED = ("width_m", "prob_mean", "prob_min", "bridged", "area")
"""Columns of edges that come from the probability; the others follow from the lines."""

ADDED = ("scene", "surface", "surface_prob", "review")
"""Columns of edges that some networks have: the scene an edge is from, its surface and the
probability that it is unpaved, the verdict of a person."""

TEXTS = ("scene", "surface", "review")
"""Those of them that hold text."""


@dataclass(frozen=True, slots=True)
class RoadNetwork:
    """Edges and nodes of a road network, and how they came about."""

    edges: gpd.GeoDataFrame
    """One line per row: ``edge_id, u, v, key, length_m, width_m, prob_mean, prob_min, bridged,
    area, confidence, sinuosity, component_id``, and ``surface, surface_prob`` where it was made
    from imagery. Lines start and end exactly at the points of their nodes."""

    nodes: gpd.GeoDataFrame
    """One point per row: ``node_id, degree, kind`` (end, junction, border, loop, gap).

    A gap is where a bridge begins that no probability speaks for. ``level_unknown``: two roads
    cross here that may pass over each other.
    """

    summary: dict[str, Any]
    """Totals, and what each cleaning step left."""

    @classmethod
    def read(cls, path: str | Path) -> RoadNetwork:
        """Read a network of roadex.

        Parameters
        ----------
        path
            Its GeoPackage, its GeoParquet or FlatGeobuf file with the nodes beside it, or the
            folder of a run.

        Raises
        ------
        NetworkError
            If there is none, or it has no CRS.
        """
        edges, nodes = read_tables(Path(path))
        return cls(edges, nodes, {})

    @property
    def crs(self) -> CRS:
        """CRS of both tables."""
        crs: CRS = self.edges.crs
        return crs

    def to_crs(self, crs: CRS | str) -> RoadNetwork:
        """Return the network in another CRS; lengths and widths stay those on the ground.

        Raises
        ------
        NetworkError
            If there is no such CRS, or it has no such places.
        """
        try:
            target = CRS.from_user_input(crs)
        except CRSError as error:
            msg = f"unknown CRS {crs!r}; name one as EPSG:4326"
            raise NetworkError(msg) from error
        nodes, moved = self.nodes.to_crs(target), self.edges.geometry.to_crs(target)
        if not np.isfinite(shapely.get_coordinates([*moved, *nodes.geometry])).all():
            msg = f"the network lies where {crs} has no coordinates; name a CRS of its region"
            raise NetworkError(msg)
        points = dict(zip(nodes["node_id"], shapely.get_coordinates(nodes.geometry), strict=True))
        u, v = (np.array([points[n] for n in self.edges[end]]).reshape(-1, 2) for end in "uv")
        index = np.arange(len(self.edges))
        lines = _pin_ends(moved.to_numpy(), np.concatenate([u, v]), index, index + len(index))
        edges = self.edges.set_geometry(gpd.GeoSeries(lines, index=self.edges.index, crs=target))
        return RoadNetwork(edges=edges, nodes=nodes, summary=self.summary)

    def to_graph(self) -> nx.MultiDiGraph:
        """Return the network as a graph that networkx and osmnx find routes in.

        Every road is there in both directions. Nodes are named by ``node_id`` and have ``x, y,
        street_count, kind``; edges have ``osmid`` (the ``edge_id``), ``length`` in metres,
        ``geometry``, ``oneway``, ``reversed`` and the other columns where they are known.
        """
        from roadex.network.street_graph import street_graph

        return street_graph(self)


def build_network(
    graph: RoadGraph,
    is_border: NDArray[np.bool_],
    transform: Affine,
    crs: CRS,
    pixel: PixelSize,
    config: VectorConfig,
    *,
    output_crs: CRS | None = None,
) -> RoadNetwork:
    """Return the network of a cleaned graph.

    Parameters
    ----------
    graph
        Cleaned, in fixed order.
    is_border
        Shape ``(n_nodes,)``: nodes at which imagery ends, not the road.
    transform, crs
        Of the grid the graph lives on.
    pixel
        Size of its pixels on the ground.
    config
        Smoothing and simplification.
    output_crs
        CRS of the result; that of the grid if left out.
    """
    measures = measure_edges(graph, pixel)
    lines, n_redrawn = draw_lines(graph, measures.half_width, config)
    to_output = None
    if output_crs is not None and output_crs != crs:
        to_output = Transformer.from_crs(crs, output_crs, always_xy=True)
    points = _place(np.stack([graph.node_col, graph.node_row], axis=1), transform, to_output)
    lines = shapely.transform(lines, lambda xy: _place(xy, transform, to_output))
    lines = _pin_ends(lines, points, graph.u, graph.v)
    network = assemble_network(
        lines, points, graph.u, graph.v, _measured_columns(measures, pixel), is_border,
        output_crs or crs,
    )  # fmt: skip
    network.summary["redrawn_to_avoid_crossings"] = n_redrawn
    return network


def assemble_network(
    lines: NDArray[np.object_],
    points: NDArray[np.float64],
    u: NDArray[np.int64],
    v: NDArray[np.int64],
    measured: Mapping[str, NDArray[Any]],
    is_border: NDArray[np.bool_],
    crs: CRS,
) -> RoadNetwork:
    """Return the tables of a network.

    Parameters
    ----------
    lines
        Shape ``(n_edges,)``, sorted by ``u`` and ``v``, from the one to the other.
    points
        Shape ``(n_nodes, 2)``: places of the nodes.
    u, v
        Shape ``(n_edges,)``: nodes of each edge.
    measured
        ``width_m, prob_mean, prob_min, bridged, area`` of each edge; ``confidence`` where it is
        not to be told from them, and :data:`ADDED`.
    is_border
        Shape ``(n_nodes,)``: nodes at which imagery ends, not the road.
    crs
        CRS of lines and points.
    """
    degree = np.bincount(np.concatenate([u, v]), minlength=len(points))
    length_m = geodesic_lengths_m(lines, crs)
    chords = shapely.linestrings(np.stack([points[u], points[v]], axis=1))
    chord_m = geodesic_lengths_m(chords, crs)
    with np.errstate(divide="ignore", invalid="ignore"):
        sinuosity = np.where(chord_m > 0, length_m / chord_m, np.nan)
    columns = {
        "edge_id": np.arange(len(lines)),
        "u": u,
        "v": v,
        "key": _keys(u, v),
        "length_m": length_m.round(3),
        **{name: measured[name] for name in MEASURED},
        "confidence": measured.get("confidence", np.nan),
        "sinuosity": sinuosity.round(4),
        "component_id": pd.factorize(group(len(points), u, v)[u])[0].astype(np.int64),
        **{name: measured[name] for name in ADDED if name in measured},
    }
    edges = gpd.GeoDataFrame(columns, geometry=lines, crs=crs)
    kinds = _node_kinds(degree, is_border, np.isin(np.arange(len(points)), u[u == v]))
    nodes = gpd.GeoDataFrame(
        {"node_id": np.arange(len(points)), "degree": degree.astype(np.int32), "kind": kinds},
        geometry=shapely.points(points),
        crs=crs,
    )
    if "confidence" not in measured:
        edges["confidence"] = edge_confidence(edges, nodes).round(4)
    nodes.insert(3, "level_unknown", level_unknown(edges, nodes))
    return RoadNetwork(edges=edges, nodes=nodes, summary=_totals(edges, nodes))


def _place(
    points: NDArray[np.float64], transform: Affine, to_output: Transformer | None
) -> NDArray[np.float64]:
    """Return CRS coordinates of pixel coordinates ``(col, row)`` that are 0.0 at pixel centres."""
    x, y = place(transform, points[:, 0] + 0.5, points[:, 1] + 0.5)
    if to_output is not None:
        x, y = to_output.transform(x, y)
    return np.stack([x, y], axis=1)


def _pin_ends(
    lines: NDArray[np.object_],
    points: NDArray[np.float64],
    u: NDArray[np.int64],
    v: NDArray[np.int64],
) -> NDArray[np.object_]:
    """Let lines end at the very coordinates of their nodes."""
    coordinates, index = shapely.get_coordinates(lines, return_index=True)
    if len(index):
        first = np.flatnonzero(np.r_[True, index[1:] != index[:-1]])
        coordinates[first] = points[u]
        coordinates[np.r_[first[1:] - 1, len(index) - 1]] = points[v]
    pinned: NDArray[np.object_] = shapely.linestrings(coordinates, indices=index)
    return pinned


def _measured_columns(measures: EdgeMeasures, pixel: PixelSize) -> dict[str, NDArray[Any]]:
    width_px = 2 * measures.half_width - WIDTH_BIAS_PX
    return {
        "width_m": (width_px * pixel.gsd_m).round(2),
        "prob_mean": (measures.probability_mean / PROBABILITY_MAX).round(4),
        "prob_min": (measures.probability_min / PROBABILITY_MAX).round(4),
        "bridged": measures.bridged.round(4),
        "area": measures.area.round(4),
    }


def _keys(u: NDArray[np.int64], v: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return numbers that tell edges between the same nodes apart; edges are sorted by nodes."""
    new = np.ones(len(u), dtype=np.bool_)
    new[1:] = (u[1:] != u[:-1]) | (v[1:] != v[:-1])
    first = np.flatnonzero(new)
    keys: NDArray[np.int32] = (np.arange(len(u)) - first[np.cumsum(new) - 1]).astype(np.int32)
    return keys


def _node_kinds(
    degree: NDArray[np.int64], is_border: NDArray[np.bool_], is_ring: NDArray[np.bool_]
) -> NDArray[np.object_]:
    kinds = np.full(len(degree), "junction", dtype=object)
    kinds[degree == 2] = "gap"
    kinds[(degree == 2) & is_ring] = "loop"  # a ring needs a node somewhere
    kinds[degree == 1] = "end"
    kinds[(degree == 1) & is_border] = "border"
    return kinds


def _totals(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> dict[str, Any]:
    return {
        "length_km": round(float(edges.length_m.sum()) / 1000, 3),
        "edges": len(edges),
        "nodes": len(nodes),
        "components": int(edges.component_id.nunique()),
        "bridged_km": round(float((edges.length_m * edges.bridged).sum()) / 1000, 3),
    }
