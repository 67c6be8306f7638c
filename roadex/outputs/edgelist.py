"""Edge list: CSV tables of edges and nodes, geometry as WKT, for programs without GIS formats."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadex.config import OutputConfig
from roadex.outputs.layers import write_provenance

if TYPE_CHECKING:
    from roadex.outputs import Network


def write(
    network: Network,
    path: Path,
    provenance: Mapping[str, Any],
    config: OutputConfig,  # noqa: ARG001 - nothing to choose here
) -> None:
    """Write ``roads.csv`` and ``roads_nodes.csv``; the CRS goes to the provenance beside them."""
    nodes_path = path.with_name(f"{path.stem}_nodes{path.suffix}")
    for frame, file in ((network.edges, path), (network.nodes, nodes_path)):
        frame.to_wkt().to_csv(file, index=False)
    write_provenance(dict(provenance) | {"crs": network.edges.crs.to_string()}, path)
