"""PMTiles: vector tiles in one file for web maps, written by GDAL. A picture, not a network.

Lines are cut at the borders of tiles and simplified by zoom, so nothing is read back from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyogrio

from roadex.config import OutputConfig
from roadex.outputs.layers import write_provenance

if TYPE_CHECKING:
    from roadex.outputs import Network

MIN_ZOOM, MAX_ZOOM = 8, 16
"""Zoom levels that are in the file; clients enlarge the last one."""


def write(
    network: Network,
    path: Path,
    provenance: Mapping[str, Any],
    config: OutputConfig,  # noqa: ARG001 - nothing to choose here
) -> None:
    """Write the edges as layer ``road_edges``, and provenance beside them."""
    pyogrio.write_dataframe(
        network.edges,
        path,
        driver="PMTiles",
        layer="road_edges",
        geometry_type="LineString",
        dataset_options={"MINZOOM": str(MIN_ZOOM), "MAXZOOM": str(MAX_ZOOM), "NAME": path.stem},
    )
    write_provenance(provenance, path)
