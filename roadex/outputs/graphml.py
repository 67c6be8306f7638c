"""GraphML, which networkx, Gephi and igraph read.

Nodes carry ``x`` and ``y``, edges their geometry as WKT, the graph its ``crs``. Roads are
undirected: nothing in an image says which way they go. (osmnx wants every value to be text in its
own GraphML files; give it the GeoPackage, whose ``u, v, key`` it takes as they are.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pandas as pd

from roadex.config import OutputConfig
from roadex.outputs.layers import provenance_text

if TYPE_CHECKING:
    from roadex.outputs import Network

_HEAD: Final = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns'
    ' http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">\n'
)
_TYPES: Final = {"i": "long", "u": "long", "f": "double", "b": "boolean"}


def write(
    network: Network,
    path: Path,
    provenance: Mapping[str, Any],
    config: OutputConfig,  # noqa: ARG001 - nothing to choose here
) -> None:
    """Write one undirected multigraph."""
    nodes = pd.DataFrame(network.nodes.drop(columns="geometry"))
    nodes.insert(1, "x", network.nodes.geometry.x)
    nodes.insert(2, "y", network.nodes.geometry.y)
    edges = pd.DataFrame(network.edges.drop(columns="geometry"))
    edges["geometry"] = network.edges.geometry.to_wkt()
    about = {"crs": network.edges.crs.to_string(), "provenance": provenance_text(provenance)}
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEAD)
        _write_keys(file, "graph", dict.fromkeys(about, "string"))
        _write_keys(file, "node", _attribute_types(nodes, "node_id"))
        _write_keys(file, "edge", _attribute_types(edges, "u", "v", "key"))
        file.write('<graph edgedefault="undirected">\n')
        file.write(_values("graph", about.items()) + "\n")
        _write_nodes(file, nodes)
        _write_edges(file, edges)
        file.write("</graph>\n</graphml>\n")


def _attribute_types(frame: pd.DataFrame, *left_out: str) -> dict[str, str]:
    """Return the GraphML type of each column."""
    return {
        str(name): _TYPES.get(getattr(column.dtype, "kind", "O"), "string")
        for name, column in frame.items()
        if name not in left_out
    }


def _write_keys(file: TextIO, owner: str, types: Mapping[str, str]) -> None:
    file.writelines(
        f'<key id="{owner}_{name}" for="{owner}" attr.name="{name}" attr.type="{kind}"/>\n'
        for name, kind in types.items()
    )


def _values(owner: str, items: Iterable[tuple[str, Any]]) -> str:
    """Return the data elements of one thing; unknown values are left out."""
    return "".join(
        f'<data key="{owner}_{name}">{escape(str(value))}</data>'
        for name, value in items
        if not (isinstance(value, float | np.floating) and np.isnan(value))
    )


def _write_nodes(file: TextIO, nodes: pd.DataFrame) -> None:
    names = [name for name in nodes.columns if name != "node_id"]
    for row in nodes.to_dict("records"):
        values = _values("node", ((name, row[name]) for name in names))
        file.write(f"<node id={quoteattr(str(row['node_id']))}>{values}</node>\n")


def _write_edges(file: TextIO, edges: pd.DataFrame) -> None:
    names = [name for name in edges.columns if name not in ("u", "v", "key")]
    for row in edges.to_dict("records"):
        values = _values("edge", ((name, row[name]) for name in names))
        file.write(
            f'<edge id="{row["key"]}" source="{row["u"]}" target="{row["v"]}">{values}</edge>\n'
        )
