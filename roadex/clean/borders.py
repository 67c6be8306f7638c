"""Roads that leave the scene: thinning draws their ends back, here they reach the border again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.chains import Chains, concatenate, link
from roadex.graph import RoadGraph, replace_edges
from roadex.measure import end_directions, end_half_widths

_HEADING_PX = 10
_ENDS_BEFORE = 1.5
_SLACK_PX = 2.0


def border_nodes(graph: RoadGraph) -> NDArray[np.bool_]:
    """Return, for each node, whether it is a dead end in the outermost row or column."""
    last_row, last_col = graph.height - 1, graph.chains.width - 1
    outermost = (graph.node_row == 0) | (graph.node_row == last_row)
    outermost |= (graph.node_col == 0) | (graph.node_col == last_col)
    return outermost & (graph.degree == 1)


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
    steps = distance[side, edge, None] * direction[side, edge]
    row = np.rint(at[side, edge] // width + steps[:, 0]).clip(0, graph.height - 1)
    col = np.rint(at[side, edge] % width + steps[:, 1]).clip(0, width - 1)
    return _prolong(graph, 2 * edge + side, row.astype(np.int64), col.astype(np.int64))


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
    last_value = chains.value_offsets[ends // 2 + ends % 2] - ends % 2
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
    end_node = np.r_[np.stack([graph.u, graph.v], axis=1).reshape(-1), tip_node]
    longer = RoadGraph(
        height=graph.height,
        node_row=np.r_[graph.node_row, row.astype(np.float64)],
        node_col=np.r_[graph.node_col, col.astype(np.float64)],
        node_reach=np.r_[graph.node_reach, np.zeros(n)],
        u=graph.u,
        v=graph.v,
        chains=chains,
    )
    return replace_edges(longer, end_node[joined_ends[:, 0]], end_node[joined_ends[:, 1]], joined)
