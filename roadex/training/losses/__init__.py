"""Training losses: one file each, found by name.

A loss is a function ``loss(logits, target, valid) -> scalar tensor``:

- ``logits``: float, shape ``(N, 1, H, W)``, any real number;
- ``target``: float, same shape, 0 or 1;
- ``valid``: bool, same shape; pixels where it is False carry no label and never count.

Every loss is finite and differentiable for any batch, also one without road or without a valid
pixel (then it is 0 with zero gradient).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias

from roadex.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

Loss: TypeAlias = "Callable[[Tensor, Tensor, Tensor], Tensor]"

LOSSES = {
    "bce": "roadex.training.losses.bce_dice:bce",
    "bce-dice": "roadex.training.losses.bce_dice:bce_dice",
    "bce-dice-cldice": "roadex.training.losses.cldice:bce_dice_cldice",
}
"""Loss name to the function that computes it."""


def loss_by_name(name: str) -> Loss:
    """Return the loss registered under ``name``, or raise :class:`ConfigError`."""
    if name not in LOSSES:
        msg = f"unknown loss {name!r}; available: {', '.join(sorted(LOSSES))}"
        raise ConfigError(msg)
    module, _, function = LOSSES[name].partition(":")
    loss: Loss = getattr(import_module(module), function)
    return loss
