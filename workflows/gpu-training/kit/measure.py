"""Probability of whole images, and IoU at every threshold in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kit.places import IGNORED, ROAD, Place

CONTEXT = 64
"""Pixels mirrored around an image."""

LEVELS = 255
"""Probability is counted in steps of 1 / 254, as roadex stores it."""

GRID = tuple(round(0.05 * step, 2) for step in range(3, 15))
"""Thresholds that are looked at: 0.15 to 0.70."""

Network = Callable[[Tensor], Tensor]


@dataclass(slots=True)
class LevelCounts:
    """How many pixels of road and of others have each level of probability."""

    road: NDArray[np.int64] = field(default_factory=lambda: np.zeros(LEVELS, np.int64))
    other: NDArray[np.int64] = field(default_factory=lambda: np.zeros(LEVELS, np.int64))

    def add(self, probability: NDArray[np.float32], label: NDArray[np.uint8]) -> None:
        """Count an image; ignored pixels are left out."""
        levels = np.rint(probability * (LEVELS - 1)).astype(np.int64)
        is_road, is_counted = label == ROAD, label != IGNORED
        self.road += np.bincount(levels[is_road], minlength=LEVELS)
        self.other += np.bincount(levels[is_counted & ~is_road], minlength=LEVELS)

    def iou(self, threshold: float) -> float:
        """Return the IoU over all counted pixels, ``probability >= threshold`` taken as road."""
        first = int(np.ceil(threshold * (LEVELS - 1) - 1e-9))
        union = int(self.road.sum() + self.other[first:].sum())
        return float(self.road[first:].sum() / union) if union else 1.0


def predict(
    network: Network, image: NDArray[np.uint8], device: torch.device
) -> NDArray[np.float32]:
    """Return the probability of road, shape ``(H, W)``, with mirrored context around."""
    height, width = image.shape[:2]
    rows, cols = _mirrored(height), _mirrored(width)
    chip = torch.from_numpy(image[rows][:, cols]).to(device).permute(2, 0, 1)[None].float()
    chip = (chip / 127.5 - 1).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        probability = torch.sigmoid(network(chip).float())[0, 0]
    inner = probability[CONTEXT : CONTEXT + height, CONTEXT : CONTEXT + width]
    return inner.cpu().numpy()


def count_sets(
    network: Network, sets: Mapping[str, Sequence[Place]], device: torch.device
) -> dict[str, LevelCounts]:
    """Return the counts of every set."""
    counts = {name: LevelCounts() for name in sets}
    for name, places in sets.items():
        for place in places:
            counts[name].add(predict(network, place.image, device), place.label)
    return counts


def best_threshold(counts: Sequence[LevelCounts]) -> tuple[float, float]:
    """Return the threshold of :data:`GRID` with the highest mean IoU over sets, and that mean."""
    means = [float(np.mean([count.iou(threshold) for count in counts])) for threshold in GRID]
    best = int(np.argmax(means))
    return GRID[best], means[best]


def _mirrored(size: int) -> NDArray[np.int64]:
    """Return indices from ``-CONTEXT`` on, mirrored into ``size``, a multiple of 32 in all."""
    total = -(-(size + 2 * CONTEXT) // 32) * 32
    period = max(1, 2 * (size - 1))
    positions = (np.arange(total) - CONTEXT) % period
    return np.where(positions < size, positions, period - positions)
