"""Roads that leave the scene: thinning draws their ends back, here they reach the border again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.network.chains import Chains, concatenate, pixel_ids, whole
from roadex.network.graph import RoadGraph, replace_edges, with_nodes
from roadex.network.linking import link
from roadex.network.measures import end_directions, end_half_widths

_HEADING_PX = 10
_ENDS_BEFORE = 1.5
_SLACK_PX = 2.0
_EDGES_AT_A_TIME = 20_000


def border_nodes(graph: RoadGraph) -> NDArray[np.bool_]:
    """Return, for each node, whether it is a dead end in the outermost row or column."""
    last_row, last_col = graph.height - 1, graph.chains.width - 1
    outermost = (graph.node_row == 0) | (graph.node_row == last_row)
    outermost |= (graph.node_col == 0) | (graph.node_col == last_col)
    is_border: NDArray[np.bool_] = outermost & (graph.degree == 1)
    return is_border


def extend_to_border(graph: RoadGraph) -> RoadGraph:
    """Prolong dead ends that head for the border of the scene and all but reach it.

    A line of half-width w ends about w before its road does, so ends within 1.5 w + 2 px of the
    border, measured along their heading, are ends only because the scene ends.
    """
    width = graph.chains.width
    node = np.stack([graph.u, graph.v])
    at = np.stack([graph.chains.start, graph.chains.end])
    direction = end_directions(graph.chains, _HEADING_PX)
    reach = _ENDS_BEFORE * end_half_widths(graph) + _SLACK_PX
    distance = _distance_to_border(at // width, at % width, direction, graph.height, width)
    side, edge = np.nonzero((graph.degree[node] == 1) & (distance <= reach) & (distance > 0))
    if len(edge) == 0:
        return graph
    # The nearest first: it keeps its place at the border where two would come to the same one.
    order = np.lexsort((2 * edge + side, distance[side, edge]))
    side, edge = side[order], edge[order]
    begin = np.stack([at[side, edge] // width, at[side, edge] % width], axis=1)
    steps = distance[side, edge, None] * direction[side, edge]
    stop = np.rint(begin + steps).astype(np.int64).clip(0, [graph.height - 1, width - 1])
    free = _free_ways(graph, begin, stop, int(np.ceil(reach.max())) + 1)
    return _prolong(graph, (2 * edge + side)[free], stop[free, 0], stop[free, 1])


def _free_ways(
    graph: RoadGraph, begin: NDArray[np.int64], stop: NDArray[np.int64], margin: int
) -> NDArray[np.int64]:
    """Return which straight ways to the border meet neither a line nor an earlier way."""
    taken = _pixels_at_border(graph, margin)
    free = []
    for k in range(len(begin)):
        n = int(np.abs(stop[k] - begin[k]).max())
        rows, cols = np.rint(np.linspace(begin[k], stop[k], n + 1)[1:]).astype(np.int64).T
        way = set((rows * graph.chains.width + cols).tolist())
        if taken.isdisjoint(way):
            taken |= way
            free.append(k)
    return np.array(free, dtype=np.int64)


def _pixels_at_border(graph: RoadGraph, margin: int) -> set[int]:
    """Return the ids of the lines' pixels less than ``margin`` from the border of the scene."""
    taken: set[int] = set()
    for first in range(0, graph.n_edges, _EDGES_AT_A_TIME):
        edges = np.arange(first, min(first + _EDGES_AT_A_TIME, graph.n_edges))
        ids = pixel_ids(whole(graph.chains, edges))
        rows, cols = ids // graph.chains.width, ids % graph.chains.width
        inward = np.minimum(np.minimum(rows, cols), graph.height - 1 - rows)
        taken.update(ids[np.minimum(inward, graph.chains.width - 1 - cols) < margin].tolist())
    return taken


def _distance_to_border(
    row: NDArray[np.int64],
    col: NDArray[np.int64],
    direction: NDArray[np.float64],
    height: int,
    width: int,
) -> NDArray[np.float64]:
    """Return the distance along a direction to the outermost pixels, infinite if parallel."""
    distance = np.full(row.shape, np.inf)
    for position, last, heading in (
        (row, height - 1, direction[..., 0]),
        (col, width - 1, direction[..., 1]),
    ):
        ahead = np.where(heading > 0, last - position, position)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.fmin(distance, ahead / np.abs(heading))
    return distance


def _prolong(
    graph: RoadGraph, ends: NDArray[np.int64], row: NDArray[np.int64], col: NDArray[np.int64]
) -> RoadGraph:
    """Draw edges straight on from their ``ends`` (2 * edge + side) to new end pixels."""
    chains, n = graph.chains, len(ends)
    pixel = row * chains.width + col
    last_value = chains.end_values[ends]
    tips = Chains(
        width=chains.width,
        start=pixel,
        end=pixel,
        offsets=np.zeros(n + 1, dtype=np.int64),
        codes=np.zeros(0, dtype=np.uint8),
        probability=chains.probability[last_value],
        half_width=chains.half_width[last_value],
    )
    tip_ends = 2 * (graph.n_edges + np.arange(n))
    partner = np.full(2 * (graph.n_edges + n), -1, dtype=np.int64)
    partner[ends], partner[tip_ends] = tip_ends, ends
    joined, joined_ends = link(concatenate([chains, tips], chains.width), partner)
    tip_node = graph.n_nodes + np.repeat(np.arange(n), 2)
    end_node = np.r_[graph.end_nodes, tip_node]
    longer = with_nodes(graph, pixel)
    return replace_edges(longer, end_node[joined_ends[:, 0]], end_node[joined_ends[:, 1]], joined)
