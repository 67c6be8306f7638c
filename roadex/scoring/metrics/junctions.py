"""Junctions found: precision, recall, F1, and whether they have the right number of roads.

A junction is a node where three or more road ends meet. Predicted and true junctions are matched
one to one within ``junction_radius_m``: as many pairs as possible, and of those the closest.

- ``junction_precision`` = matched / predicted, ``junction_recall`` = matched / true;
- ``junction_f1`` = their harmonic mean;
- ``junction_degree_agreement`` = share of the matched ones with the same number of road ends;
- ``junction_offset_m`` = mean distance of the matched ones.

No junctions on either side: all shares 1 and the offset 0; on one side only: 0. This is simpler
than the junction score of RoadTracer, which counts the roads captured at each junction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from roadex.config import ScoreConfig
from roadex.scoring.metrics.confusion import harmonic_mean, ratio
from roadex.scoring.metrics.lines import LineNetwork

MIN_DEGREE = 3


def measure(
    prediction: LineNetwork, truth: LineNetwork, config: ScoreConfig
) -> dict[str, float]:  # fmt: skip
    """Return the scores of the module's description, by name."""
    predicted, true = (_junctions(network) for network in (prediction, truth))
    pairs, distance = match_points(
        prediction.xy[predicted], truth.xy[true], config.junction_radius_m
    )
    n_pairs = len(pairs)
    same = prediction.degrees[predicted[pairs[:, 0]]] == truth.degrees[true[pairs[:, 1]]]
    precision = ratio(n_pairs, len(predicted), nothing_wrong=not len(true))
    recall = ratio(n_pairs, len(true), nothing_wrong=not len(predicted))
    nothing = not len(predicted) and not len(true)
    return {
        "junction_precision": precision,
        "junction_recall": recall,
        "junction_f1": harmonic_mean(precision, recall),
        "junction_degree_agreement": ratio(int(same.sum()), n_pairs, nothing_wrong=nothing),
        "junction_offset_m": float(distance.mean()) if n_pairs else 0.0,
        "predicted_junctions": float(len(predicted)),
        "true_junctions": float(len(true)),
    }


def match_points(
    a: NDArray[np.float64], b: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Match points one to one: as many pairs as possible, then the least total distance.

    Parameters
    ----------
    a, b
        Points, shapes ``(A, 2)`` and ``(B, 2)``.
    radius
        Farthest a pair may lie apart.

    Returns
    -------
    pairs, distance
        Indices into ``a`` and ``b``, shape ``(M, 2)``, and the distance of each pair.
    """
    if not len(a) or not len(b):
        return np.empty((0, 2), dtype=np.int64), np.empty(0)
    near = KDTree(a).sparse_distance_matrix(
        KDTree(b), radius * (1 + 1e-12), output_type="ndarray"
    )  # fmt: skip
    n = len(a) + len(b)
    links = coo_array((np.ones(len(near)), (near["i"], len(a) + near["j"])), shape=(n, n))
    # Groups of points that can be matched at all are small, so each gets a dense table.
    group = connected_components(links, directed=False)[1][near["i"]]
    order = np.argsort(group, kind="stable")
    pairs = [
        _match_group(near[part])
        for part in np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
        if len(part)
    ]
    matched = np.concatenate(pairs) if pairs else near
    return np.column_stack([matched["i"], matched["j"]]).astype(np.int64), matched["v"]


def _match_group(near: NDArray[np.void]) -> NDArray[np.void]:
    """Return the pairs of the best assignment among candidate pairs that hang together."""
    rows, row = np.unique(near["i"], return_inverse=True)
    columns, column = np.unique(near["j"], return_inverse=True)
    # A pair less costs more than any distance, so the number of pairs comes first.
    missing = (near["v"].max() + 1) * (min(len(rows), len(columns)) + 1)
    cost = np.full((len(rows), len(columns)), missing)
    cost[row, column] = near["v"]
    pair = np.full(cost.shape, -1)
    pair[row, column] = np.arange(len(near))
    chosen = pair[linear_sum_assignment(cost)]
    matched: NDArray[np.void] = near[chosen[chosen >= 0]]
    return matched


def _junctions(network: LineNetwork) -> NDArray[np.int64]:
    return np.flatnonzero(network.degrees >= MIN_DEGREE)
