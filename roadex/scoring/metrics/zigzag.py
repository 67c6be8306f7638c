"""How much lines turn to and fro, beside how much the true roads do.

Along each edge the heading is taken every ``zigzag_step_m``; the turns between these places,
without sign, add up:

- ``turn_deg_per_100m`` = degrees of turn of the prediction per 100 m;
- ``true_turn_deg_per_100m`` = the same of the truth.

Straight roads drawn well have a few degrees; a line that swings by a metre every ten has some
hundred. A side without lines turns by 0.
"""

from __future__ import annotations

import numpy as np

from roadex.config import ScoreConfig
from roadex.scoring.metrics.completeness import pieces
from roadex.scoring.metrics.confusion import ratio
from roadex.scoring.metrics.lines import LineNetwork


def measure(
    prediction: LineNetwork, truth: LineNetwork, config: ScoreConfig
) -> dict[str, float]:  # fmt: skip
    """Return the scores of the module's description, by name."""
    return {
        "turn_deg_per_100m": turn_deg_per_100m(prediction, config.zigzag_step_m),
        "true_turn_deg_per_100m": turn_deg_per_100m(truth, config.zigzag_step_m),
    }


def turn_deg_per_100m(network: LineNetwork, step_m: float) -> float:
    """Return by how many degrees the lines of a network turn per 100 m."""
    edge, _, heading, length = pieces(network, step_m)
    cosine = (heading[1:] * heading[:-1]).sum(axis=1).clip(-1, 1)
    turns = np.degrees(np.arccos(cosine))[edge[1:] == edge[:-1]]
    return ratio(100 * float(turns.sum()), float(length.sum()), nothing_wrong=False)
