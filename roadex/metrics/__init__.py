"""Scores of a prediction against the truth: one file per metric, found by name.

A pixel metric looks at one :class:`~roadex.metrics.windows.PixelWindow` at a time, so that rasters
of any size are scored in constant memory. Its module offers

- ``NEEDS_PROBABILITY``: whether a mask alone is not enough;
- ``halo(config) -> int``: pixels of context it needs around the core of a window;
- ``count(window, config) -> counts``: counts that add up with ``+`` over windows and images, and
  whose ``scores()`` gives the scores by name.

A line metric compares two :class:`~roadex.metrics.lines.LineNetwork` in planar metres. Its module
offers ``measure(prediction, truth, config) -> dict[str, float]``.

Every score is finite for every input, the empty one included: nothing found where nothing is to be
found scores 1, anything else that would be 0/0 scores 0 (each module says where it applies).
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

PIXEL_METRICS = {
    "iou": "roadex.metrics.iou",
    "precision_recall": "roadex.metrics.precision_recall",
    "relaxed": "roadex.metrics.relaxed",
    "relaxed_curve": "roadex.metrics.relaxed_curve",
    "cldice": "roadex.metrics.cldice",
    "betti": "roadex.metrics.betti",
    "thresholds": "roadex.metrics.thresholds",
    "calibration": "roadex.metrics.calibration",
}
"""Name to module, for metrics on masks and probability."""

LINE_METRICS = {
    "completeness": "roadex.metrics.completeness",
    "apls": "roadex.metrics.apls",
    "path_lengths": "roadex.metrics.path_lengths",
    "topo": "roadex.metrics.topo",
    "junctions": "roadex.metrics.junctions",
    "cycles": "roadex.metrics.cycles",
}
"""Name to module, for metrics on line networks."""


def load_metric(name: str) -> ModuleType:
    """Return the module of a metric.

    Raises
    ------
    ValueError
        If there is no such metric.
    """
    known = PIXEL_METRICS | LINE_METRICS
    if name not in known:
        msg = f"unknown metric {name!r}; known: {', '.join(known)}"
        raise ValueError(msg)
    return import_module(known[name])
