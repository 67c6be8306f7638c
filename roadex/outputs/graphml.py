"""GraphML as osmnx loads it: a directed graph, each road in both directions, all values text.

Nothing in an image says which way a road goes, so every road is there twice, ``oneway`` False, the
second time ``reversed``. ``osmnx.load_graphml`` and ``networkx.read_graphml`` open it, routes
included. Columns of roadex come back as text unless their types are given::

    osmnx.load_graphml("roads.graphml", edge_dtypes={"width_m": float, "prob_mean": float})
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import shapely

from roadex.config import OutputConfig
from roadex.outputs.layers import provenance_text

if TYPE_CHECKING:
    from roadex.outputs import Network


def write(
    network: Network,
    path: Path,
    provenance: Mapping[str, Any],
    config: OutputConfig,  # noqa: ARG001 - nothing to choose here
) -> None:
    """Write one directed multigraph in the CRS of the network."""
    nodes, edges = network.nodes, network.edges
    graph = nx.MultiDiGraph(
        crs=edges.crs.to_string(), simplified="True", created_with="roadex",
        provenance=provenance_text(provenance),
    )  # fmt: skip
    for node in nodes.itertuples():
        graph.add_node(
            int(node.node_id), x=repr(node.geometry.x), y=repr(node.geometry.y),
            street_count=str(int(node.degree)), kind=str(node.kind),
        )  # fmt: skip
    for edge in edges.to_dict("records"):
        _add_both_ways(graph, edge)
    nx.write_graphml(graph, path, encoding="utf-8", prettyprint=False)


def _add_both_ways(graph: nx.MultiDiGraph, edge: dict[str, Any]) -> None:
    u, v, key = int(edge["u"]), int(edge["v"]), int(edge["key"])
    line = edge["geometry"]
    known = {
        str(name): str(value)
        for name, value in edge.items()
        if name not in ("u", "v", "key", "geometry", "length_m") and value == value
    }
    shared = known | {
        "osmid": str(edge["edge_id"]), "length": repr(float(edge["length_m"])), "oneway": "False",
        "highway": "road",
    }  # fmt: skip
    graph.add_edge(u, v, key=key, geometry=line.wkt, reversed="False", **shared)
    # A ring leads from a node to the same: its way back is one more edge between the two.
    back = graph.number_of_edges(v, u) if u == v else key
    graph.add_edge(v, u, key=back, geometry=shapely.reverse(line).wkt, reversed="True", **shared)
