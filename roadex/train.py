"""Training: labelled imagery in, a model file out.

    chips ──► network ──► loss ──► update ──► averaged weights ──► evaluation ──► model file

The loop is a page of plain torch: chips are a pure function of their number and the learning rate
of the step, so a checkpoint is the step, the weights, their average, and the optimizer's moments.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Subset

from roadex.config import TrainConfig
from roadex.datasets.sampling import ChipDataset, Sample, WeightedScenes
from roadex.errors import TrainingError
from roadex.losses import loss_by_name
from roadex.models import create_network
from roadex.models.scaling import Scaling

CHECKPOINT_NAME = "checkpoint.pt"


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


@dataclass(slots=True)
class TrainingState:
    """Everything that changes from step to step, and nothing else."""

    network: nn.Module
    averaged: AveragedModel
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    """Time spent on training so far, all resumed parts together."""

    smooth_loss: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Write a checkpoint; the old one stays whole until the new one is."""
        temporary = path.with_suffix(".tmp")
        torch.save(
            {
                "network": self.network.state_dict(),
                "averaged": self.averaged.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
                "smooth_loss": self.smooth_loss,
                "history": self.history,
                "random": torch.get_rng_state(),
            },
            temporary,
        )
        temporary.replace(path)

    def load(self, path: Path) -> None:
        """Take over a checkpoint that :meth:`save` wrote."""
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(saved["network"])
            self.averaged.load_state_dict(saved["averaged"])
            self.optimizer.load_state_dict(saved["optimizer"])
        except (RuntimeError, KeyError, ValueError) as error:
            msg = (
                f"checkpoint {path} does not fit this training ({error}); train into another folder"
            )
            raise TrainingError(msg) from error
        self.step, self.smooth_loss = saved["step"], saved["smooth_loss"]
        self.history, self.seconds = saved["history"], saved["seconds"]
        torch.set_rng_state(saved["random"])


def train(
    sources: Sequence[WeightedScenes],
    config: TrainConfig,
    *,
    folder: Path,
    scaling: Scaling,
    initial: dict[str, Tensor] | None = None,
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    on_step: Callable[[Progress], None] | None = None,
    on_evaluation: Callable[[dict[str, float]], None] | None = None,
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
    initial
        Weights to start from (those of another model of the same network).
    evaluate
        Called with the averaged network every ``config.evaluate_every`` steps and at the end.
    on_step, on_evaluation
        Told of every step and every evaluation.

    Returns
    -------
    state
        With the averaged network in ``state.averaged.module``.

    Raises
    ------
    TrainingError
        If the loss is not finite, or the checkpoint in ``folder`` belongs to other settings.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    state = _start(config, device, initial)
    checkpoint = folder / CHECKPOINT_NAME
    if checkpoint.exists():
        state.load(checkpoint)
    loss_function = loss_by_name(config.loss)
    began = time.perf_counter() - state.seconds
    for sample in _batches(sources, config, first=state.step):
        rate = _set_learning_rate(state.optimizer, config, state.step)
        loss = _update(state, sample, loss_function, config, scaling, device)
        state.smooth_loss = (
            loss if state.smooth_loss is None else 0.98 * state.smooth_loss + 0.02 * loss
        )
        state.step += 1
        state.seconds = time.perf_counter() - began
        if on_step is not None:
            on_step(Progress(state.step, config.steps, state.smooth_loss, rate, state.seconds))
        last = state.step == config.steps
        if evaluate is not None and (last or state.step % config.evaluate_every == 0):
            figures = {"step": state.step, "loss": state.smooth_loss} | evaluate(
                state.averaged.module
            )
            state.history.append(figures)
            if on_evaluation is not None:
                on_evaluation(figures)
        if last or state.step % config.checkpoint_every == 0:
            state.save(checkpoint)
    return state


def _start(
    config: TrainConfig, device: torch.device, initial: dict[str, Tensor] | None
) -> TrainingState:
    torch.manual_seed(config.seed)
    arguments = dict(config.arguments)
    if config.encoder_weights is not None:
        arguments["encoder_weights"] = config.encoder_weights
    network = create_network(config.network, **arguments)
    if initial is not None:
        network.load_state_dict(initial)
    network = network.to(device).to(memory_format=torch.channels_last)
    averaged = AveragedModel(
        network, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay), use_buffers=True
    )
    optimizer = torch.optim.AdamW(_parameter_groups(network, config), lr=0.0)
    return TrainingState(network, averaged, optimizer)


def _parameter_groups(network: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Group parameters by learning rate factor and weight decay (none for norms and biases)."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        factor = config.encoder_learning_rate_factor if "encoder." in name else 1.0
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((factor, decay), []).append(parameter)
    return [
        {"params": parameters, "factor": factor, "weight_decay": decay}
        for (factor, decay), parameters in groups.items()
    ]


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the learning rate of a step: linear warm-up, then a half cosine to 0."""
    warmup = max(1, round(config.warmup_share * config.steps))
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    share = (step - warmup) / max(1, config.steps - warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def _set_learning_rate(optimizer: torch.optim.Optimizer, config: TrainConfig, step: int) -> float:
    rate = learning_rate(step, config)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    return rate


def _batches(
    sources: Sequence[WeightedScenes], config: TrainConfig, *, first: int
) -> Iterator[Sample]:
    """Yield the batches of steps ``first`` to the end, always the same for the same seed."""
    n_chips = config.steps * config.batch_size
    chips = ChipDataset(
        sources,
        chip_size=config.chip_size,
        gsd_m=config.gsd_m,
        augment=config.augment,
        seed=config.seed,
        n_chips=n_chips,
    )
    loader: Iterable[Sample] = DataLoader(
        Subset(chips, range(first * config.batch_size, n_chips)),
        batch_size=config.batch_size,
        num_workers=config.loader_processes,
        persistent_workers=False,
    )
    yield from loader


def _update(
    state: TrainingState,
    sample: Sample,
    loss_function: Callable[[Tensor, Tensor, Tensor], Tensor],
    config: TrainConfig,
    scaling: Scaling,
    device: torch.device,
) -> float:
    """Do one step; return its loss."""
    image, target, valid = (tensor.to(device, non_blocking=True) for tensor in sample)
    state.network.train()
    with _autocast(config.precision, device):
        logits = state.network(scaling.apply(image).contiguous(memory_format=torch.channels_last))
        loss = loss_function(logits, target, valid)
    if not torch.isfinite(loss):
        msg = (
            f"the loss is {loss.item()} at step {state.step}; lower the learning rate "
            f"({config.learning_rate:g}) or gradient_norm ({config.gradient_norm:g})"
        )
        raise TrainingError(msg)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(state.network.parameters(), config.gradient_norm)
    state.optimizer.step()
    state.averaged.update_parameters(state.network)
    return loss.item()


def _autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
