"""GraphML as osmnx loads it: a directed graph, each road in both directions, all values text.

``osmnx.load_graphml`` and ``networkx.read_graphml`` open it, routes included. Columns of roadex
come back as text unless their types are given::

    osmnx.load_graphml("roads.graphml", edge_dtypes={"width_m": float, "prob_mean": float})
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import shapely

from roadex.config import OutputConfig
from roadex.network.street_graph import street_graph
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
    graph = street_graph(network)
    text = nx.MultiDiGraph(
        **{name: str(value) for name, value in graph.graph.items()},
        provenance=provenance_text(provenance),
    )
    text.add_nodes_from((node, _as_text(values)) for node, values in graph.nodes(data=True))
    text.add_edges_from(
        (u, v, key, _as_text(values)) for u, v, key, values in graph.edges(keys=True, data=True)
    )
    nx.write_graphml(text, path, encoding="utf-8", prettyprint=False)


def _as_text(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as text: osmnx loads no other."""
    return {
        name: value.wkt if isinstance(value, shapely.LineString) else str(value)
        for name, value in values.items()
    }
