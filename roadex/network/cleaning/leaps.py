"""Bridges over nothing as edges of their own, so that a filter can take them out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.network.chains import LEAP, Chains
from roadex.network.graph import RoadGraph, split_edges


def cut_out_leaps(graph: RoadGraph) -> RoadGraph:
    """Cut edges where a bridge begins and ends that no probability speaks for.

    The nodes are the last pixels of road on both sides; two edges meet at them.
    """
    return split_edges(graph, _bounds(graph.chains))


def _bounds(chains: Chains) -> NDArray[np.int64]:
    """Return edge and position of the pixels before and after each leap, inside their edge."""
    is_leap = chains.half_width == LEAP
    at = np.flatnonzero(is_leap)
    if len(at) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    edge = np.searchsorted(chains.value_offsets, at, side="right") - 1
    position = at - chains.value_offsets[edge]
    first = np.r_[True, (np.diff(at) > 1) | (np.diff(edge) > 0)]
    last = np.r_[first[1:], True]
    bounds = np.concatenate(
        [
            np.stack([edge[first], position[first] - 1], axis=1),
            np.stack([edge[last], position[last] + 1], axis=1),
        ]
    )
    inside = (bounds[:, 1] > 0) & (bounds[:, 1] < chains.n_steps[bounds[:, 0]])
    return np.unique(bounds[inside], axis=0)
