"""A picture of how far a network has come: image, truth and probability side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rasterio.windows import Window

from roadex.inference.engine import Predictor
from roadex.models.base import SegmentationNetwork
from roadex.models.scaling import Scaling
from roadex.outputs.drawing import NO_DATA, Pixels, compose, displayable, fit, grey, save_png
from roadex.training.datasets.labelled import Labelled
from roadex.training.evaluation import predict_labelled

PANEL_PX = 320

N_ROWS = 6
"""Windows shown at most, from scenes spread evenly over all."""


def write_validation_sheet(
    network: SegmentationNetwork,
    scenes: Sequence[Labelled],
    path: Path,
    *,
    scaling: Scaling,
    gsd_m: float,
    title: str,
) -> None:
    """Predict the middle of a few scenes and draw them, one row each."""
    predictor = Predictor.of(network.eval(), scaling)
    chosen = [scenes[i] for i in _spread(len(scenes), N_ROWS)]
    panels = [panel for scene in chosen for panel in _panels(predictor, scene, gsd_m)]
    title = f"{title}: image, truth, probability"
    save_png(compose(panels, n_columns=3, title=title, legend={"no label": NO_DATA}), path)


def _spread(n: int, n_wanted: int) -> list[int]:
    return [round(i) for i in np.linspace(0, n - 1, min(n, n_wanted))]


def _panels(predictor: Predictor, scene: Labelled, gsd_m: float) -> list[Pixels]:
    """Return three pictures of the same place."""
    factor = scene.gsd_m / gsd_m
    height, width = scene.shape()
    rows, cols = (min(n, max(1, round(PANEL_PX / factor))) for n in (height, width))
    window = Window((width - cols) // 2, (height - rows) // 2, cols, rows)
    chip = scene.read(window)
    found = predict_labelled(predictor, scene, gsd_m=gsd_m, window=window)
    pictures = (displayable(chip.image), grey(255 * chip.road, chip.valid), grey(255 * found))
    return [fit(picture, PANEL_PX) for picture in pictures]
