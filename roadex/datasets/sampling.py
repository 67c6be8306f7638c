"""Training chips: which window of which scene, turned and scaled how, as a function of one number.

Chip ``index`` of a training run depends on ``(seed, index)`` alone. That is what makes a resumed
run see the same chips in the same order, whatever the number of loader processes or devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rasterio.windows import Window
from torch import Tensor
from torch.nn.functional import interpolate, pad
from torch.utils.data import Dataset

from roadex.config import AugmentConfig
from roadex.datasets.augment import augment_colour
from roadex.datasets.labelled import Chip, LabelledScene

Sample = tuple[Tensor, Tensor, Tensor]
"""Image float32 (C, s, s) in [0, 255]; target float32 (1, s, s); valid bool (1, s, s)."""

_MIN_VALID_SHARE = 0.25
_TRIES = 8


@dataclass(frozen=True, slots=True)
class WeightedScenes:
    """The scenes of one dataset and the share of the training chips drawn from it."""

    scenes: Sequence[LabelledScene]
    weight: float


class ChipDataset(Dataset[Sample]):
    """Random chips of several datasets; ``dataset[index]`` is a pure function of the seed.

    Parameters
    ----------
    sources
        Datasets with their weights. Within a dataset a scene is drawn in proportion to its area.
    chip_size
        Side of a chip in pixels, after scaling.
    gsd_m
        Ground sample distance that chips are brought to, before the random scale.
    augment
        Strength of the random changes.
    seed
        Of the whole run.
    n_chips
        How many chips a run draws.
    """

    def __init__(
        self,
        sources: Sequence[WeightedScenes],
        *,
        chip_size: int,
        gsd_m: float,
        augment: AugmentConfig,
        seed: int,
        n_chips: int,
    ) -> None:
        self._sources = sources
        self._shapes = [[scene.shape() for scene in source.scenes] for source in sources]
        self._source_odds = _odds([source.weight for source in sources])
        self._scene_odds = [_odds([h * w for h, w in shapes]) for shapes in self._shapes]
        self._chip_size = chip_size
        self._gsd_m = gsd_m
        self._augment = augment
        self._seed = seed
        self._n_chips = n_chips

    def __len__(self) -> int:
        return self._n_chips

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self._n_chips:
            raise IndexError(index)
        rng = np.random.default_rng([self._seed, index])
        chip, factor = self._draw(rng)
        image, target, valid = _to_tensors(chip)
        image, target, valid = _resize_to(image, target, valid, factor, self._chip_size)
        image, target, valid = _turn((image, target, valid), rng)
        return augment_colour(image, self._augment, rng), target.float(), valid

    def _draw(self, rng: np.random.Generator) -> tuple[Chip, float]:
        """Read a random window; retried a few times where it holds almost no valid pixel."""
        for _ in range(_TRIES):
            i = rng.choice(len(self._sources), p=self._source_odds)
            j = rng.choice(len(self._scene_odds[i]), p=self._scene_odds[i])
            scene, (height, width) = self._sources[i].scenes[j], self._shapes[i][j]
            spread = self._augment.scale_jitter
            factor = scene.gsd_m / self._gsd_m * float(np.exp(rng.uniform(-spread, spread)))
            rows, cols = (min(n, max(1, round(self._chip_size / factor))) for n in (height, width))
            row, col = rng.integers(0, height - rows + 1), rng.integers(0, width - cols + 1)
            chip = scene.read(Window(int(col), int(row), cols, rows))
            if chip.valid.mean() >= _MIN_VALID_SHARE:
                break
        return chip, factor


def _odds(weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]


def _to_tensors(chip: Chip) -> Sample:
    return (
        torch.from_numpy(np.ascontiguousarray(chip.image)),
        torch.from_numpy(chip.road)[None],
        torch.from_numpy(chip.valid)[None],
    )


def _resize_to(image: Tensor, target: Tensor, valid: Tensor, factor: float, size: int) -> Sample:
    """Scale by ``factor`` and pad with invalid pixels, or cut, to ``size`` x ``size``."""
    shape = tuple(min(size, max(1, round(n * factor))) for n in image.shape[1:])
    if shape != tuple(image.shape[1:]):
        image = resample(image.float(), shape).round().clamp(0, 255).to(torch.uint8)
        target = resample(target.float(), shape) >= 0.5
        valid = resample(valid.float(), shape) > 0.99
    missing = (0, size - shape[1], 0, size - shape[0])
    return pad(image, missing), pad(target, missing), pad(valid, missing)


def resample(values: Tensor, shape: Sequence[int]) -> Tensor:
    """Resample ``(C, h, w)`` values to ``shape`` (bilinear, antialiased when shrinking)."""
    return interpolate(values[None], tuple(shape), mode="bilinear", antialias=True)[0]


def _turn(tensors: Sample, rng: np.random.Generator) -> Sample:
    """Apply one of the eight flips and quarter turns to all tensors."""
    quarter_turns, flipped = int(rng.integers(4)), bool(rng.integers(2))
    turned = (torch.rot90(t, quarter_turns, (1, 2)) for t in tensors)
    image, target, valid = (t.flip(2) if flipped else t for t in turned)
    return image.contiguous(), target.contiguous(), valid.contiguous()
