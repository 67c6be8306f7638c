"""Change what a chip looks like and leave its roads where they are.

Imagery of one place differs between providers in sharpening, tone, colour and compression, and a
network that learns from few places must not learn their looks. All steps work on a batch on its
device; each changes a random part of the chips.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from kit.chips import blur

Step = Callable[[Tensor, np.random.Generator], Tensor]

DARK_MEDIAN = 75.0
"""``roadex run`` brightens scenes with a median below this to it (``roadex.imagery``)."""

JPEG_SHARE = 0.35


def vary_look(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Return the chips as other cameras, seasons and providers might show them.

    Parameters
    ----------
    images
        float32 ``(N, 3, H, W)`` in [0, 255].
    rng
        Source of all random choices.

    Returns
    -------
    images
        Of the same shape and range.
    """
    for share, step in STEPS:
        chosen = np.flatnonzero(rng.random(len(images)) < share)
        if len(chosen):
            index = torch.from_numpy(chosen).to(images.device)
            images = images.index_copy(0, index, step(images[index], rng).clamp(0, 255))
    return images


def _borrow_colours(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Move mean and spread of the channels towards those of another chip of the batch."""
    mean, spread = images.mean((2, 3), keepdim=True), images.std((2, 3), keepdim=True) + 1
    ratio = (spread.roll(1, 0) / spread).clamp(0.4, 2.5)
    other = (images - mean) * ratio + mean.roll(1, 0)
    share = _draw(images, rng, 0.3, 1.0)
    return images + share * (other - images)


def _gamma(images: Tensor, rng: np.random.Generator) -> Tensor:
    return 255 * (images.clamp(min=0.1) / 255) ** _draw(images, rng, -0.55, 0.55).exp()


def _brighten_dark(images: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG001
    """Brighten dark chips as ``roadex run`` brightens dark scenes."""
    median = images.flatten(1).median(dim=1).values.clamp(3, DARK_MEDIAN).view(-1, 1, 1, 1)
    exponent = math.log(DARK_MEDIAN / 255) / (median / 255).log()
    return 255 * (images.clamp(min=0.1) / 255) ** exponent


def _gain(images: Tensor, rng: np.random.Generator) -> Tensor:
    return images * _draw(images, rng, -0.18, 0.18, channels=3).exp()


def _saturation(images: Tensor, rng: np.random.Generator) -> Tensor:
    grey = images.mean(dim=1, keepdim=True)
    return grey + (images - grey) * _draw(images, rng, 0.2, 1.7)


def _grey(images: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG001
    return images.mean(dim=1, keepdim=True).expand_as(images)


def _contrast(images: Tensor, rng: np.random.Generator) -> Tensor:
    mean = images.mean((1, 2, 3), keepdim=True)
    contrast, brightness = _draw(images, rng, -0.4, 0.4).exp(), _draw(images, rng, -25, 25)
    return mean + (images - mean) * contrast + brightness


def _random_filter(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Mix in a random 3x3 convolution over all channels, at the old mean and spread."""
    kernel = torch.from_numpy(rng.normal(0, 0.2, (3, 3, 3, 3)).astype(np.float32))
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    found = functional.conv2d(padded, kernel.to(images.device))
    found = (found - found.mean((2, 3), keepdim=True)) / (found.std((2, 3), keepdim=True) + 1)
    found = found * images.std((2, 3), keepdim=True) + images.mean((2, 3), keepdim=True)
    return images + _draw(images, rng, 0.2, 0.8) * (found - images)


def _local_contrast(images: Tensor, rng: np.random.Generator) -> Tensor:
    return images + _draw(images, rng, 0.2, 1.0) * (images - _blur_wide(images, rng))


def _light(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Make parts of a chip darker or brighter: clouds' shadow, seams of mosaics."""
    return images * (1 + _draw(images, rng, 0.05, 0.35) * _field(images, rng))


def _haze(images: Tensor, rng: np.random.Generator) -> Tensor:
    share = _draw(images, rng, 0.1, 0.55) * (0.6 + 0.3 * _field(images, rng)).clamp(0, 1)
    return images * (1 - share) + share * _draw(images, rng, 150, 240)


def _soften(images: Tensor, rng: np.random.Generator) -> Tensor:
    return blur(images, rng.uniform(0.4, 1.1))


def _resample(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Shrink and enlarge again: imagery that was finer on paper than in truth."""
    size = [round(n * rng.uniform(0.45, 0.85)) for n in images.shape[2:]]
    small = functional.interpolate(images, size=size, mode="bilinear", antialias=True)
    return functional.interpolate(small, size=images.shape[2:], mode="bicubic")


def _sharpen(images: Tensor, rng: np.random.Generator) -> Tensor:
    return images + _draw(images, rng, 0.3, 2.2) * (images - blur(images, rng.uniform(0.6, 1.6)))


def _noise(images: Tensor, rng: np.random.Generator) -> Tensor:
    generator = torch.Generator(images.device).manual_seed(int(rng.integers(2**31)))
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return images + noise * _draw(images, rng, 1, 8)


def _jpeg(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Compress and decompress on the processor, several chips at a time."""
    qualities = [int(quality) for quality in rng.integers(30, 93, len(images))]
    arrays = images.round().byte().permute(0, 2, 3, 1).cpu().numpy()
    with ThreadPoolExecutor(max_workers=min(8, len(arrays))) as pool:
        decoded = np.stack(list(pool.map(_through_jpeg, arrays, qualities)))
    return torch.from_numpy(decoded).to(images.device).permute(0, 3, 1, 2).float()


def _through_jpeg(array: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


STEPS: tuple[tuple[float, Step], ...] = (
    (0.3, _borrow_colours),
    (0.25, _brighten_dark),
    (0.2, _soften),
    (0.5, _gamma),
    (0.5, _gain),
    (0.5, _saturation),
    (0.04, _grey),
    (0.5, _contrast),
    (0.12, _random_filter),
    (0.2, _local_contrast),
    (0.2, _light),
    (0.12, _haze),
    (0.12, _resample),
    (0.3, _sharpen),
    (0.2, _noise),
    (JPEG_SHARE, _jpeg),
)
"""Share of the chips that a step changes, and the step, in their order."""


def _draw(
    images: Tensor, rng: np.random.Generator, low: float, high: float, *, channels: int = 1
) -> Tensor:
    """Return one number per chip (and channel), shape ``(N, channels, 1, 1)``."""
    values = rng.uniform(low, high, (len(images), channels, 1, 1)).astype(np.float32)
    return torch.from_numpy(values).to(images.device)


def _field(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a smooth random field around 0 per chip, ``(N, 1, H, W)``."""
    cells = int(rng.integers(2, 6))
    coarse = rng.standard_normal((len(images), 1, cells, cells)).astype(np.float32)
    coarse_field = torch.from_numpy(coarse).to(images.device)
    return functional.interpolate(coarse_field, size=images.shape[2:], mode="bicubic")


def _blur_wide(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Blur by 8 to 24 pixels, at a quarter of the size: cheap, and no one sees the difference."""
    small = functional.avg_pool2d(images, 4)
    wide = blur(small, rng.uniform(2, 6))
    return functional.interpolate(wide, size=images.shape[2:], mode="bilinear")
