"""APLS: how well lengths of shortest paths are kept (SpaceNet's road metric, CosmiQ definition).

For the control points a, b of one network, with a path of length L(a, b) between them, and their
images a', b' on the other network:

    C = 1 - mean over (a, b) of min(1, |L(a, b) - L(a', b')| / L(a, b))

A pair whose image is missing (nothing within ``apls_snap_m``) or without a path counts 1 in the
mean. Pairs without a path in the first network, as between its components, are not counted.
``apls`` is the harmonic mean of C from the truth (``apls_gt``) and from the prediction
(``apls_prop``), 0 if one of them is 0.

Control points are all nodes and points every ``apls_spacing_m`` (50 m) along edges; images are
the nearest places within ``apls_snap_m`` (4 m); lengths are planar metres.

What differs from CosmiQ's ``apls.py`` (values agree to 1e-6 on its sample data, tests):

- every control point keeps an image of its own; there, one that snaps to the same node takes the
  label of the one before;
- parallel edges count by the shortest, both directions insert into networks treated alike, and
  short paths are left out whether or not the image of their start exists;
- above ``apls_sources`` control points, paths start from a random sample of them, drawn by
  ``seed``; ``apls_standard_error`` tells what that costs (0 without sampling). There, networks of
  500 nodes and more lose their points along edges and are sampled without a seed.

This is not the APLS of the Go program of Sat2Graph and SAM-Road, which gives 0.797 where this one
gives 0.756. Neither side has a path: 1; only one side has: 0.

References
----------
.. [1] A. Van Etten, D. Lindenbaum, T. Bacastow, "SpaceNet: a remote sensing dataset and challenge
   series", arXiv:1807.01232, 2018.
.. [2] github.com/CosmiQ/apls, apls/apls.py.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadex.config import ScoreConfig
from roadex.scoring.metrics.confusion import harmonic_mean
from roadex.scoring.metrics.lines import LineNetwork
from roadex.scoring.metrics.paths import compare_paths, place_control_points


class _Direction(NamedTuple):
    """Path similarity from one network to the other."""

    similarity: float
    standard_error: float
    n_points: int
    n_sources: int
    has_paths: bool


def measure(
    prediction: LineNetwork, truth: LineNetwork, config: ScoreConfig
) -> dict[str, float]:  # fmt: skip
    """Return ``apls``, its two directions, standard error and numbers of control points."""
    from_truth = _compare(truth, prediction, config)
    from_prediction = _compare(prediction, truth, config)
    a, b = from_truth.similarity, from_prediction.similarity
    if not from_truth.has_paths and not from_prediction.has_paths:
        a = b = 1.0
    return {
        "apls": harmonic_mean(a, b) if a > 0 and b > 0 else 0.0,
        "apls_gt": a,
        "apls_prop": b,
        "apls_standard_error": _error_of_harmonic_mean(from_truth, from_prediction),
        "apls_control_points_gt": float(from_truth.n_points),
        "apls_control_points_prop": float(from_prediction.n_points),
        "apls_sources_gt": float(from_truth.n_sources),
        "apls_sources_prop": float(from_prediction.n_sources),
    }


def _compare(network: LineNetwork, other: LineNetwork, config: ScoreConfig) -> _Direction:
    points = place_control_points(network, other, config)
    differences, n_paths = [], []
    for own, theirs in compare_paths(network, other, points, config):
        differences.append(np.minimum(np.abs(own - theirs) / own, 1.0).sum())
        n_paths.append(len(own))
    sums, counts = np.array(differences, dtype=np.float64), np.array(n_paths, dtype=np.float64)
    total = counts.sum()
    similarity = 1 - sums.sum() / total if total else 0.0
    return _Direction(
        similarity=float(similarity),
        standard_error=_error_of_ratio(sums, counts, points.n_points),
        n_points=points.n_points,
        n_sources=len(points.sources),
        has_paths=bool(total),
    )


def _error_of_ratio(
    sums: NDArray[np.float64], counts: NDArray[np.float64], n_points: int
) -> float:  # fmt: skip
    """Return the standard error of sum(sums) / sum(counts) over a sample of sources.

    Ratio estimator with finite population correction (W. G. Cochran, Sampling Techniques, 1977,
    eq. 6.12).
    """
    n = len(sums)
    if n < 2 or n == n_points or not counts.any():
        return 0.0
    residual = sums - sums.sum() / counts.sum() * counts
    variance = (1 - n / n_points) / n * (residual**2).sum() / (n - 1)
    return float(np.sqrt(variance) / counts.mean())


def _error_of_harmonic_mean(first: _Direction, second: _Direction) -> float:
    a, b = first.similarity, second.similarity
    if a + b == 0:
        return 0.0
    by_a, by_b = 2 * b * b / (a + b) ** 2, 2 * a * a / (a + b) ** 2
    return float(np.hypot(by_a * first.standard_error, by_b * second.standard_error))
