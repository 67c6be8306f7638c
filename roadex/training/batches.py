"""Batches of chips: the same for any number of processes, parts and loaders, and after a resume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import DataLoader

from roadex.config import TrainConfig
from roadex.errors import ConfigError
from roadex.inference.device import is_gpu
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.datasets.chips import ChipDataset, Sample
from roadex.training.processes import Group


class PartIndices:
    """Chip numbers of the parts of one process, step after step.

    The chips of step k are ``k * batch_size`` and the following. Processes take equal parts of
    them, one after the other, and each cuts its own into ``accumulation`` parts.
    """

    def __init__(self, config: TrainConfig, group: Group, *, first: int) -> None:
        n_parts = group.size * config.accumulation
        if config.batch_size % n_parts:
            msg = (
                f"batch_size {config.batch_size} cannot be divided among {group.size} processes "
                f"with accumulation {config.accumulation}: choose a multiple of {n_parts}"
            )
            raise ConfigError(msg)
        self._size = config.batch_size // n_parts
        self._config = config
        self._group = group
        self._first = first

    def __len__(self) -> int:
        return max(0, self._config.steps - self._first) * self._config.accumulation

    def __iter__(self) -> Iterator[list[int]]:
        n_parts = self._config.accumulation
        for step in range(self._first, self._config.steps):
            for part in range(n_parts):
                offset = (self._group.rank * n_parts + part) * self._size
                start = step * self._config.batch_size + offset
                yield list(range(start, start + self._size))


def load_batches(
    sources: Sequence[WeightedScenes], config: TrainConfig, group: Group, *, first: int
) -> Iterator[list[Sample]]:
    """Yield the parts of the batches of steps ``first`` to the end."""
    loader = DataLoader(
        ChipDataset(sources, config),
        batch_sampler=PartIndices(config, group, first=first),
        num_workers=config.loader_processes,
        pin_memory=is_gpu(group.device),
        generator=torch.Generator(),  # the loader's own numbers must not shift those of training
    )
    samples = iter(loader)
    for _ in range(first, config.steps):
        yield [next(samples) for _ in range(config.accumulation)]
