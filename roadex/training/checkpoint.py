"""Everything that changes in the course of a training, and how it goes to disk and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from roadex.errors import TrainingError
from roadex.models.base import SegmentationNetwork
from roadex.models.pickled import load_pickled
from roadex.training.schedules import Schedule

CHECKPOINT_NAME = "checkpoint.pt"

Weights = dict[str, Tensor]


@dataclass(slots=True)
class TrainingState:
    """Everything that changes from step to step, and nothing else."""

    network: nn.Module
    averaged: AveragedModel
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    step: int = 0
    seconds: float = 0.0
    """Time spent on training so far, all resumed parts together."""

    smooth_loss: float | None = None
    lowest_loss: float | None = None
    """Lowest smooth loss so far, what divergence is measured against."""

    history: list[dict[str, float]] = field(default_factory=list)
    """Figures of every evaluation, with the step."""

    is_stopped: bool = False
    """Whether the schedule or lack of progress has ended the training before its last step."""

    best_network: Weights | None = None
    """Weights after the epoch with the lowest training loss, where the schedule asks for them."""

    best_averaged: Weights | None = None
    """Averaged weights at the best evaluation, where training stops early."""

    @property
    def averaged_network(self) -> SegmentationNetwork:
        """The network with the averaged weights."""
        return cast("SegmentationNetwork", self.averaged.module)

    def save(self, path: Path) -> None:
        """Write a checkpoint; the old one stays whole until the new one is."""
        temporary = path.with_suffix(".tmp")
        torch.save(
            {
                "network": self.network.state_dict(),
                "averaged": self.averaged.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
                "smooth_loss": self.smooth_loss,
                "lowest_loss": self.lowest_loss,
                "history": self.history,
                "is_stopped": self.is_stopped,
                "best_network": self.best_network,
                "best_averaged": self.best_averaged,
            },
            temporary,
        )
        temporary.replace(path)

    def load(self, path: Path) -> None:
        """Take over a checkpoint that :meth:`save` wrote, in this version or an earlier one.

        Raises
        ------
        TrainingError
            If it cannot be read or belongs to another network or schedule.
        """
        try:
            saved = _read(path)
            self.network.load_state_dict(saved["network"])
            self.averaged.load_state_dict(saved["averaged"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.schedule.load_state_dict(saved.get("schedule", {}))
        except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            msg = (
                f"checkpoint {path} does not fit this training ({reason}); use another --run-folder"
            )
            raise TrainingError(msg) from error
        for name in _ENTRIES:
            if name in saved:
                setattr(self, name, saved[name])

    def take_best(self) -> None:
        """Put the best weights into the averaged network, where any were set aside."""
        best = self.best_averaged or self.best_network
        if best is not None:
            self.averaged_network.load_state_dict(best)


def _read(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint, each entry of the kind it should be.

    Raises
    ------
    TrainingError
        If it is damaged.
    TypeError
        If an entry is missing or of another kind.
    """
    try:
        saved = load_pickled(path)
    except (OSError, ValueError) as error:
        msg = (
            f"checkpoint {path} does not fit this training: it is damaged ({error}); use another "
            "--run-folder"
        )
        raise TrainingError(msg) from error
    if not isinstance(saved, dict):
        msg = f"it is a {type(saved).__name__}"
        raise TypeError(msg)
    wrong = [name for name in _ENTRIES if name in saved and not _ENTRIES[name](saved[name])]
    wrong += [name for name in ("step", "seconds", "smooth_loss", "history") if name not in saved]
    if wrong:
        msg = f"its entry {wrong[0]} is missing or of another kind"
        raise TypeError(msg)
    return saved


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(row, dict) and all(isinstance(v, int | float) for v in row.values())
        for row in value
    )


def _are_weights(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict) and all(isinstance(tensor, Tensor) for tensor in value.values())
    )


_ENTRIES: Mapping[str, Callable[[Any], bool]] = {
    "step": lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    "seconds": lambda value: _is_number(value) and value >= 0,
    "smooth_loss": lambda value: value is None or _is_number(value),
    "lowest_loss": lambda value: value is None or _is_number(value),
    "history": _is_history,
    "is_stopped": lambda value: isinstance(value, bool),
    "best_network": _are_weights,
    "best_averaged": _are_weights,
}
"""What a checkpoint says besides weights and optimizer, and what each entry must be."""


def copy_weights(network: nn.Module) -> Weights:
    """Return a copy of all weights and statistics of a network, in main memory."""
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
