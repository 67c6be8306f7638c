"""Cooperative challenges of MapRoulette: JOSM opens each task with its road already drawn.

A task carries, beside its feature, an OsmChange file that creates the road, tagged as in
:mod:`roadex.outputs.josm`. Every task is a file of its own, so nodes of roads that meet are not
shared: the mapper joins a new road to those that are there, as with every road in JOSM.

References
----------
.. [1] MapRoulette documentation, "Cooperative Challenges" (``cooperativeWork``, version 2, type 2:
   change file).
.. [2] OpenStreetMap wiki, "OsmChange".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from roadex.config import OutputConfig
from roadex.outputs.josm import Way, new_objects, ways_of_edges
from roadex.outputs.maproulette import write_tasks

if TYPE_CHECKING:
    from roadex.outputs import Network

_META: Final = {"version": 2, "type": 2}
"""Version of the format, and its kind of task that carries a change file."""


def write(
    network: Network, path: Path, provenance: Mapping[str, Any], config: OutputConfig
) -> None:
    """Write a task for each edge, and with it the change that draws the road.

    Raises
    ------
    OutputError
        If there are more edges than a challenge may have tasks.
    """
    work = (_work(ways) for ways in ways_of_edges(network, config))
    write_tasks(network, path, provenance, config, more=work)


def _work(ways: Sequence[Way]) -> dict[str, Any]:
    if not ways:
        return {}
    objects = "".join(new_objects(ways))
    change = (
        "<?xml version='1.0' encoding='UTF-8'?>\n<osmChange version='0.6' generator='roadex'>\n"
        f"<create>\n{objects}</create>\n</osmChange>\n"
    )
    content = base64.b64encode(change.encode()).decode("ascii")
    file = {"type": "xml", "format": "osc", "encoding": "base64", "content": content}
    return {"cooperativeWork": {"meta": _META, "file": file}}
