"""A picture of how far a network has come: image, truth and probability side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rasterio.windows import Window

from roadex.inference.engine import Predictor
from roadex.models.base import SegmentationNetwork
from roadex.models.scaling import Scaling
from roadex.training.datasets.labelled import Chip, Labelled
from roadex.training.evaluation import predict_labelled

PANEL_PX, GAP_PX, HEADER_PX = 320, 8, 24
PAPER, INK, NO_LABEL = (250, 250, 250), (20, 20, 20), (90, 90, 110)

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
    """Predict the middle of a few scenes and draw them, one row each.

    Grey in the truth is where there is no label.
    """
    predictor = Predictor(network.eval(), scaling)
    chosen = [scenes[i] for i in _spread(len(scenes), N_ROWS)]
    side = PANEL_PX + GAP_PX
    sheet = Image.new("RGB", (3 * side + GAP_PX, HEADER_PX + len(chosen) * side), PAPER)
    draw = ImageDraw.Draw(sheet)
    text = f"{title}: image, truth, probability"
    draw.text((GAP_PX, 4), text, fill=INK, font=ImageFont.load_default(size=13))
    for row, scene in enumerate(chosen):
        for column, panel in enumerate(_panels(predictor, scene, gsd_m)):
            sheet.paste(panel, (GAP_PX + column * side, HEADER_PX + row * side))
    sheet.save(path)


def _spread(n: int, n_wanted: int) -> list[int]:
    return [round(i) for i in np.linspace(0, n - 1, min(n, n_wanted))]


def _panels(predictor: Predictor, scene: Labelled, gsd_m: float) -> list[Image.Image]:
    """Return three pictures of the same place."""
    factor = scene.gsd_m / gsd_m
    height, width = scene.shape()
    rows, cols = (min(n, max(1, round(PANEL_PX / factor))) for n in (height, width))
    window = Window((width - cols) // 2, (height - rows) // 2, cols, rows)
    chip = scene.read(window)
    truth = np.where(chip.road, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=2)
    truth[~chip.valid] = NO_LABEL
    found = predict_labelled(predictor, scene, gsd_m=gsd_m, window=window)
    pictures = (_displayable(chip), truth, (found * 255).astype(np.uint8))
    return [_fit(Image.fromarray(picture)) for picture in pictures]


def _displayable(chip: Chip) -> NDArray[np.uint8]:
    """Return ``(h, w, 3)``: the first three bands, or the first one as grey."""
    bands = chip.image[:3] if len(chip.image) >= 3 else chip.image[[0, 0, 0]]
    return bands.round().astype(np.uint8).transpose(1, 2, 0)


def _fit(picture: Image.Image) -> Image.Image:
    scale = PANEL_PX / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    resampling = Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST
    return picture.resize(size, resampling)
