"""Shapefile, for programs that know nothing newer.

Its limits: column names of ten characters, files of 2 GB (about 10 million vertices a GB), one
geometry type per file, no place for provenance, styles or aliases.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from roadex.config import OutputConfig
from roadex.outputs.layers import write_layers, write_provenance

if TYPE_CHECKING:
    from roadex.outputs import Network

SHORT_NAMES: Final = {
    "component_id": "component",
    "level_unknown": "level_unkn",
    "surface_prob": "surf_prob",
}
"""Columns whose names are too long for the format."""


def write(
    network: Network,
    path: Path,
    provenance: Mapping[str, Any],
    config: OutputConfig,  # noqa: ARG001 - nothing to choose here
) -> None:
    """Write ``roads.shp`` and ``roads_nodes.shp`` with what belongs to them."""
    tables = {"": network.edges, "_nodes": network.nodes}
    frames = {suffix: table.rename(columns=SHORT_NAMES) for suffix, table in tables.items()}
    write_layers(frames, path, "ESRI Shapefile", layer_options={"ENCODING": "UTF-8"})
    write_provenance(provenance, path)
