"""Training chips: cut, scaled, turned and varied, as a function of one number.

Chip ``index`` of a training run depends on ``(seed, index)`` alone. That is what makes a resumed
run see the same chips in the same order, whatever the number of loader processes or devices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad
from torch.utils.data import Dataset

from roadex.config import AugmentConfig, TrainConfig
from roadex.training.augment import augment_colour, jitter_width
from roadex.training.augment_added import Sample as Sample
from roadex.training.augment_added import augmentation_by_name
from roadex.training.augment_dlinknet import augment_as_published
from roadex.training.datasets.chip_windows import WeightedScenes, make_windows
from roadex.training.datasets.labelled import Chip

_MIN_VALID_SHARE = 0.25


class ChipDataset(Dataset[Sample]):
    """The chips of a training run; ``dataset[index]`` is a pure function of the seed.

    Parameters
    ----------
    sources
        Datasets with their weights.
    config
        Of the whole run: seed, size and ground sample distance of chips, sampling, augmentation,
        and with ``steps`` and ``batch_size`` how many chips there are.
    """

    def __init__(self, sources: Sequence[WeightedScenes], config: TrainConfig) -> None:
        self._windows = make_windows(sources, config)
        self._config = config
        self._n_chips = config.steps * config.batch_size

    def __len__(self) -> int:
        return self._n_chips

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self._n_chips:
            raise IndexError(index)
        rng = np.random.default_rng([self._config.seed, index])
        chip, factor = self._draw(index, rng)
        sample = _resize_to(_to_tensors(chip), factor, self._config.chip_size)
        return _augment(sample, self._config.augment, rng)

    def _draw(self, index: int, rng: np.random.Generator) -> tuple[Chip, float]:
        """Read the first candidate with enough valid pixels, or the last of all."""
        for cut in self._windows.cuts(index, rng):
            chip = cut.scene.read(cut.window)
            if chip.valid.mean() >= _MIN_VALID_SHARE:
                break
        return chip, cut.factor


def _augment(sample: Sample, config: AugmentConfig, rng: np.random.Generator) -> Sample:
    """Vary a chip; the order of the random numbers is part of what a seed means."""
    if config.style == "published":
        eight_bit = (sample[0].round().to(torch.uint8), *sample[1:])
        image, target, valid = _turn(augment_as_published(eight_bit, config, rng), rng)
        image = image.float()
    else:
        image, target, valid = _turn(sample, rng)
        image = augment_colour(image, config, rng)
    target = target.float()
    if config.width_jitter_px > 0:
        target = jitter_width(target, config.width_jitter_px, rng)
    for name in config.add or ():
        image, target, valid = augmentation_by_name(name)(image, target, valid, rng)
    return image, target, valid


def _to_tensors(chip: Chip) -> Sample:
    return (
        torch.from_numpy(np.ascontiguousarray(chip.image)),
        torch.from_numpy(chip.road)[None],
        torch.from_numpy(chip.valid)[None],
    )


def _resize_to(sample: Sample, factor: float, size: int) -> Sample:
    """Scale by ``factor`` and pad with invalid pixels, or cut, to ``size`` x ``size``."""
    image, target, valid = sample
    shape = tuple(min(size, max(1, round(n * factor))) for n in image.shape[1:])
    if shape != tuple(image.shape[1:]):
        image = resample(image, shape).clamp(0, 255)
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
