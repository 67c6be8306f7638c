"""Models of one network averaged weight by weight.

Where one was trained on from another, or both from the same, the average is often better where the
two are used than either (Wortsman et al. 2022, "Model soups"), at the cost of one.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from roadex.errors import ModelError
from roadex.models.base import SegmentationNetwork
from roadex.models.modelfile import Model

_ALIKE = ("network", "arguments", "bands", "scale", "offset", "gsd_m")


def average_networks(models: Sequence[Model], shares: Sequence[float]) -> SegmentationNetwork:
    """Return a network whose weights and batch statistics are the average of several.

    Parameters
    ----------
    models
        At least one; alike in everything but weights.
    shares
        One per model; only their ratios count.

    Raises
    ------
    ModelError
        If models differ in network, input or pixel size.
    ValueError
        If shares are not one per model, or not positive.
    """
    if len(shares) != len(models) or not models or min(shares) <= 0:
        msg = f"{len(models)} models need as many shares above 0, got {list(shares)}"
        raise ValueError(msg)
    for model in models[1:]:
        _check_alike(models[0], model)
    states = [model.network.state_dict() for model in models]
    total = sum(shares)

    def mean(name: str, like: Tensor) -> Tensor:
        if not like.is_floating_point():
            return like
        parts = (s * state[name].double() for s, state in zip(shares, states, strict=True))
        return torch.stack(list(parts)).sum(dim=0).div(total).to(like.dtype)

    network = copy.deepcopy(models[0].network)
    network.load_state_dict({name: mean(name, like) for name, like in states[0].items()})
    return network


def _check_alike(first: Model, other: Model) -> None:
    for name in _ALIKE:
        one, two = (getattr(model.metadata, name) for model in (first, other))
        if one != two:
            msg = (
                f"{first.path.name} and {other.path.name} cannot be averaged: their {name} differs "
                f"({one} and {two})"
            )
            raise ModelError(msg)
