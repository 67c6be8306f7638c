"""GeoJSON as RFC 7946 has it: longitude and latitude (WGS 84), rounded coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadex.config import OutputConfig
from roadex.outputs.layers import provenance_text, write_layers

if TYPE_CHECKING:
    from roadex.outputs import Network


def write(
    network: Network, path: Path, provenance: Mapping[str, Any], config: OutputConfig
) -> None:
    """Write ``roads.geojson`` and ``roads_nodes.geojson``.

    Provenance is the description of the collections. Lines still end exactly at their nodes: equal
    coordinates are rounded equally.
    """
    frames = {"": network.edges.to_crs(4326), "_nodes": network.nodes.to_crs(4326)}
    options = {
        "RFC7946": "YES",
        "COORDINATE_PRECISION": str(config.geojson_digits),
        "DESCRIPTION": provenance_text(provenance),
    }
    write_layers(frames, path, "GeoJSON", layer_options=options)
