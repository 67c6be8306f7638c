"""MapRoulette: one road a task, to be accepted or refused by mappers.

The file is "line-by-line GeoJSON": a record separator (0x1E), a FeatureCollection, a newline, for
each task. The mark keeps a file of one task from being taken for one collection. Each task has an
id of its own that stays the same for the same network: without one, a second upload would double
all tasks.

References
----------
.. [1] OpenStreetMap wiki, "MapRoulette/Line by Line GeoJSON Format".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import shapely

from roadex.config import OutputConfig
from roadex.errors import OutputError
from roadex.outputs.layers import write_provenance

if TYPE_CHECKING:
    from roadex.outputs import Network

MOST_TASKS: Final = 50_000
"""Tasks that a challenge may have."""

_SHOWN: Final = ("length_m", "width_m", "prob_mean", "confidence", "surface", "review_order")


def write(
    network: Network, path: Path, provenance: Mapping[str, Any], config: OutputConfig
) -> None:
    """Write a task for each edge; its properties can be shown in the instruction.

    Raises
    ------
    OutputError
        If there are more edges than a challenge may have tasks.
    """
    edges = network.edges.to_crs(4326)
    if len(edges) > MOST_TASKS:
        msg = f"{len(edges)} roads are too many for one challenge, which takes {MOST_TASKS} tasks"
        raise OutputError(msg)
    columns = [name for name in _SHOWN if name in edges]
    with path.open("w", encoding="utf-8") as file:
        for edge in edges.itertuples():
            properties = {name: _plain(getattr(edge, name)) for name in columns}
            feature = {
                "type": "Feature",
                "id": f"roadex-{edge.edge_id}",
                "properties": {"id": f"roadex-{edge.edge_id}", **properties},
                "geometry": _geometry(edge.geometry, config.geojson_digits),
            }
            collection = {"type": "FeatureCollection", "features": [feature]}
            file.write("\x1e" + json.dumps(collection, separators=(",", ":")) + "\n")
    write_provenance(provenance, path)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; unknown is null."""
    value = value.item() if hasattr(value, "item") else value
    return None if value != value else value


def _geometry(line: Any, digits: int) -> dict[str, Any]:
    points = shapely.get_coordinates(line).round(digits).tolist()
    return {"type": "LineString", "coordinates": points}
