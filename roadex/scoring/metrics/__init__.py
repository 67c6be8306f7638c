"""Scores of a prediction against the truth: one file per metric, found by name.

A pixel metric looks at one :class:`~roadex.scoring.metrics.windows.PixelWindow` at a time, so that
rasters
of any size are scored in constant memory. Its module offers

- ``NEEDS_PROBABILITY``: whether a mask alone is not enough;
- ``halo(config) -> int``: pixels of context it needs around the core of a window;
- ``count(window, config) -> counts``: counts that add up with ``+`` over windows and images, and
  whose ``scores()`` gives the scores by name.

A line metric compares two :class:`~roadex.scoring.metrics.lines.LineNetwork` in planar metres. Its
module
offers ``measure(prediction, truth, config) -> dict[str, float]``.

Every score is finite for every input, the empty one included: nothing found where nothing is to be
found scores 1, anything else that would be 0/0 scores 0 (each module says where it applies).
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from roadex.extensions import Family, find_extension, names_with_extensions

PIXEL_METRICS = {
    "iou": "roadex.scoring.metrics.iou",
    "precision_recall": "roadex.scoring.metrics.precision_recall",
    "relaxed": "roadex.scoring.metrics.relaxed",
    "relaxed_curve": "roadex.scoring.metrics.relaxed_curve",
    "cldice": "roadex.scoring.metrics.cldice",
    "betti": "roadex.scoring.metrics.betti",
    "thresholds": "roadex.scoring.metrics.thresholds",
    "calibration": "roadex.scoring.metrics.calibration",
}
"""Name to module, for metrics on masks and probability."""

LINE_METRICS = {
    "completeness": "roadex.scoring.metrics.completeness",
    "apls": "roadex.scoring.metrics.apls",
    "path_lengths": "roadex.scoring.metrics.path_lengths",
    "topo": "roadex.scoring.metrics.topo",
    "junctions": "roadex.scoring.metrics.junctions",
    "zigzag": "roadex.scoring.metrics.zigzag",
    "cycles": "roadex.scoring.metrics.cycles",
}
"""Name to module, for metrics on line networks."""


def load_metric(name: str) -> ModuleType:
    """Return the module of a metric, of roadex or of an installed extension.

    Raises
    ------
    ValueError
        If there is no such metric.
    ExtensionError
        If it is one of an extension that cannot be used.
    """
    own = PIXEL_METRICS | LINE_METRICS
    if name in own:
        return import_module(own[name])
    extension = find_extension(Family.METRICS, name)
    if extension is None:
        known = names_with_extensions(Family.METRICS, own)
        msg = f"unknown metric {name!r}; available: {', '.join(known)}"
        raise ValueError(msg)
    module: ModuleType = extension.load()
    return module
