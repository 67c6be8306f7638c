"""Changes to a training chip that keep its roads where they are: colour, haze, shadow, noise, JPEG.

Everything is drawn from one generator, so a chip is a pure function of its seed. Geometry (flips,
turns, scale) is in :mod:`roadex.training.datasets.chips`.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import max_pool2d
from torchvision.transforms.v2 import functional

from roadex.config import AugmentConfig

_GREY_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma


def augment_colour(image: Tensor, config: AugmentConfig, rng: np.random.Generator) -> Tensor:
    """Vary the look of an image as season, sensor, haze, shadow and compression do.

    Parameters
    ----------
    image
        float32, shape ``(C, h, w)``, in [0, 255], C = 3 (colour steps need red, green, blue) or
        any other count (then brightness, contrast, blur and noise only).
    config
        Strength and probability of every step; strength 0 changes nothing.
    rng
        Source of all random choices.

    Returns
    -------
    image
        float32, shape ``(C, h, w)``, in [0, 255].
    """
    values = untouched = image / 255
    for step in (_channel_gain, _contrast, _gamma, _saturation, _haze, _season):
        if rng.random() < config.colour_probability:
            values = step(values, config.colour_strength, rng).clamp(0, 1)
    if rng.random() < config.grey_probability:
        values = _to_grey(values).expand_as(values)
    # A step that is off draws no number: chips of earlier settings stay what they were.
    if config.shadow_probability > 0 and rng.random() < config.shadow_probability:
        values = _shadow(values, config.colour_strength, rng)
    if rng.random() < config.blur_probability:
        values = _blur(values, rng)
    if rng.random() < config.noise_probability:
        sigma = rng.uniform(0, 0.03)
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        values = values + sigma * torch.from_numpy(noise)
    # Where no step was drawn the pixels stay those of a run, to the last bit.
    values = image if values is untouched else values.clamp(0, 1) * 255
    if rng.random() < config.jpeg_probability and values.shape[0] == 3:
        values = _jpeg(values, quality=int(rng.integers(50, 95)))
    return values


def jitter_width(target: Tensor, most_px: int, rng: np.random.Generator) -> Tensor:
    """Make the roads of a label, float ``(1, h, w)``, wider or narrower on each side.

    By 0 to ``most_px`` pixels; a road that would vanish keeps its width at that place.
    """
    change = int(rng.integers(-most_px, most_px + 1))
    side = 2 * abs(change) + 1
    if change >= 0:
        return max_pool2d(target, side, 1, side // 2)
    narrowed = -max_pool2d(-target, side, 1, side // 2)
    kept = max_pool2d(narrowed, 2 * side - 1, 1, side - 1)
    return torch.where(kept > 0, narrowed, target)


def _shadow(values: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Darken one to three stripes at any angle; blue loses least, it is lit by the sky."""
    height, width = values.shape[1:]
    rows, cols = torch.arange(height)[:, None], torch.arange(width)
    lit = torch.tensor(rng.uniform(0.35, 0.7) + np.linspace(0, 0.1, values.shape[0]))
    lit = (1 - strength * (1 - lit.clamp(max=1))).clamp(min=0).float()[:, None, None]
    for _ in range(int(rng.integers(1, 4))):
        angle, half = rng.uniform(0, np.pi), rng.uniform(2, 20)
        middle = rows * float(np.cos(angle)) + cols * float(np.sin(angle))
        place = rng.uniform(float(middle.min()), float(middle.max()))
        # One pixel of half shade on each side.
        depth = (half - (middle - place).abs() + 0.5).clamp(0, 1)
        values = values * (1 - depth * (1 - lit))
    return values


def _to_grey(values: Tensor) -> Tensor:
    if values.shape[0] != len(_GREY_WEIGHTS):
        return values.mean(dim=0, keepdim=True)
    weights = torch.tensor(_GREY_WEIGHTS)[:, None, None]
    return (values * weights).sum(dim=0, keepdim=True)


def _channel_gain(values: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Brightness, and a colour cast of half its range."""
    common = rng.uniform(-0.3, 0.3)
    cast = rng.uniform(-0.15, 0.15, values.shape[0])
    gain = np.exp(strength * (common + cast)).astype(np.float32)
    return values * torch.from_numpy(gain)[:, None, None]


def _contrast(values: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    mean = values.mean()
    return mean + (values - mean) * float(np.exp(strength * rng.uniform(-0.4, 0.4)))


def _gamma(values: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    return values.clamp(min=1e-4).pow(float(np.exp(strength * rng.uniform(-0.4, 0.4))))


def _saturation(values: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    grey = _to_grey(values)
    return grey + (values - grey) * max(0.0, 1 + strength * rng.uniform(-0.6, 0.6))


def _haze(values: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Mix in bright, slightly blue air light."""
    share = strength * rng.uniform(0, 0.3)
    air = torch.linspace(0.80, 0.9, values.shape[0])[:, None, None]
    return values * (1 - share) + air * share


def _season(values: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Turn green towards brown or back: mix the red and green bands in vegetation."""
    if values.shape[0] != len(_GREY_WEIGHTS):
        return values
    red, green, blue = values
    excess_green = (green - (red + blue) / 2).clamp(min=0)
    shift = strength * rng.uniform(-0.8, 1.2) * excess_green
    return torch.stack((red + shift, green - 0.4 * shift.clamp(min=0), blue))


def _jpeg(values: Tensor, *, quality: int) -> Tensor:
    """Compress and decompress an RGB image of values 0 to 255."""
    buffer = BytesIO()
    Image.fromarray(values.round().byte().permute(1, 2, 0).numpy()).save(
        buffer, "JPEG", quality=quality
    )
    decoded = np.array(Image.open(buffer), dtype=np.float32)
    return torch.from_numpy(decoded).permute(2, 0, 1).contiguous()


def _blur(values: Tensor, rng: np.random.Generator) -> Tensor:
    sigma = float(rng.uniform(0.3, 1.3))
    blurred: Tensor = functional.gaussian_blur(values, [5, 5], [sigma, sigma])
    return blurred
