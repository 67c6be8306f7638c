"""The road graph of a scene: nodes and edges as arrays; edges are cut, joined and dropped here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from roadex.network.chains import Chains, pieces, runs_backwards, whole
from roadex.network.linking import link, pair_up


@dataclass(frozen=True, slots=True)
class RoadGraph:
    """Nodes and edges of a road network on a pixel grid.

    An edge is a chain of pixels. It may end a little beside its nodes, where a node stands for a
    cluster of pixels; the line drawn later starts and ends at the node itself.
    """

    height: int
    """Rows of the grid. Its columns are ``chains.width``."""

    node_row: NDArray[np.float64]
    """Shape ``(n_nodes,)``: row of each node in pixels; 0.0 is the centre of the first row."""

    node_col: NDArray[np.float64]
    """Shape ``(n_nodes,)``: column of each node."""

    node_reach: NDArray[np.float64]
    """Shape ``(n_nodes,)``: lines are drawn straight to the node from this many pixels on."""

    u: NDArray[np.int64]
    """Shape ``(n_edges,)``: the node each edge starts at."""

    v: NDArray[np.int64]
    """Shape ``(n_edges,)``: the node each edge ends at."""

    chains: Chains
    """The line of each edge."""

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_row)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.u)

    @property
    def degree(self) -> NDArray[np.int64]:
        """Shape ``(n_nodes,)``: edge ends at each node; a loop counts twice."""
        return np.bincount(self.end_nodes, minlength=self.n_nodes)

    @property
    def end_nodes(self) -> NDArray[np.int64]:
        """Shape ``(2 * n_edges,)``: node of each end, numbered as the ends of ``chains``."""
        return np.stack([self.u, self.v], axis=1).reshape(-1)


def build_graph(lines: Chains, height: int) -> RoadGraph:
    """Return the graph of merged lines; neighbouring junction pixels become one node.

    Lines of one step between two junction pixels are left out: their ends are the same node, at
    the pixel of the cluster that is nearest to its centre.
    """
    ends = np.concatenate([lines.start, lines.end])
    pixels, index, degree = np.unique(ends, return_inverse=True, return_counts=True)
    u, v = index[: len(lines)], index[len(lines) :]
    inner = (lines.n_steps == 1) & (degree[u] >= 3) & (degree[v] >= 3)
    label = group(len(pixels), u[inner], v[inner])
    row, col, reach = _medoids(pixels // lines.width, pixels % lines.width, label)
    graph = RoadGraph(
        height=height,
        node_row=row,
        node_col=col,
        node_reach=reach,
        u=label[u],
        v=label[v],
        chains=lines,
    )
    return select_edges(graph, ~inner)


def select_edges(graph: RoadGraph, keep: NDArray[np.bool_]) -> RoadGraph:
    """Return the graph with the chosen edges only, without the nodes nothing ends at any more."""
    index = np.flatnonzero(keep)
    chains = graph.chains if keep.all() else whole(graph.chains, index)
    return replace_edges(graph, graph.u[index], graph.v[index], chains)


def replace_edges(
    graph: RoadGraph, u: NDArray[np.int64], v: NDArray[np.int64], chains: Chains
) -> RoadGraph:
    """Return the graph with other edges between its nodes, without nodes nothing ends at."""
    used = np.zeros(graph.n_nodes, dtype=np.bool_)
    used[u] = True
    used[v] = True
    number = np.cumsum(used) - 1
    return RoadGraph(
        height=graph.height,
        node_row=graph.node_row[used],
        node_col=graph.node_col[used],
        node_reach=graph.node_reach[used],
        u=number[u],
        v=number[v],
        chains=chains,
    )


def split_edges(graph: RoadGraph, cuts: NDArray[np.int64]) -> RoadGraph:
    """Return the graph with a node at each cut, ``(edge, position)``, sorted and inside edges."""
    if len(cuts) == 0:
        return graph
    parts, u, v = cut_chains(graph, cuts)
    longer = with_nodes(graph, parts.end[last_part_before(cuts)])
    return replace(longer, u=u, v=v, chains=parts)


def with_nodes(graph: RoadGraph, pixels: NDArray[np.int64]) -> RoadGraph:
    """Return the graph with a further node at each pixel id, at which nothing ends yet."""
    row, col = np.divmod(pixels, graph.chains.width)
    return replace(
        graph,
        node_row=np.r_[graph.node_row, row.astype(np.float64)],
        node_col=np.r_[graph.node_col, col.astype(np.float64)],
        node_reach=np.r_[graph.node_reach, np.zeros(len(pixels))],
    )


def last_part_before(cuts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index of the part that ends at each cut; cuts are sorted by edge."""
    return cuts[:, 0] + np.arange(len(cuts))


def cut_chains(
    graph: RoadGraph, cuts: NDArray[np.int64]
) -> tuple[Chains, NDArray[np.int64], NDArray[np.int64]]:
    """Cut edges at ``(edge, position)``, sorted; return the parts and their nodes.

    Cut ``k`` becomes node ``n_nodes + k``.
    """
    n_cuts = np.bincount(cuts[:, 0], minlength=graph.n_edges)
    index = np.repeat(np.arange(graph.n_edges), n_cuts + 1)
    stop = np.ones(len(index), dtype=np.bool_)
    stop[last_part_before(cuts)] = False
    first, last = np.zeros(len(index), dtype=np.int64), graph.chains.n_steps[index]
    u, v = graph.u[index], graph.v[index]
    before = np.flatnonzero(~stop)
    last[before] = first[before + 1] = cuts[:, 1]
    v[before] = u[before + 1] = graph.n_nodes + np.arange(len(cuts))
    return pieces(graph.chains, index, first, last), u, v


def merge_nodes(
    graph: RoadGraph,
    label: NDArray[np.int64],
    row: NDArray[np.float64],
    col: NDArray[np.float64],
    reach: NDArray[np.float64],
    keep: NDArray[np.bool_],
) -> RoadGraph:
    """Make one node of all nodes with the same label, and keep the chosen edges.

    ``row``, ``col`` and ``reach`` are those of the new nodes, ``label`` their number for each
    old one.
    """
    merged = replace(
        graph, node_row=row, node_col=col, node_reach=reach, u=label[graph.u], v=label[graph.v]
    )
    return select_edges(merged, keep)


def dissolve(graph: RoadGraph) -> RoadGraph:
    """Join the edges that meet two by two; nodes that are neither end nor junction disappear."""
    end_node = graph.end_nodes
    partner = pair_up(end_node)
    if (partner < 0).all():
        return graph
    chains, ends = link(graph.chains, partner)
    return replace_edges(graph, end_node[ends[:, 0]], end_node[ends[:, 1]], chains)


def group(n: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the group of each of ``n`` things, where ``a[i]`` and ``b[i]`` belong together.

    Groups are numbered by their first member.
    """
    first = np.arange(n)  # member of the group so far
    while len(a):
        a, b = first[a], first[b]
        apart = a != b
        low, high = np.minimum(a, b)[apart], np.maximum(a, b)[apart]
        np.minimum.at(first, high, low)  # at least half of the groups that still join do
        while (first[first] != first).any():
            first = first[first]
        a, b = low, high
    is_first = first == np.arange(n)
    return (np.cumsum(is_first) - 1)[first]


def in_fixed_order(graph: RoadGraph) -> RoadGraph:
    """Return the graph with nodes sorted by row and column, edges by their nodes and lines."""
    order = np.lexsort((graph.node_col, graph.node_row))
    number = np.empty(graph.n_nodes, dtype=np.int64)
    number[order] = np.arange(graph.n_nodes)
    u, v = number[graph.u], number[graph.v]
    backwards = (u > v) | ((u == v) & runs_backwards(graph.chains))
    chains = whole(graph.chains, np.arange(graph.n_edges), backwards)
    u, v = np.where(backwards, v, u), np.where(backwards, u, v)
    first = chains.codes[np.minimum(chains.offsets[:-1], max(len(chains.codes) - 1, 0))]
    edges = np.lexsort((chains.n_steps, first, chains.start, v, u))
    return RoadGraph(
        height=graph.height,
        node_row=graph.node_row[order],
        node_col=graph.node_col[order],
        node_reach=graph.node_reach[order],
        u=u[edges],
        v=v[edges],
        chains=whole(chains, edges),
    )


def _medoids(
    rows: NDArray[np.int64], cols: NDArray[np.int64], label: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each group of pixels, the one nearest to its mean, and how far it reaches."""
    size = np.bincount(label)
    mean_row = np.bincount(label, rows) / size
    mean_col = np.bincount(label, cols) / size
    # Distances are rounded so that a tie is a tie on every machine; the smaller id wins it.
    distance = np.rint(1e6 * np.hypot(rows - mean_row[label], cols - mean_col[label]))
    order = np.lexsort((cols, rows, distance, label))
    best = order[np.searchsorted(label[order], np.arange(len(size)))]
    reach = np.zeros(len(size))
    np.maximum.at(reach, label, np.hypot(rows - rows[best][label], cols - cols[best][label]))
    return rows[best].astype(np.float64), cols[best].astype(np.float64), reach
