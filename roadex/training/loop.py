"""The training loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from roadex.config import TrainConfig
from roadex.models import create_network
from roadex.models.base import SegmentationNetwork
from roadex.models.scaling import Scaling
from roadex.training.averages import ramped_average
from roadex.training.batches import load_batches
from roadex.training.checkpoint import CHECKPOINT_NAME, TrainingState, copy_weights
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.datasets.chips import Sample
from roadex.training.divergence import check_divergence, check_finite
from roadex.training.losses import Loss, loss_by_name
from roadex.training.optimizers import make_optimizer, set_learning_rate
from roadex.training.processes import Group, without_averaging
from roadex.training.schedules import Decision, make_schedule, with_steps

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known after a step."""

    step: int
    n_steps: int
    loss: float
    """Average of the last steps (exponential, over about 50)."""

    learning_rate: float
    seconds: float
    """Time spent on training so far."""


def train(
    sources: Sequence[WeightedScenes],
    config: TrainConfig,
    *,
    folder: Path,
    scaling: Scaling,
    group: Group | None = None,
    initial: dict[str, Tensor] | None = None,
    evaluate: Callable[[SegmentationNetwork, int], Figures] | None = None,
    on_start: Callable[[TrainingState], None] | None = None,
    on_step: Callable[[Progress], None] | None = None,
    on_evaluation: Callable[[Figures], None] | None = None,
) -> TrainingState:
    """Train a network, or go on where an earlier call in the same folder stopped.

    Parameters
    ----------
    sources
        Labelled scenes with the share of the chips each dataset gives.
    config
        All settings of the training.
    folder
        Where checkpoints go.
    scaling
        How 0..255 radiometry becomes network input.
    group
        The processes that train together; None is this one alone.
    initial
        Weights to start from (those of another model of the same network).
    evaluate
        Called with the averaged network and the step every ``config.evaluate_every`` steps and at
        the end, in the first process. Training can stop early on its figure ``iou``.
    on_start, on_step, on_evaluation
        Told of the state from which training goes on, of every step and every evaluation.

    Returns
    -------
    state
        With the averaged network in ``state.averaged_network``; its best weights, where the
        settings set those aside.

    Raises
    ------
    TrainingError
        If the loss is not finite or diverges, or the checkpoint in ``folder`` belongs to other
        settings.
    """
    group = group or Group()
    config = with_steps(config, sources)
    state = _start(sources, config, group.device, initial)
    checkpoint = folder / CHECKPOINT_NAME
    if checkpoint.exists():
        state.load(checkpoint)
    if on_start is not None:
        on_start(state)
    network = group.wrap(state.network, len(config.bands))
    loss_function = loss_by_name(config.loss)
    began = time.perf_counter() - state.seconds
    for parts in () if state.is_stopped else load_batches(sources, config, group, first=state.step):
        rate = state.schedule.rate(state.step)
        set_learning_rate(state.optimizer, rate)
        loss = _update(state, network, parts, loss_function, config, scaling, group)
        check_divergence(state, loss, config)
        state.step += 1
        state.seconds = time.perf_counter() - began
        _apply(state.schedule.decide(loss), state)
        if on_step is not None and state.smooth_loss is not None:
            on_step(Progress(state.step, config.steps, state.smooth_loss, rate, state.seconds))
        _evaluate(state, config, group, evaluate, on_evaluation)
        is_last = state.is_stopped or state.step == config.steps
        if group.is_first and (is_last or state.step % config.checkpoint_every == 0):
            state.save(checkpoint)
        if is_last:
            break
    state.take_best()
    return state


def _start(
    sources: Sequence[WeightedScenes],
    config: TrainConfig,
    device: torch.device,
    initial: dict[str, Tensor] | None,
) -> TrainingState:
    torch.manual_seed(config.seed)
    arguments = dict(config.arguments)
    if config.encoder_weights is not None:
        arguments["encoder_weights"] = config.encoder_weights
    network: nn.Module = create_network(config.network, in_channels=len(config.bands), **arguments)
    if initial is not None:
        network.load_state_dict(initial)
    network = network.to(device).to(memory_format=torch.channels_last)
    averaged = AveragedModel(
        network, multi_avg_fn=ramped_average(config.ema_decay), use_buffers=True
    )
    optimizer = make_optimizer(network, config)
    return TrainingState(network, averaged, optimizer, make_schedule(config, sources))


def _update(
    state: TrainingState,
    network: nn.Module,
    parts: Sequence[Sample],
    loss_function: Loss,
    config: TrainConfig,
    scaling: Scaling,
    group: Group,
) -> float:
    """Do one step; return its loss, the mean over all parts and processes."""
    # Random numbers of a step (dropout) depend on the step alone, so a resumed training goes on
    # with the same ones.
    torch.manual_seed((config.seed << 32) + state.step * group.size + group.rank)
    network.train()
    state.optimizer.zero_grad(set_to_none=True)
    total = 0.0
    for i, sample in enumerate(parts):
        is_last = i == len(parts) - 1
        image, target, valid = (tensor.to(group.device, non_blocking=True) for tensor in sample)
        with nullcontext() if is_last else without_averaging(network):
            with _autocast(config.precision, group.device):
                chips = scaling.apply(image).contiguous(memory_format=torch.channels_last)
                loss = loss_function(network(chips), target, valid) / len(parts)
            loss.backward()
        total += loss.item()
    total = group.mean(total)
    check_finite("loss", total, state.step, config)
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), config.gradient_norm)
    check_finite("norm of the gradient", norm.item(), state.step, config)
    state.optimizer.step()
    state.averaged.update_parameters(state.network)
    return total


def _apply(decision: Decision, state: TrainingState) -> None:
    """Do what the schedule says at the end of a step."""
    if decision is Decision.IMPROVED:
        state.best_network = copy_weights(state.network)
    elif decision is Decision.RETURN and state.best_network is not None:
        state.network.load_state_dict(state.best_network)
    elif decision is Decision.STOP:
        state.is_stopped = True


def _evaluate(
    state: TrainingState,
    config: TrainConfig,
    group: Group,
    evaluate: Callable[[SegmentationNetwork, int], Figures] | None,
    on_evaluation: Callable[[Figures], None] | None,
) -> None:
    """Evaluate when it is time; stop where evaluations have not become better for long enough."""
    is_due = state.step % config.evaluate_every == 0
    if evaluate is None or not (is_due or state.is_stopped or state.step == config.steps):
        return
    figures: Figures = {"step": state.step, "loss": state.smooth_loss or 0.0}
    if group.is_first:
        figures |= evaluate(state.averaged_network, state.step)
    figures = group.share(figures)
    state.history.append(figures)
    if on_evaluation is not None:
        on_evaluation(figures)
    if config.patience > 0:
        ious = [past.get("iou", 0.0) for past in state.history]
        best = ious.index(max(ious))
        if best == len(ious) - 1:
            state.best_averaged = copy_weights(state.averaged_network)
        elif len(ious) - 1 - best >= config.patience:
            state.is_stopped = True


def _autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
