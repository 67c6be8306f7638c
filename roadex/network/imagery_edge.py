"""Dead ends that are none: roads that go on where there is no imagery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadex.config import NODATA
from roadex.network.cleaning.borders import border_nodes
from roadex.network.cleaning.bridges import MapTasks
from roadex.network.graph import RoadGraph
from roadex.network.measures import end_directions, end_half_widths
from roadex.probability.joined import within
from roadex.probability.source import ProbabilitySource

_HEADING_PX = 10
_ENDS_BEFORE = 1.5
_SLACK_PX = 2.0
_STEP_PX = 0.5
_TASK_SIDE = 1024


class EndTask(NamedTuple):
    """Dead ends of one part of a scene."""

    window: tuple[int, int, int, int]
    """First row and column, height and width of what is looked at."""

    node: NDArray[np.int64]
    """Shape ``(n,)``."""

    pixel: NDArray[np.int64]
    """Shape ``(n, 2)``: row and column of the last pixel of each line."""

    heading: NDArray[np.float64]
    """Shape ``(n, 2)``: unit vector, rows and columns, in which each line goes on."""

    reach: NDArray[np.float64]
    """Shape ``(n,)``: how far ahead imagery must go on, in pixels."""


def imagery_edge_nodes(
    graph: RoadGraph, source: ProbabilitySource, map_tasks: MapTasks = map
) -> NDArray[np.bool_]:
    """Return, for each node, whether it is a dead end only because imagery ends there.

    Such are dead ends at the edge of the scene, and those with nodata ahead: a collar, the outside
    of an area of interest, a hole. A line of half-width w ends about w before its road does, so
    nodata within 1.5 w + 2 px counts, as in :mod:`roadex.network.cleaning.borders`.

    Parameters
    ----------
    graph
        Cleaned.
    source
        The probability it was made from; of every part with dead ends a window is read.
    map_tasks
        Applies a picklable function to items, here or elsewhere, in any order.
    """
    result = border_nodes(graph)
    for nodes in map_tasks(_nodes_at_nodata, _tasks(graph, ~result, source)):
        result[nodes] = True
    return result


def _tasks(
    graph: RoadGraph, wanted: NDArray[np.bool_], source: ProbabilitySource
) -> Iterator[tuple[EndTask, ProbabilitySource]]:
    """Yield dead ends by square parts of the scene, each with what it needs of the source."""
    chains, shape = graph.chains, np.array([graph.height, graph.chains.width])
    node = np.stack([graph.u, graph.v])
    side, edge = np.nonzero((graph.degree[node] == 1) & wanted[node])
    at = np.stack([chains.start, chains.end])[side, edge]
    pixel = np.stack(np.divmod(at, chains.width), axis=1)
    heading = end_directions(chains, _HEADING_PX)[side, edge]
    reach = _ENDS_BEFORE * end_half_widths(graph)[side, edge] + _SLACK_PX
    cell = pixel // _TASK_SIDE
    order = np.lexsort((cell[:, 1], cell[:, 0]))
    starts = np.flatnonzero(np.any(np.diff(cell[order], axis=0, prepend=-1), axis=1))
    for members in np.split(order, starts[1:]) if len(order) else ():
        margin = int(np.ceil(reach[members].max()))
        first = np.maximum(pixel[members].min(axis=0) - margin, 0)
        stop = np.minimum(pixel[members].max(axis=0) + margin + 1, shape)
        height, width = stop - first
        window = int(first[0]), int(first[1]), int(height), int(width)
        yield (
            EndTask(window, node[side, edge][members], pixel[members], heading[members],
                    reach[members]),
            within(source, *window),
        )  # fmt: skip


def _nodes_at_nodata(work: tuple[EndTask, ProbabilitySource]) -> NDArray[np.int64]:
    """Return the nodes of a task whose roads meet nodata ahead."""
    task, source = work
    row, col, height, width = task.window
    nodata = source.read(row, col, height, width) == NODATA
    if not nodata.any():
        return task.node[:0]
    ahead = np.arange(0, task.reach.max() + _STEP_PX, _STEP_PX)
    places = task.pixel[:, None] + ahead[:, None] * task.heading[:, None]
    rows, cols = np.moveaxis(np.rint(places).astype(np.int64) - [row, col], -1, 0)
    seen = (ahead <= task.reach[:, None]) & (rows >= 0) & (cols >= 0)
    seen &= (rows < height) & (cols < width)
    meets = seen & nodata[np.where(seen, rows, 0), np.where(seen, cols, 0)]
    found: NDArray[np.int64] = task.node[meets.any(axis=1)]
    return found
