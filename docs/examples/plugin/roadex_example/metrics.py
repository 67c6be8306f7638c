"""How far the total lengths of two networks agree, wherever their roads are."""

from __future__ import annotations

from roadex.config import ScoreConfig
from roadex.scoring.metrics.lines import LineNetwork


def measure(
    prediction: LineNetwork,
    truth: LineNetwork,
    config: ScoreConfig,  # noqa: ARG001 - no settings
) -> dict[str, float]:
    """Return the shorter over the longer total length; 1 where both are empty."""
    lengths = [float(network.lengths_m.sum()) for network in (prediction, truth)]
    return {"length_ratio": min(lengths) / max(lengths) if max(lengths) > 0 else 1.0}
