"""Models averaged: weight by weight, or what they find.

Where one was trained on from another, or both from the same, the average of their weights is often
better where the two are used than either (Wortsman et al. 2022, "Model soups"), at the cost of one.
Models of different networks are averaged in what they find, at the cost of all.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from roadex.errors import ModelError
from roadex.models.base import SegmentationNetwork
from roadex.models.ensemble import Ensemble
from roadex.models.modelfile import Model

_ALIKE_INPUT = ("bands", "scale", "offset", "gsd_m")
_ALIKE = ("network", "arguments", *_ALIKE_INPUT)


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
    _check(models, shares, _ALIKE)
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


def ensemble_of(models: Sequence[Model], shares: Sequence[float]) -> Ensemble:
    """Return a network that computes several and gives their mean probability.

    Parameters
    ----------
    models
        At least one; alike in input and pixel size.
    shares
        One per model; only their ratios count.

    Raises
    ------
    ModelError
        If models differ in input or pixel size, or one is an ensemble itself.
    ValueError
        If shares are not one per model, or not positive.
    """
    _check(models, shares, _ALIKE_INPUT)
    described = [
        {"network": model.metadata.network, "arguments": dict(model.metadata.arguments)}
        for model in models
    ]
    ensemble = Ensemble(len(models[0].metadata.bands), members=described, shares=tuple(shares))
    for network, model in zip(ensemble.members, models, strict=True):
        network.load_state_dict(model.network.state_dict())
    return ensemble.eval()


def _check(models: Sequence[Model], shares: Sequence[float], alike: Sequence[str]) -> None:
    if len(shares) != len(models) or not models or min(shares) <= 0:
        msg = f"{len(models)} models need as many shares above 0, got {list(shares)}"
        raise ValueError(msg)
    for model in models[1:]:
        _check_alike(models[0], model, alike)


def _check_alike(first: Model, other: Model, names: Sequence[str]) -> None:
    for name in names:
        one, two = (getattr(model.metadata, name) for model in (first, other))
        if one != two:
            msg = (
                f"{first.path.name} and {other.path.name} cannot be averaged: their {name} differs "
                f"({one} and {two})"
            )
            raise ModelError(msg)
