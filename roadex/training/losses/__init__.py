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
from roadex.extensions import Family, find_extension, names_with_extensions

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
    """Return the loss registered under ``name``, or that of an installed extension.

    Raises
    ------
    ConfigError
        If there is none.
    ExtensionError
        If it is one of an extension that cannot be used.
    """
    loss: Loss
    if name in LOSSES:
        module, _, function = LOSSES[name].partition(":")
        loss = getattr(import_module(module), function)
        return loss
    extension = find_extension(Family.LOSSES, name)
    if extension is None:
        known = names_with_extensions(Family.LOSSES, sorted(LOSSES))
        msg = f"unknown loss {name!r}; available: {', '.join(known)}"
        raise ConfigError(msg)
    loss = extension.load()
    return loss
