"""Too long, too short, missing or right: what happens to the shortest paths of the truth.

For pairs of control points of the truth with a path of length L between them, and L' between their
images on the prediction (control points and images as in :mod:`~roadex.scoring.metrics.apls`):

- ``paths_missing``: an image or the path between the images is missing (broken roads);
- ``paths_too_long``: L' > 1.05 L (a link is missing, there is a detour);
- ``paths_too_short``: L' < 0.95 L (a link too many, a short cut);
- ``paths_right``: within 5 %.

The four shares add up to 1. A truth without paths: all right if the prediction has no road either,
else all too short.

References
----------
.. [1] J. D. Wegner, J. A. Montoya-Zegarra, K. Schindler, "A higher-order CRF model for road network
   extraction", CVPR 2013 (too long / too short / no connection).
"""

from __future__ import annotations

import numpy as np

from roadex.config import ScoreConfig
from roadex.scoring.metrics.lines import LineNetwork
from roadex.scoring.metrics.paths import compare_paths, place_control_points

TOLERANCE = 0.05
"""Relative difference up to which a path is right (5 %, as in [1] and ``sp_metric.py``)."""


def measure(
    prediction: LineNetwork, truth: LineNetwork, config: ScoreConfig
) -> dict[str, float]:  # fmt: skip
    """Return the four shares by name, each in [0, 1]."""
    points = place_control_points(truth, prediction, config)
    missing = long = short = total = 0
    for own, theirs in compare_paths(truth, prediction, points, config):
        is_missing = ~np.isfinite(theirs)
        missing += int(is_missing.sum())
        long += int((theirs > (1 + TOLERANCE) * own).sum() - is_missing.sum())
        short += int((theirs < (1 - TOLERANCE) * own).sum())
        total += len(own)
    if not total:
        short, total = int(len(prediction.u) > 0), 1
    return {
        "paths_right": (total - missing - long - short) / total,
        "paths_missing": missing / total,
        "paths_too_long": long / total,
        "paths_too_short": short / total,
    }
