"""FlatGeobuf: small, streamable, with a spatial index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadex.config import OutputConfig
from roadex.outputs.layers import provenance_text, write_layers

if TYPE_CHECKING:
    from roadex.outputs import Network


def write(
    network: Network,
    path: Path,
    provenance: Mapping[str, Any],
    config: OutputConfig,  # noqa: ARG001 - nothing to choose here
) -> None:
    """Write ``roads.fgb`` and ``roads_nodes.fgb``; provenance is the description of the layers."""
    frames = {"": network.edges, "_nodes": network.nodes}
    options = {"TITLE": path.stem, "DESCRIPTION": provenance_text(provenance)}
    write_layers(frames, path, "FlatGeobuf", layer_options=options)
