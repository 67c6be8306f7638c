"""Optimizers by name, with parameters grouped by learning rate and weight decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from roadex.config import TrainConfig


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimizer that ``config.optimizer`` names, at learning rate 0."""
    groups = _parameter_groups(network, config)
    if config.optimizer == "adam":
        return torch.optim.Adam(groups, lr=0.0)
    return torch.optim.AdamW(groups, lr=0.0)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its share of the learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


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
