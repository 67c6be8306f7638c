"""Gaps between dead ends and the lines they seem to lead to, bridged along the probability.

Each dead end looks ahead for the cheapest way to another line
(:mod:`roadex.network.cleaning.bridge_search`),
task by task, anywhere. The proposals of all tasks are then accepted one by one, best first: each
dead end at most once, and no bridge across another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadex.network.chains import BRIDGED, LEAP, Chains, concatenate, pixel_ids, whole
from roadex.network.cleaning.bridge_search import (
    AT_NODE_PX,
    BridgeProposals,
    BridgeSettings,
    BridgeTask,
    search_bridges,
)
from roadex.network.cleaning.bridge_tasks import plan_tasks
from roadex.network.graph import (
    RoadGraph,
    cut_chains,
    dissolve,
    last_part_before,
    replace_edges,
    with_nodes,
)
from roadex.probability.joined import within
from roadex.probability.source import ProbabilitySource

MapTasks = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def bridge_gaps(
    graph: RoadGraph, source: ProbabilitySource, settings: BridgeSettings, map_tasks: MapTasks
) -> RoadGraph:
    """Bridge gaps; the new stretches are marked, see :mod:`roadex.network.chains`."""
    tasks = ((task, within(source, *task.window)) for task in plan_tasks(graph, settings))
    search = partial(_search, settings=settings)
    proposals = _join([found for found in map_tasks(search, tasks) if len(found.end)])
    if len(proposals.end) == 0:
        return graph
    accepted = accept(proposals, graph)
    return dissolve(_build(graph, proposals, accepted, settings.threshold))


def _search(
    work: tuple[BridgeTask, ProbabilitySource], *, settings: BridgeSettings
) -> BridgeProposals:
    task, source = work
    return search_bridges(task, source=source, settings=settings)


def _join(parts: list[BridgeProposals]) -> BridgeProposals:
    """Put the proposals of all tasks together, in the order of their dead ends."""
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        steps = np.zeros(0, dtype=np.uint8)
        return BridgeProposals(
            none, none, none, none.astype(np.float64), none.astype(np.bool_),
            np.zeros(1, np.int64), steps, steps,
        )  # fmt: skip
    parts = sorted(parts, key=lambda part: int(part.end[0]))
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    return BridgeProposals(
        end=np.concatenate([part.end for part in parts]),
        edge=np.concatenate([part.edge for part in parts]),
        position=np.concatenate([part.position for part in parts]),
        cost=np.concatenate([part.cost for part in parts]),
        is_leap=np.concatenate([part.is_leap for part in parts]),
        offsets=np.r_[0, np.cumsum(sizes)],
        codes=np.concatenate([part.codes for part in parts]),
        probability=np.concatenate([part.probability for part in parts]),
    )


def accept(proposals: BridgeProposals, graph: RoadGraph) -> NDArray[np.int64]:
    """Return the proposals to build, best first.

    Ways may meet where they end, not before. A way over nothing must lead to or from a road that is
    connected with no other: two cul-de-sacs back to back stay apart, each belongs to its street.
    """
    ways = _as_chains(proposals, graph.chains)
    ids, bounds = pixel_ids(ways), ways.value_offsets
    node = graph.end_nodes
    is_end = graph.degree == 1
    target = target_nodes(proposals, graph)
    is_alone = is_end[graph.u] & is_end[graph.v]
    is_wanted = ~proposals.is_leap | is_alone[proposals.end // 2] | is_alone[proposals.edge]
    used: set[int] = set()
    taken: set[int] = set()
    accepted = []
    for k in np.lexsort((proposals.end, proposals.cost)).tolist():
        goals = {int(node[proposals.end[k]])}
        if target[k] >= 0 and is_end[target[k]]:
            goals.add(int(target[k]))
        way = ids[bounds[k] : bounds[k + 1]]
        cells = set(way[:-1].tolist()) | set(_beside(way, graph.chains.width))
        if is_wanted[k] and used.isdisjoint(goals) and taken.isdisjoint(cells):
            used |= goals
            taken |= cells
            accepted.append(k)
    return np.array(accepted, dtype=np.int64)


def target_nodes(proposals: BridgeProposals, graph: RoadGraph) -> NDArray[np.int64]:
    """Return the node each way leads to, or -1 where it leads to the middle of an edge."""
    edge, before = proposals.edge, proposals.position
    after = graph.chains.n_steps[edge] - before
    nearest = np.where(before <= after, graph.u[edge], graph.v[edge])
    return np.where(np.minimum(before, after) <= AT_NODE_PX, nearest, -1)


def _beside(way: NDArray[np.int64], width: int) -> list[int]:
    """Return the pixels beside diagonal steps, so that ways cannot cross unseen."""
    row, col = way // width, way % width
    diagonal = (row[1:] != row[:-1]) & (col[1:] != col[:-1])
    beside = np.r_[row[:-1] * width + col[1:], row[1:] * width + col[:-1]]
    chosen: list[int] = beside[np.r_[diagonal, diagonal]].tolist()
    return chosen


def _as_chains(proposals: BridgeProposals, chains: Chains) -> Chains:
    """Return the ways as chains; the value of the first pixel is that of the dead end."""
    at_end = chains.end_pixels[proposals.end]
    first = chains.end_values[proposals.end]
    probability = np.insert(
        proposals.probability, proposals.offsets[:-1], chains.probability[first]
    )
    half_width = np.insert(
        np.zeros_like(proposals.probability), proposals.offsets[:-1], chains.half_width[first]
    )
    ways = Chains(
        chains.width, at_end, at_end, proposals.offsets, proposals.codes, probability, half_width
    )
    last = pixel_ids(ways)[ways.value_offsets[1:] - 1]
    return Chains(
        chains.width, at_end, last, proposals.offsets, proposals.codes, probability, half_width
    )


def _build(
    graph: RoadGraph, proposals: BridgeProposals, accepted: NDArray[np.int64], threshold: int
) -> RoadGraph:
    """Split the edges that bridges lead to and add the bridges."""
    target = target_nodes(proposals, graph)[accepted]
    splits = target < 0
    middle = np.stack([proposals.edge[accepted], proposals.position[accepted]], axis=1)[splits]
    cuts, cut_of = np.unique(middle, axis=0, return_inverse=True)
    target[splits] = graph.n_nodes + cut_of.ravel()
    parts, part_u, part_v = cut_chains(graph, cuts)
    ways = whole(_as_chains(proposals, graph.chains), accepted)
    bridges = _marked(ways, proposals.is_leap[accepted], threshold)
    node = graph.end_nodes
    at = parts.end[last_part_before(cuts)]
    longer = _with_reach(with_nodes(graph, at), bridges.end[~splits], target[~splits])
    return replace_edges(
        longer,
        np.r_[part_u, node[proposals.end[accepted]]],
        np.r_[part_v, target],
        concatenate([parts, bridges], graph.chains.width),
    )


def _with_reach(graph: RoadGraph, pixel: NDArray[np.int64], node: NDArray[np.int64]) -> RoadGraph:
    """Return the graph with nodes that reach the given pixels: bridges may end beside a node.

    The edge that pixel belongs to is drawn straight up to it as well, not under the bridge.
    """
    reach = graph.node_reach.copy()
    rows = pixel // graph.chains.width - graph.node_row[node]
    cols = pixel % graph.chains.width - graph.node_col[node]
    np.maximum.at(reach, node, np.hypot(rows, cols))
    return replace(graph, node_reach=reach)


def _marked(ways: Chains, is_leap: NDArray[np.bool_], threshold: int) -> Chains:
    """Mark the pixels of gaps; where a way runs over road it is as wide as at its dead end."""
    n_pixels = ways.n_steps + 1
    width = np.repeat(ways.half_width[ways.value_offsets[:-1]], n_pixels)
    mark = np.repeat(np.where(is_leap, np.uint8(LEAP), np.uint8(BRIDGED)), n_pixels)
    half_width = np.where(ways.probability < threshold, mark, width)
    return Chains(
        ways.width, ways.start, ways.end, ways.offsets, ways.codes, ways.probability, half_width
    )
