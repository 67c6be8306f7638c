"""How sure it is that an edge is a road: the share of such lines that were, where it is known.

A logistic model of three things known of every edge. ``benchmarks/confidence.py`` fitted it on the
networks of roadex-light in places the model never saw and measures it there, set by set. Further
things tried (probability 4 and 16 m beside the road, width, sinuosity, size of the component,
share of wide regions, bridged share, lowest probability) ranked places left out no better.
"""

from __future__ import annotations

from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

FEATURES: Final = ("log_odds", "dead_ends", "log_length")
"""Logarithm of the odds of ``prob_mean``, number of ends that are dead (0 to 2), natural logarithm
of the length in metres."""

CONSTANT: Final = -0.5106
WEIGHTS: Final = (0.8019, -0.6708, 0.0175)
"""Of :data:`FEATURES`."""

_CERTAIN: Final = 0.99
"""Probabilities beyond this, and below 1 minus this, say no more."""

_LENGTHS_M: Final = (3.0, 2000.0)
"""Lengths beyond these say no more."""


def confidence_features(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return :data:`FEATURES` of every edge, shape ``(n, 3)``; NaN where ``prob_mean`` is missing.

    Parameters
    ----------
    edges, nodes
        Tables of a :class:`roadex.RoadNetwork`.
    """
    probability = np.clip(edges["prob_mean"].to_numpy(np.float64), 1 - _CERTAIN, _CERTAIN)
    dead = set(nodes["node_id"][nodes["kind"] == "end"])
    ends = edges["u"].isin(dead).astype(np.float64) + edges["v"].isin(dead)
    length_m = np.clip(edges["length_m"].to_numpy(np.float64), *_LENGTHS_M)
    return np.stack(
        [np.log(probability / (1 - probability)), ends.to_numpy(), np.log(length_m)], axis=1
    )


def edge_confidence(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return the probability that each edge is a road, in [0, 1]; NaN where nothing is known."""
    score = CONSTANT + confidence_features(edges, nodes) @ np.array(WEIGHTS)
    confidence: NDArray[np.float64] = 1 / (1 + np.exp(-score))
    return confidence


def how_sure(edges: pd.DataFrame) -> pd.Series:
    """Return what a network says of how sure its edges are.

    Its ``confidence``, or ``prob_mean`` where it is of an older roadex, else 1.
    """
    for name in ("confidence", "prob_mean"):
        if name in edges:
            return edges[name]
    return pd.Series(1.0, index=edges.index)
