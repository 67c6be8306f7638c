"""Which window of which scene a training chip is cut from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from roadex.config import TrainConfig
from roadex.errors import ConfigError
from roadex.training.datasets.labelled import Labelled

_TRIES = 8


@dataclass(frozen=True, slots=True)
class WeightedScenes:
    """The scenes of one dataset and the share of the training chips drawn from it."""

    scenes: Sequence[Labelled]
    weight: float


class Cut(NamedTuple):
    """A window of a scene and the factor by which it is scaled to become a chip."""

    scene: Labelled
    window: Window
    factor: float


class RandomWindows:
    """Windows anywhere: a dataset by its share, in it a scene by its area."""

    def __init__(self, sources: Sequence[WeightedScenes], config: TrainConfig) -> None:
        self._sources = sources
        self._shapes = [[scene.shape() for scene in source.scenes] for source in sources]
        self._source_odds = _odds([source.weight for source in sources])
        self._scene_odds = [_odds([h * w for h, w in shapes]) for shapes in self._shapes]
        self._config = config

    def cuts(self, index: int, rng: np.random.Generator) -> Iterator[Cut]:  # noqa: ARG002
        """Yield candidates for a chip; the next is for where one holds almost no valid pixel."""
        for _ in range(_TRIES):
            i = rng.choice(len(self._sources), p=self._source_odds)
            j = rng.choice(len(self._scene_odds[i]), p=self._scene_odds[i])
            scene, shape = self._sources[i].scenes[j], self._shapes[i][j]
            spread = self._config.augment.scale_jitter
            jitter = float(np.exp(rng.uniform(-spread, spread)))
            factor = scene.gsd_m / self._config.gsd_m * jitter
            rows, cols = _size(shape, self._config.chip_size, factor)
            row, col = rng.integers(0, shape[0] - rows + 1), rng.integers(0, shape[1] - cols + 1)
            yield Cut(scene, Window(int(col), int(row), cols, rows), factor)


class EveryWindow:
    """Windows of a grid over all scenes, each once per epoch, in an order drawn for the epoch.

    Raises
    ------
    ConfigError
        If the datasets have different shares: every window is seen equally often.
    """

    def __init__(self, sources: Sequence[WeightedScenes], config: TrainConfig) -> None:
        if len({source.weight for source in sources}) > 1:
            msg = "sampling epochs shows every window equally often: give datasets no @share"
            raise ConfigError(msg)
        self._cuts = list(_grid(sources, config))
        self._epoch_chips = epoch_steps(len(self._cuts), config) * config.batch_size
        self._seed = config.seed

    def cuts(self, index: int, rng: np.random.Generator) -> Iterator[Cut]:  # noqa: ARG002
        """Yield the one window of a chip."""
        epoch, position = divmod(index, self._epoch_chips)
        order = _order(self._seed, epoch, len(self._cuts))
        yield self._cuts[order[position % len(order)]]


def make_windows(
    sources: Sequence[WeightedScenes], config: TrainConfig
) -> RandomWindows | EveryWindow:
    """Return what ``config.sampling`` names."""
    if config.sampling == "epochs":
        return EveryWindow(sources, config)
    return RandomWindows(sources, config)


def count_windows(sources: Sequence[WeightedScenes], config: TrainConfig) -> int:
    """Return how many chips it takes to see everything once."""
    return sum(1 for _ in _grid(sources, config))


def epoch_steps(n_windows: int, config: TrainConfig) -> int:
    """Return the steps of an epoch; the rest of the windows that fills no batch is left out."""
    return max(1, n_windows // config.batch_size)


def _grid(sources: Sequence[WeightedScenes], config: TrainConfig) -> Iterator[Cut]:
    """Yield windows side by side; the last of a row or column is moved in and overlaps."""
    for source in sources:
        for scene in source.scenes:
            factor = scene.gsd_m / config.gsd_m
            shape = scene.shape()
            rows, cols = _size(shape, config.chip_size, factor)
            for row in _starts(shape[0], rows):
                for col in _starts(shape[1], cols):
                    yield Cut(scene, Window(col, row, cols, rows), factor)


def _starts(size: int, step: int) -> list[int]:
    return [min(i * step, size - step) for i in range(math.ceil(size / step))]


def _size(shape: tuple[int, int], chip_size: int, factor: float) -> tuple[int, int]:
    rows, cols = (min(n, max(1, round(chip_size / factor))) for n in shape)
    return rows, cols


def _odds(weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights]


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch, n]).permutation(n)
