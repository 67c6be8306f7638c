"""Trainings that have gone wrong are stopped with a reason, not carried to the end."""

from __future__ import annotations

import math

from roadex.config import TrainConfig
from roadex.errors import TrainingError
from roadex.training.checkpoint import TrainingState

MEMORY = 0.98
"""Share of the old value in the smooth loss: an average over about 50 steps."""

FIRST_STEPS = 50
"""Before this step the loss says nothing about divergence."""

RISE_FACTOR, RISE = 2.0, 1.0
"""A smooth loss above its lowest value times the factor plus the rise is divergence: with the
losses of roadex, that is worse than a network that has learned nothing."""


def check_divergence(state: TrainingState, loss: float, config: TrainConfig) -> None:
    """Take the loss of a step into the smooth loss.

    Raises
    ------
    TrainingError
        If the loss has risen far above its lowest value.
    """
    before = state.smooth_loss
    smooth = loss if before is None else MEMORY * before + (1 - MEMORY) * loss
    state.smooth_loss = smooth
    if state.step < FIRST_STEPS:
        return
    lowest = smooth if state.lowest_loss is None else min(smooth, state.lowest_loss)
    state.lowest_loss = lowest
    if smooth > RISE_FACTOR * lowest + RISE:
        msg = (
            f"training diverges: the loss rose from {lowest:.3g} to {smooth:.3g} at step "
            f"{state.step}; {_advice(config)}"
        )
        raise TrainingError(msg)


def check_finite(name: str, value: float, step: int, config: TrainConfig) -> None:
    """Raise :class:`TrainingError` if a loss or a gradient norm is not a number."""
    if not math.isfinite(value):
        msg = f"the {name} is {value} at step {step}; {_advice(config)}"
        raise TrainingError(msg)


def _advice(config: TrainConfig) -> str:
    return (
        f"lower the learning rate ({config.learning_rate:g}) or gradient_norm "
        f"({config.gradient_norm:g}) and use another --run-folder"
    )
