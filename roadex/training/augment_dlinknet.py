"""The augmentation D-LinkNet was trained with, except flips and turns, which are ours too.

References
----------
.. [1] L. Zhou et al., D-LinkNet, CVPR Workshops 2018, and ``data.py`` of
       https://github.com/zlkanata/DeepGlobe-Road-Extraction-Challenge: hue, saturation and value
       shifted with probability 1/2, then shifted and scaled with probability 1/2. (The aspect
       drawn there has no effect on the aspect: without a rotation only ``sx`` is used, for both
       axes, and that is the scale times the root of the aspect.)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from roadex.config import AugmentConfig

Sample = tuple[Tensor, Tensor, Tensor]

HUE_SHIFT, SATURATION_SHIFT, VALUE_SHIFT = 30, 5.0, 15.0
"""Largest shifts: half degrees of hue (0-179), saturation and value (0-255)."""

MAX_SHIFT, SCALE_SPREAD, ASPECT_SPREAD = 0.1, 0.1, 0.1
"""Largest shift as a share of the size; largest deviation of scale and aspect from 1."""

_N_HUES = 180


def augment_as_published(sample: Sample, config: AugmentConfig, rng: np.random.Generator) -> Sample:
    """Shift the colours, then shift and scale image and label.

    Parameters
    ----------
    sample
        Image uint8 ``(3, h, w)``, target and valid bool ``(1, h, w)``. What comes in from outside
        is black and no road, as published, and counts as valid.
    config
        ``hue_wrap`` says whether hues wrap at 180 or, as in the published code, shifted below 0
        at 256.
    rng
        Source of all random choices.
    """
    image, target, valid = sample
    if rng.random() < 0.5:
        hue = int(rng.integers(-HUE_SHIFT, HUE_SHIFT + 1))
        saturation = rng.uniform(-SATURATION_SHIFT, SATURATION_SHIFT)
        value = rng.uniform(-VALUE_SHIFT, VALUE_SHIFT)
        image = shift_colours(image, hue, saturation, value, hue_wrap=config.hue_wrap)
    if rng.random() < 0.5:
        scale = rng.uniform(1 - SCALE_SPREAD, 1 + SCALE_SPREAD)
        scale *= rng.uniform(1 - ASPECT_SPREAD, 1 + ASPECT_SPREAD) ** 0.5
        down, right = (round(rng.uniform(-MAX_SHIFT, MAX_SHIFT) * n) for n in image.shape[1:])
        image = _warp(image.float(), scale, (down, right)).round().clamp(0, 255).to(torch.uint8)
        target = _warp(target.float(), scale, (down, right)) >= 0.5
        valid = _warp((~valid).float(), scale, (down, right)) <= 0
    return image, target, valid


def shift_colours(
    image: Tensor, hue: int, saturation: float, value: float, *, hue_wrap: str = "correct"
) -> Tensor:
    """Shift an RGB image, uint8 ``(3, h, w)``, in hue (half degrees), saturation and value."""
    hues, saturations, values = _to_hsv(image.float())
    hues = hues.round() % _N_HUES + hue
    if hue_wrap == "original":
        hues = hues % 256  # the published code adds bytes; a hue from 180 is read modulo 180
    saturations = (saturations.round() + round(saturation)).clamp(0, 255)
    values = (values + round(value)).clamp(0, 255)
    return _to_rgb(hues % _N_HUES, saturations, values)


def _to_hsv(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return hue in [0, 180), saturation and value in [0, 255], each ``(h, w)``."""
    red, green, blue = image
    value, lowest = image.amax(dim=0), image.amin(dim=0)
    spread = value - lowest
    safe = spread.clamp(min=1e-6)
    sextant = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    hue = torch.where(spread > 0, sextant * 30, torch.zeros_like(value)) % _N_HUES
    return hue, 255 * spread / value.clamp(min=1e-6), value


def _to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Return uint8 ``(3, h, w)``; channel by the formula ``v - v s max(0, min(k, 4 - k, 1))``."""
    channels = []
    for offset in (5, 3, 1):
        k = (offset + hue / 30) % 6
        weight = torch.minimum(k, 4 - k).clamp(0, 1)
        channels.append(value - value * saturation / 255 * weight)
    return torch.stack(channels).round().clamp(0, 255).to(torch.uint8)


def _warp(values: Tensor, scale: float, shift: tuple[int, int]) -> Tensor:
    """Scale ``(C, h, w)`` about the centre and shift by rows and columns; 0 comes in."""
    height, width = values.shape[1:]
    rows = (torch.arange(height) - height / 2 - shift[0]) / scale + height / 2
    cols = (torch.arange(width) - width / 2 - shift[1]) / scale + width / 2
    grid = torch.stack(
        torch.meshgrid((2 * cols + 1) / width - 1, (2 * rows + 1) / height - 1, indexing="xy"), -1
    )
    return grid_sample(
        values[None], grid[None], mode="bilinear", padding_mode="zeros", align_corners=False
    )[0]
