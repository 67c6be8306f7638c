"""Cut training chips out of places: any position, angle and scale, mirrored or not.

All places lie in one array, so the chips of a batch are cut at once, whatever places they are of: a
GPU gets twenty large operations for a batch instead of thirty small ones for each chip.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from kit.places import IGNORED, ROAD, Place, at_gsd

GSD_M = 0.8
"""Metres per pixel that the network works at."""

GSD_RANGE_M = (0.5, 1.2)
"""Metres per pixel of chips: drawn from this range, log-uniformly, with ``SCALED`` probability."""

SCALED, TURNED = 0.75, 0.6
STRETCH = 0.06
"""Largest logarithm of the ratio of the two axes."""

MIN_VALID_SHARE = 0.25
TRIES = 12
HALVED_ABOVE = 1.5
"""Chips with pixels larger than those of the place by this are cut from it at half its size."""

KNOWN_STEP = 8
"""Every n-th row and column of a label is looked at when the valid share of a chip is estimated."""

LABEL_SHIFT = 24
"""Bits that a label is shifted by beside the three colours of a pixel."""


@dataclass(frozen=True, slots=True)
class Level:
    """A place at one pixel size, in the array of all pixels."""

    first: int
    """Where its first pixel lies."""

    shape: tuple[int, int]
    gsd_m: float
    known: NDArray[np.bool_]
    """Whether the label is not ignored, every :data:`KNOWN_STEP` pixels."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A place to learn from, and how likely a chip is cut from it within its set."""

    levels: tuple[Level, Level]
    """At its own pixel size and at twice that."""

    weight: float


@dataclass(frozen=True, slots=True)
class Atlas:
    """All places to learn from."""

    pixels: Tensor
    """int32 ``(P,)`` on the device: red, green, blue, label in eight bits each, lowest first."""

    sets: Mapping[str, Sequence[Ground]]


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a chip lies: an affine map from its pixels, centred on 0, to those of a level."""

    level: Level
    centre: tuple[float, float]
    matrix: NDArray[np.float64]


def to_atlas(sets: Mapping[str, Sequence[Place]], device: torch.device) -> Atlas:
    """Put places on the device; large ones weigh more, less than by their area."""
    arrays: list[NDArray[np.int32]] = []
    n_before = 0

    def level(place: Place) -> Level:
        nonlocal n_before
        values = place.image.astype(np.int32)
        packed = values[..., 0] | values[..., 1] << 8 | values[..., 2] << 16
        arrays.append((packed | place.label.astype(np.int32) << LABEL_SHIFT).ravel())
        known = place.label[::KNOWN_STEP, ::KNOWN_STEP] != IGNORED
        found = Level(n_before, place.label.shape, place.gsd_m, known)
        n_before += place.label.size
        return found

    def ground(place: Place) -> Ground:
        area_m2 = float((place.label != IGNORED).sum() * place.gsd_m**2)
        return Ground((level(place), level(at_gsd(place, 2 * place.gsd_m))), area_m2**0.6)

    grounds = {name: [ground(place) for place in places] for name, places in sets.items()}
    return Atlas(torch.from_numpy(np.concatenate(arrays)).to(device), grounds)


def draw_chips(
    atlas: Atlas,
    shares: Mapping[str, float],
    rng: np.random.Generator,
    *,
    n_chips: int,
    size: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a batch of chips, cut and not yet varied in look.

    Parameters
    ----------
    atlas
        Places by the name of their set.
    shares
        How often a chip comes from each set.
    rng
        Source of all random choices.

    Returns
    -------
    images, roads, valid
        float32: ``(N, 3, size, size)`` in [0, 255], and twice ``(N, 1, size, size)``, 0 or 1.
    """
    names = [name for name in shares if name in atlas.sets]
    odds = np.array([shares[name] for name in names])
    odds /= odds.sum()
    drawn = [names[i] for i in rng.choice(len(names), n_chips, p=odds)]
    return cut_chips(atlas.pixels, [_draw_valid(atlas.sets[n], rng, size) for n in drawn], size)


def _draw_valid(grounds: Sequence[Ground], rng: np.random.Generator, size: int) -> Cut:
    """Return the first cut with enough valid pixels, or the last of all tries."""
    weights = np.array([ground.weight for ground in grounds])
    for _ in range(TRIES):
        ground = grounds[int(rng.choice(len(grounds), p=weights / weights.sum()))]
        cut = draw_cut(ground, rng, size)
        if _valid_share(cut, size) >= MIN_VALID_SHARE:
            break
    return cut


def draw_cut(ground: Ground, rng: np.random.Generator, size: int) -> Cut:
    """Draw position, scale, angle and mirror image; chips may reach over the edge of a place."""
    low, high = (math.log(bound) for bound in GSD_RANGE_M)
    gsd_m = math.exp(rng.uniform(low, high)) if rng.random() < SCALED else GSD_M
    level = ground.levels[int(gsd_m > HALVED_ABOVE * ground.levels[0].gsd_m)]
    shrink = gsd_m / level.gsd_m
    is_turned = rng.random() < TURNED
    angle = rng.uniform(0, 2 * math.pi) if is_turned else rng.integers(4) * math.pi / 2
    stretch = math.exp(rng.uniform(-STRETCH, STRETCH))
    mirror = rng.choice((-1.0, 1.0))
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    matrix = shrink * turn @ np.diag([mirror * stretch, 1 / stretch])
    inset = 0.3 * size * shrink
    height, width = level.shape
    x, y = (rng.uniform(min(inset, n / 2), max(n - inset, n / 2)) for n in (width, height))
    return Cut(level, (x, y), matrix)


def _valid_share(cut: Cut, size: int) -> float:
    """Estimate the share of valid pixels from 9 x 9 of them."""
    steps = np.linspace(-size / 2, size / 2, 9)
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    cols, rows = np.floor((offsets @ cut.matrix.T + cut.centre) / KNOWN_STEP).astype(int).T
    height, width = cut.level.known.shape
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    return float(cut.level.known[rows[inside], cols[inside]].sum() / len(rows))


def cut_chips(pixels: Tensor, cuts: Sequence[Cut], size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Resample image, road and validity of chips bilinearly; outside a place nothing is valid."""
    device = pixels.device

    def per_chip(values: Sequence[float] | NDArray, kind: torch.dtype) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=kind).to(device).view(len(cuts), -1, 1, 1)

    steps = torch.arange(size, dtype=torch.float32, device=device) - (size - 1) / 2
    rows, cols = steps[:, None], steps[None, :]
    a, b, c, d = per_chip([cut.matrix for cut in cuts], torch.float32).unbind(1)
    x, y = per_chip([cut.centre for cut in cuts], torch.float32).unbind(1)
    first = per_chip([cut.level.first for cut in cuts], torch.int64)[:, 0]
    height, width = per_chip([cut.level.shape for cut in cuts], torch.int64).unbind(1)
    x = x + a * cols + b * rows - 0.5
    y = y + c * cols + d * rows - 0.5
    left, top = x.floor(), y.floor()
    parts = torch.zeros(5, len(cuts), size, size, device=device)
    for row, row_share in ((top, 1 - (y - top)), (top + 1, y - top)):
        for col, col_share in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
            at = first + _reflect(row.long(), height) * width + _reflect(col.long(), width)
            packed, share = pixels[at], row_share * col_share
            for channel in range(3):
                parts[channel] += (packed >> 8 * channel & 255) * share
            label = packed >> LABEL_SHIFT
            parts[3] += ((label == ROAD) & inside) * share
            parts[4] += ((label != IGNORED) & inside) * share
    images = parts[:3].movedim(0, 1)
    return images, (parts[3] > 0.5).float()[:, None], (parts[4] > 0.9).float()[:, None]


def _reflect(index: Tensor, size: Tensor) -> Tensor:
    """Mirror indices at the edges of their place, edge pixels twice."""
    index = index.remainder(2 * size)
    return torch.minimum(index, 2 * size - 1 - index)


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
