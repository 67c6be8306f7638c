"""GeoParquet 1.1: edges in the file asked for, nodes beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from roadex.config import OutputConfig

if TYPE_CHECKING:
    from roadex.outputs import Network


def write(
    network: Network,
    path: Path,
    provenance: Mapping[str, Any],
    config: OutputConfig,  # noqa: ARG001 - nothing to choose here
) -> None:
    """Write ``roads.parquet`` and ``roads_nodes.parquet``; provenance is the key ``roadex``."""
    record = {b"roadex": json.dumps(dict(provenance), sort_keys=True, default=str).encode()}
    nodes_path = path.with_name(f"{path.stem}_nodes{path.suffix}")
    for frame, file in ((network.edges, path), (network.nodes, nodes_path)):
        frame.to_parquet(file, index=False, schema_version="1.1.0", write_covering_bbox=True)
        table = pq.read_table(file)
        metadata = (table.schema.metadata or {}) | record
        pq.write_table(table.replace_schema_metadata(metadata), file, compression="zstd")
