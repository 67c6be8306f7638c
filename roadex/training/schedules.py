"""Learning rates: what they are at a step, and what the losses do to them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Protocol

from roadex.config import TrainConfig
from roadex.training.datasets.chip_windows import WeightedScenes, count_windows, epoch_steps


class Decision(Enum):
    """What the end of a step means for the training."""

    GO_ON = auto()
    IMPROVED = auto()
    """The weights are the best so far: set them aside."""
    RETURN = auto()
    """Go back to the best weights."""
    STOP = auto()


class Schedule(Protocol):
    """Decides on the learning rate; its state is part of a checkpoint."""

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""

    def decide(self, loss: float) -> Decision:
        """Take the loss of a finished step."""

    def state_dict(self) -> dict[str, Any]:
        """Return what has to be kept."""

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned."""


class Cosine:
    """Linear warm-up, then a half cosine to 0."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config

    def rate(self, step: int) -> float:
        """Return the learning rate of a step; the losses have no say."""
        config = self._config
        warmup = max(1, round(config.warmup_share * config.steps))
        if step < warmup:
            return config.learning_rate * (step + 1) / warmup
        share = (step - warmup) / max(1, config.steps - warmup)
        return config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))

    def decide(self, loss: float) -> Decision:  # noqa: ARG002
        """Go on, whatever the loss."""
        return Decision.GO_ON

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the rate is a function of the step."""
        return {}

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Take nothing."""


class DivideBy5:
    """The schedule of D-LinkNet, on the mean training loss of each epoch [1]_.

    A loss not below the best one so far is a failure. After more than 3 failures in a row the best
    weights come back and the rate is divided by 5, also at the next failures, as failures go on
    being counted; the optimizer keeps its moments. Training stops after more than 6 failures, or
    where the rate is below 5e-7 when it is to be divided.

    References
    ----------
    .. [1] ``train.py`` and ``framework.py`` of
           https://github.com/zlkanata/DeepGlobe-Road-Extraction-Challenge.
    """

    FACTOR, LOWEST_RATE = 5.0, 5e-7
    PATIENCE, LIMIT = 3, 6

    def __init__(self, config: TrainConfig, steps_per_epoch: int) -> None:
        self._steps_per_epoch = steps_per_epoch
        self._rate = config.learning_rate
        self._best = math.inf
        self._failures = 0
        self._losses: list[float] = []

    def rate(self, step: int) -> float:  # noqa: ARG002
        """Return the learning rate of this epoch."""
        return self._rate

    def decide(self, loss: float) -> Decision:
        """Collect the loss; at the end of an epoch decide."""
        self._losses.append(loss)
        if len(self._losses) < self._steps_per_epoch:
            return Decision.GO_ON
        mean = math.fsum(self._losses) / len(self._losses)
        self._losses = []
        if mean < self._best:
            self._best, self._failures = mean, 0
            return Decision.IMPROVED
        self._failures += 1
        if self._failures <= self.PATIENCE:
            return Decision.GO_ON
        if self._failures > self.LIMIT or self._rate < self.LOWEST_RATE:
            return Decision.STOP
        self._rate /= self.FACTOR
        return Decision.RETURN

    def state_dict(self) -> dict[str, Any]:
        """Return rate, best loss, failures and the losses of the epoch so far."""
        return {
            "rate": self._rate, "best": self._best, "failures": self._failures,
            "losses": list(self._losses),
        }  # fmt: skip

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned; KeyError if it is of another schedule."""
        self._rate, self._best = values["rate"], values["best"]
        self._failures, self._losses = values["failures"], list(values["losses"])


def make_schedule(config: TrainConfig, sources: Sequence[WeightedScenes]) -> Schedule:
    """Return the schedule that ``config.schedule`` names."""
    if config.schedule == "divide-by-5":
        return DivideBy5(config, steps_of_epoch(sources, config))
    return Cosine(config)


def steps_of_epoch(sources: Sequence[WeightedScenes], config: TrainConfig) -> int:
    """Return the steps it takes to see everything once."""
    return epoch_steps(count_windows(sources, config), config)


def with_steps(config: TrainConfig, sources: Sequence[WeightedScenes]) -> TrainConfig:
    """Return the settings with ``steps`` that fit ``epochs``, where those are given."""
    if config.epochs == 0:
        return config
    return dataclasses.replace(config, steps=config.epochs * steps_of_epoch(sources, config))
