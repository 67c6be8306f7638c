"""Augmentations of installed extensions, which ``augment.add`` names."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import numpy as np
from torch import Tensor

from roadex.extensions import Family, require_extension

Sample: TypeAlias = tuple[Tensor, Tensor, Tensor]
Augmentation: TypeAlias = Callable[[Tensor, Tensor, Tensor, np.random.Generator], Sample]
"""``augment(image, target, valid, rng) -> (image, target, valid)``: image float32 ``(C, s, s)`` in
[0, 255], target float32 ``(1, s, s)``, 0 or 1, valid bool ``(1, s, s)``. All randomness comes from
``rng``."""


@cache
def augmentation_by_name(name: str) -> Augmentation:
    """Import an augmentation.

    Raises
    ------
    ConfigError
        If no installed package offers it.
    ExtensionError
        If it cannot be used.
    """
    extension = require_extension(Family.AUGMENTATIONS, name, setting="augment.add")
    augmentation: Augmentation = extension.load()
    return augmentation
