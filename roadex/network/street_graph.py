"""A network as the graph osmnx works with: directed, each road in both directions.

Nothing in an image says which way a road goes, so every road is there twice, ``oneway`` False, the
second time ``reversed``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import networkx as nx
import shapely

if TYPE_CHECKING:
    from roadex.outputs import Network

_RENAMED: Final = ("u", "v", "key", "length_m", "geometry")
"""Columns of edges that osmnx has other names or places for."""


def street_graph(network: Network) -> nx.MultiDiGraph:
    """Return a network as a graph that :mod:`osmnx` and :mod:`networkx` find routes in.

    Parameters
    ----------
    network
        Edges and nodes in one CRS, which becomes that of the graph.

    Returns
    -------
    graph
        Nodes with ``x, y, street_count, kind``. Edges with ``osmid`` (the ``edge_id``), ``length``
        in metres, ``geometry``, ``oneway``, ``reversed``, ``highway``, and the other columns of
        the network where they are known.
    """
    graph = nx.MultiDiGraph(
        crs=network.edges.crs.to_string(), simplified=True, created_with="roadex"
    )
    for node in network.nodes.itertuples():
        graph.add_node(
            int(node.node_id), x=float(node.geometry.x), y=float(node.geometry.y),
            street_count=int(node.degree), kind=str(node.kind),
        )  # fmt: skip
    for edge in network.edges.to_dict("records"):
        _add_both_ways(graph, edge)
    return graph


def _add_both_ways(graph: nx.MultiDiGraph, edge: dict[str, Any]) -> None:
    u, v, key = int(edge["u"]), int(edge["v"]), int(edge["key"])
    line = edge["geometry"]
    known = {
        str(name): value
        for name, value in edge.items()
        if name not in _RENAMED and value is not None and value == value
    }
    shared = known | {
        "osmid": int(edge["edge_id"]), "length": float(edge["length_m"]), "oneway": False,
        "highway": "road",
    }  # fmt: skip
    # A ring leads from a node to the same, so that both its ways are edges between the same two.
    forth, back = (2 * key, 2 * key + 1) if u == v else (key, key)
    graph.add_edge(u, v, key=forth, geometry=line, reversed=False, **shared)
    graph.add_edge(v, u, key=back, geometry=shapely.reverse(line), reversed=True, **shared)
