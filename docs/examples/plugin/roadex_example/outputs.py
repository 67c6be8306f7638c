"""Plain text: one road a line, as Well-known Text in the CRS of the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadex.config import OutputConfig
from roadex.outputs import Network
from roadex.outputs.layers import write_provenance


def write(
    network: Network,
    path: Path,
    provenance: Mapping[str, Any],
    config: OutputConfig,  # noqa: ARG001 - nothing to choose
) -> None:
    """Write ``roads.wkt``, and ``roads.provenance.json`` with the CRS beside it."""
    lines = network.edges.geometry.to_wkt(rounding_precision=2)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    write_provenance(dict(provenance) | {"crs": network.edges.crs.to_string()}, path)
