"""Where the model fails: the worst image of each validation set, without its imagery.

Needs the labelled imagery that ROADEX_TEST_DATA names; takes minutes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sketch import save_small

from roadex.inference.folding import ready_for_inference
from roadex.models.modelfile import load_model
from roadex.outputs.drawing import (
    BACKGROUND,
    FALSE,
    FOUND,
    MISSED,
    NO_DATA,
    PAPER,
    Pixels,
    compose,
    fit,
)

sys.path.insert(0, str(Path(__file__).parents[2] / "workflows" / "gpu-training"))

from kit.measure import predict
from kit.places import IGNORED, ROAD, at_gsd
from kit.sources import VALIDATION, Source, read_source

NAMES = ("failures.png",)

GSD_M, THRESHOLD = 0.7, 0.35
"""As the model is used."""

_PANEL_PX = 290


def make(folder: Path) -> None:
    """Draw a sheet with a panel for each set."""
    network = ready_for_inference(load_model("roadex-light").network)
    worst = {source: _worst(source, network) for source in VALIDATION}
    legend = {"found": FOUND, "false": FALSE, "missed": MISSED, "not labelled": NO_DATA}
    captions = [
        f"{source.set_name.removeprefix('val/')}: IoU {iou:.2f}"
        for source, (iou, _) in worst.items()
    ]
    sheet = compose(
        [fit(panel, _PANEL_PX) for _, panel in worst.values()], n_columns=4, captions=captions,
        legend=legend, paper=PAPER,
    )  # fmt: skip
    save_small(sheet, folder / NAMES[0])


def _worst(source: Source, network: torch.nn.Module) -> tuple[float, Pixels]:
    """Return the lowest IoU of an image of a set, and that image as right and wrong roads."""
    root = Path(os.environ["ROADEX_TEST_DATA"])
    scores = []
    for labelled in read_source(root, source):
        place = at_gsd(labelled, GSD_M)
        road = predict(network, place.image, torch.device("cpu")) >= THRESHOLD
        if (place.label == ROAD).any():
            scores.append(
                (_iou(road, place.label), place.name, _right_and_wrong(road, place.label))
            )
    iou, _, panel = min(scores, key=lambda score: score[:2])
    return iou, panel


def _iou(road: NDArray[np.bool_], label: NDArray[np.uint8]) -> float:
    counted = label != IGNORED
    both, either = road & (label == ROAD), (road & counted) | (label == ROAD)
    return float(both.sum() / either.sum())


def _right_and_wrong(road: NDArray[np.bool_], label: NDArray[np.uint8]) -> Pixels:
    picture = np.full((*label.shape, 3), BACKGROUND, dtype=np.uint8)
    picture[road] = FALSE
    picture[label == ROAD] = MISSED
    picture[road & (label == ROAD)] = FOUND
    picture[label == IGNORED] = NO_DATA
    return picture
