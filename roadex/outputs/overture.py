"""GeoParquet in the transportation schema of Overture Maps: segments, and connectors beside them.

Every segment has a connector at both ends, dead ends too, as in Overture's own data. The class is
``unknown``, the honest one of its list; mean probability is the confidence of the source; columns
of our own begin with ``ext_``.

References
----------
.. [1] Overture Maps schema, theme transportation, types segment and connector (2.0).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd

from roadex.config import OutputConfig
from roadex.outputs.layers import write_provenance

if TYPE_CHECKING:
    from roadex.outputs import Network

_SPACES: Final = re.compile(r"\s+")
"""What ids may not hold."""

_SURFACES: Final = ("paved", "unpaved")
_COMMON: Final = {"theme": "transportation", "version": 0}


def write(
    network: Network, path: Path, provenance: Mapping[str, Any], config: OutputConfig
) -> None:
    """Write ``X.overture.parquet`` (segments) and ``X_connectors.overture.parquet``."""
    ending = ".overture.parquet"
    stem = path.name.removesuffix(ending)
    scene = _SPACES.sub("_", str(provenance.get("name") or stem).strip())
    edges, nodes = network.edges.to_crs(4326), network.nodes.to_crs(4326)
    dataset = config.source or "roadex"
    segments = [_segment(edge, scene, dataset) for edge in edges.to_dict("records")]
    connectors = [
        {"id": _node_id(scene, node), "type": "connector", **_COMMON} for node in nodes["node_id"]
    ]
    _write(segments, edges, path)
    _write(connectors, nodes, path.with_name(f"{stem}_connectors{ending}"))
    write_provenance(provenance, path)


def _write(rows: list[dict[str, Any]], places: gpd.GeoDataFrame, path: Path) -> None:
    frame = gpd.GeoDataFrame(rows, geometry=places.geometry.to_numpy(), crs=4326)
    frame.to_parquet(path, write_covering_bbox=True, compression="zstd", index=False)


def _segment(edge: Mapping[str, Any], scene: str, dataset: str) -> dict[str, Any]:
    confidence = edge.get("confidence", edge.get("prob_mean"))
    source: dict[str, Any] = {"property": "", "dataset": dataset}
    if confidence is not None and confidence == confidence:
        source["confidence"] = float(confidence)
    segment = {
        "id": f"roadex:{scene}:{edge['edge_id']}",
        "type": "segment",
        **_COMMON,
        "subtype": "road",
        "class": "unknown",
        "connectors": [
            {"connector_id": _node_id(scene, edge["u"]), "at": 0.0},
            {"connector_id": _node_id(scene, edge["v"]), "at": 1.0},
        ],
        "sources": [source],
        "ext_length_m": float(edge["length_m"]),
    }
    width = edge.get("width_m")
    if width is not None and width > 0:
        segment["width_rules"] = [{"value": float(width)}]
    if edge.get("surface") in _SURFACES:
        segment["road_surface"] = [{"value": edge["surface"]}]
    return segment


def _node_id(scene: str, node: int) -> str:
    return f"roadex:{scene}:n{node}"
