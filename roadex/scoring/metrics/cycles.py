"""Components and independent loops of the two networks (Betti numbers of the whole graph).

b0 = number of connected components C, b1 = E - V + C with E edges and V nodes. Errors are absolute
differences, 0 is best; they do not tell whether the loops are the same ones. For masks see
:mod:`~roadex.scoring.metrics.betti`.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from roadex.config import ScoreConfig
from roadex.scoring.metrics.lines import LineNetwork


def measure(
    prediction: LineNetwork, truth: LineNetwork, _config: ScoreConfig
) -> dict[str, float]:  # fmt: skip
    """Return components and loops of both sides, and the two errors."""
    components, loops = betti_numbers(prediction)
    true_components, true_loops = betti_numbers(truth)
    return {
        "components_error": float(abs(components - true_components)),
        "loops_error": float(abs(loops - true_loops)),
        "predicted_components": float(components),
        "true_components": float(true_components),
        "predicted_loops": float(loops),
        "true_loops": float(true_loops),
    }


def betti_numbers(network: LineNetwork) -> tuple[int, int]:
    """Return the number of connected components and of independent loops."""
    n_nodes, n_edges = len(network.xy), len(network.u)
    if n_edges == 0:
        return 0, 0
    links = coo_array((np.ones(n_edges), (network.u, network.v)), shape=(n_nodes, n_nodes))
    n_components = int(connected_components(links, directed=False)[0])
    return n_components, n_edges - n_nodes + n_components
