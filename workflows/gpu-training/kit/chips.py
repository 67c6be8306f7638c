"""Cut training chips out of places: any position, angle and scale, mirrored or not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from kit.places import IGNORED, ROAD, Place

GSD_M = 0.8
"""Metres per pixel that the network works at."""

GSD_RANGE_M = (0.5, 1.2)
"""Metres per pixel of chips: drawn from this range, log-uniformly, with ``SCALED`` probability."""

SCALED, TURNED = 0.75, 0.6
STRETCH = 0.06
"""Largest logarithm of the ratio of the two axes."""

MIN_VALID_SHARE = 0.25
TRIES = 12
SMOOTH_ABOVE = 1.3
"""Images are smoothed before they shrink by more than this."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A place on the device, and how likely a chip is cut from it within its set."""

    image: Tensor
    """uint8 ``(3, H, W)``."""

    label: Tensor
    """uint8 ``(H, W)``."""

    gsd_m: float
    weight: float


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a chip lies: an affine map from its pixels, centred on 0, to those of the place."""

    centre: tuple[float, float]
    matrix: NDArray[np.float64]
    shrink: float


def to_grounds(places: Sequence[Place], device: torch.device) -> list[Ground]:
    """Put the places of a set on the device; large ones weigh more, less than by their area."""
    return [
        Ground(
            torch.from_numpy(place.image.copy()).permute(2, 0, 1).contiguous().to(device),
            torch.from_numpy(place.label.copy()).to(device),
            place.gsd_m,
            float((place.label != IGNORED).sum() * place.gsd_m**2) ** 0.6,
        )
        for place in places
    ]


def draw_chips(
    sets: Mapping[str, Sequence[Ground]],
    shares: Mapping[str, float],
    rng: np.random.Generator,
    *,
    n_chips: int,
    size: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a batch of chips, cut and not yet varied in look.

    Parameters
    ----------
    sets, shares
        Places by the name of their set, and how often a chip comes from each.
    rng
        Source of all random choices.

    Returns
    -------
    images, roads, valid
        float32: ``(N, 3, size, size)`` in [0, 255], and twice ``(N, 1, size, size)``, 0 or 1.
    """
    names = [name for name in shares if name in sets]
    odds = np.array([shares[name] for name in names])
    odds /= odds.sum()
    drawn = [names[i] for i in rng.choice(len(names), n_chips, p=odds)]
    chips = [_draw_chip(sets[name], rng, size) for name in drawn]
    images, roads, valid = (torch.stack(list(parts)) for parts in zip(*chips, strict=True))
    return images, roads, valid


def _draw_chip(
    grounds: Sequence[Ground], rng: np.random.Generator, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the first chip with enough valid pixels, or the last of all tries."""
    weights = np.array([ground.weight for ground in grounds])
    for _ in range(TRIES):
        ground = grounds[int(rng.choice(len(grounds), p=weights / weights.sum()))]
        chip = cut_chip(ground, draw_cut(ground, rng, size), size)
        if float(chip[2].mean()) >= MIN_VALID_SHARE:
            break
    return chip


def draw_cut(ground: Ground, rng: np.random.Generator, size: int) -> Cut:
    """Draw position, scale, angle and mirror image; chips may reach over the edge of a place."""
    low, high = (math.log(bound) for bound in GSD_RANGE_M)
    gsd_m = math.exp(rng.uniform(low, high)) if rng.random() < SCALED else GSD_M
    shrink = gsd_m / ground.gsd_m
    is_turned = rng.random() < TURNED
    angle = rng.uniform(0, 2 * math.pi) if is_turned else rng.integers(4) * math.pi / 2
    stretch = math.exp(rng.uniform(-STRETCH, STRETCH))
    mirror = rng.choice((-1.0, 1.0))
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    matrix = shrink * turn @ np.diag([mirror * stretch, 1 / stretch])
    inset = 0.3 * size * shrink
    height, width = ground.label.shape
    x, y = (rng.uniform(min(inset, n / 2), max(n - inset, n / 2)) for n in (width, height))
    return Cut((x, y), matrix, shrink)


def cut_chip(ground: Ground, cut: Cut, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Resample image, road and validity of one chip; outside the place nothing is valid."""
    half = (size - 1) / 2
    reach = np.abs(cut.matrix).sum(axis=1) * half
    height, width = ground.label.shape
    left, right = _span(cut.centre[0], reach[0], width)
    top, bottom = _span(cut.centre[1], reach[1], height)
    device = ground.image.device
    steps = torch.arange(size, dtype=torch.float32, device=device) - half
    rows, cols = torch.meshgrid(steps, steps, indexing="ij")
    (a, b), (c, d) = cut.matrix.tolist()
    x = (cut.centre[0] + a * cols + b * rows - left) / (right - left) * 2 - 1
    y = (cut.centre[1] + c * cols + d * rows - top) / (bottom - top) * 2 - 1
    grid = torch.stack((x, y), dim=-1)[None]
    image = ground.image[None, :, top:bottom, left:right].float()
    if cut.shrink > SMOOTH_ABOVE:
        image = blur(image, (cut.shrink - 1) / 2)
    label = ground.label[None, None, top:bottom, left:right]
    parts = torch.cat([(label == ROAD).float(), (label != IGNORED).float()], dim=1)
    image = _sample(image, grid, "reflection")[0]
    road, valid = _sample(parts, grid, "zeros")[0]
    return image, (road > 0.5).float()[None], (valid > 0.9).float()[None]


def blur(images: Tensor, sigma: float) -> Tensor:
    """Blur ``(N, C, H, W)`` by a Gaussian."""
    radius = max(1, math.ceil(2.5 * sigma))
    positions = torch.arange(-radius, radius + 1, dtype=torch.float32, device=images.device)
    kernel = torch.exp(-(positions**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    channels = images.shape[1]
    padded = functional.pad(images, (radius,) * 4, mode="replicate")
    for shape in ((1, 1, 1, -1), (1, 1, -1, 1)):
        weight = kernel.view(shape).repeat(channels, 1, 1, 1)
        padded = functional.conv2d(padded, weight, groups=channels)
    return padded


def _span(centre: float, reach: float, size: int) -> tuple[int, int]:
    """Return first and last pixel that a chip needs, at least one."""
    first = min(max(0, math.floor(centre - reach) - 2), size - 1)
    return first, max(first + 1, min(size, math.ceil(centre + reach) + 3))


def _sample(values: Tensor, grid: Tensor, outside: str) -> Tensor:
    return functional.grid_sample(
        values, grid, mode="bilinear", padding_mode=outside, align_corners=False
    )
