"""A picture of how far a network has come: image, truth and probability side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rasterio.windows import Window
from torch import nn

from roadex.models.scaling import Scaling
from roadex.training.datasets.chips import resample
from roadex.training.datasets.labelled import Chip, Labelled

PANEL_PX, GAP_PX, HEADER_PX = 320, 8, 24
PAPER, INK, NO_LABEL = (250, 250, 250), (20, 20, 20), (90, 90, 110)

N_ROWS = 6
"""Windows shown at most, from scenes spread evenly over all."""


def write_validation_sheet(
    network: nn.Module,
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
    chosen = [scenes[i] for i in _spread(len(scenes), N_ROWS)]
    side = PANEL_PX + GAP_PX
    sheet = Image.new("RGB", (3 * side + GAP_PX, HEADER_PX + len(chosen) * side), PAPER)
    draw = ImageDraw.Draw(sheet)
    text = f"{title}: image, truth, probability"
    draw.text((GAP_PX, 4), text, fill=INK, font=ImageFont.load_default(size=13))
    for row, scene in enumerate(chosen):
        for column, panel in enumerate(_panels(network, scene, scaling, gsd_m)):
            sheet.paste(panel, (GAP_PX + column * side, HEADER_PX + row * side))
    sheet.save(path)


def _spread(n: int, n_wanted: int) -> list[int]:
    return [round(i) for i in np.linspace(0, n - 1, min(n, n_wanted))]


def _panels(
    network: nn.Module, scene: Labelled, scaling: Scaling, gsd_m: float
) -> list[Image.Image]:  # fmt: skip
    """Return three pictures of the same place."""
    factor = scene.gsd_m / gsd_m
    height, width = scene.shape()
    rows, cols = (min(n, max(1, round(PANEL_PX / factor))) for n in (height, width))
    chip = scene.read(Window((width - cols) // 2, (height - rows) // 2, cols, rows))
    truth = np.where(chip.road, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=2)
    truth[~chip.valid] = NO_LABEL
    probability = (_probability(network, chip, scaling, factor) * 255).astype(np.uint8)
    pictures = (chip.image.transpose(1, 2, 0), truth, probability)
    return [_fit(Image.fromarray(picture)) for picture in pictures]


@torch.inference_mode()
def _probability(
    network: nn.Module, chip: Chip, scaling: Scaling, factor: float
) -> NDArray[np.float32]:  # fmt: skip
    network.eval()
    shape = [max(1, round(n * factor)) for n in chip.road.shape]
    image = resample(torch.from_numpy(chip.image).float(), shape)
    device = next(network.parameters()).device
    probability: NDArray[np.float32] = (
        torch.sigmoid(network(scaling.apply(image.to(device))[None]))[0, 0].float().cpu().numpy()
    )
    return probability


def _fit(picture: Image.Image) -> Image.Image:
    scale = PANEL_PX / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    resampling = Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST
    return picture.resize(size, resampling)
