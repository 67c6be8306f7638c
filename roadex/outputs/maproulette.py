"""MapRoulette: one road a task, to be accepted or refused by mappers.

The file is "line-by-line GeoJSON": a record separator (0x1E), a FeatureCollection, a newline, for
each task. The mark keeps a file of one task from being taken for one collection. The id of a task
follows from where its road lies: a second upload, also of a network in which other roads were
corrected, updates the tasks of a challenge instead of doubling them.

References
----------
.. [1] OpenStreetMap wiki, "MapRoulette/Line by Line GeoJSON Format".
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import repeat
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

_SHOWN: Final = (
    "edge_id", "length_m", "width_m", "prob_mean", "confidence", "surface", "review_order",
)  # fmt: skip

_ID_DIGITS: Final = 6
"""Decimal places of degrees (6: about 10 cm) of the places that give a task its id."""


def write(
    network: Network, path: Path, provenance: Mapping[str, Any], config: OutputConfig
) -> None:
    """Write a task for each edge; its properties can be shown in the instruction.

    Raises
    ------
    OutputError
        If there are more edges than a challenge may have tasks.
    """
    write_tasks(network, path, provenance, config, more=repeat({}))


def write_tasks(
    network: Network, path: Path, provenance: Mapping[str, Any], config: OutputConfig, *,
    more: Iterator[Mapping[str, Any]],
) -> None:  # fmt: skip
    """Write a task for each edge, with ``more`` members of its collection: one record an edge.

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
        rows = zip(edges.itertuples(), _task_ids(edges.geometry), more, strict=False)
        for edge, task_id, members in rows:
            known = {name: _plain(getattr(edge, name)) for name in columns}
            properties = {name: value for name, value in known.items() if value is not None}
            feature = {
                "type": "Feature",
                "id": task_id,
                "properties": {"id": task_id, **properties},
                "geometry": _geometry(edge.geometry, config.geojson_digits),
            }
            collection = {"type": "FeatureCollection", "features": [feature], **members}
            file.write("\x1e" + json.dumps(collection, separators=(",", ":")) + "\n")
    write_provenance(provenance, path)


def _task_ids(lines: Any) -> Iterator[str]:
    """Yield an id for each line: the same for the same place, whichever way the line runs."""
    seen: Counter[str] = Counter()
    for line in lines:
        points = (shapely.get_coordinates(line).round(_ID_DIGITS) + 0.0).tolist()  # no -0.0
        text = json.dumps(min(points, points[::-1]))
        name = f"roadex-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; None where it is unknown."""
    value = value.item() if hasattr(value, "item") else value
    return None if value != value else value


def _geometry(line: Any, digits: int) -> dict[str, Any]:
    points = shapely.get_coordinates(line).round(digits).tolist()
    return {"type": "LineString", "coordinates": points}
