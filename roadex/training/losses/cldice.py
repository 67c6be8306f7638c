"""BCE + dice + soft clDice: the published D-LinkNet loss with a term for connectivity.

References
----------
.. [1] S. Shit et al., "clDice: a novel topology-preserving loss function for tubular structure
   segmentation", CVPR 2021 (soft skeleton by iterated min and max pooling, Algorithm 1).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, relu

from roadex.training.losses.bce_dice import bce_dice

SOFT_SKELETON_STEPS = 5
"""Iterations of the soft skeleton: enough for half of a road 10 pixels wide."""

CLDICE_WEIGHT = 0.3
"""Share of the clDice term beside BCE + dice."""

_SMOOTH = 1.0


def bce_dice_cldice(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """BCE + dice plus :data:`CLDICE_WEIGHT` times one minus the soft clDice of the batch."""
    weight = valid.float()
    probability = torch.sigmoid(logits.float()) * weight
    return bce_dice(logits, target, valid) + CLDICE_WEIGHT * soft_cldice_loss(
        probability, target.float() * weight
    )


def soft_cldice_loss(probability: Tensor, target: Tensor) -> Tensor:
    """One minus the harmonic mean of soft topology precision and sensitivity, in [0, 1]."""
    skeleton_p, skeleton_t = soft_skeleton(probability), soft_skeleton(target)
    precision = ((skeleton_p * target).sum() + _SMOOTH) / (skeleton_p.sum() + _SMOOTH)
    sensitivity = ((skeleton_t * probability).sum() + _SMOOTH) / (skeleton_t.sum() + _SMOOTH)
    return 1 - 2 * precision * sensitivity / (precision + sensitivity)


def soft_skeleton(probability: Tensor) -> Tensor:
    """Differentiable skeleton of ``(N, 1, H, W)`` values in [0, 1] (Algorithm 1 of [1])."""
    skeleton = relu(probability - _soft_open(probability))
    for _ in range(SOFT_SKELETON_STEPS):
        probability = _soft_erode(probability)
        rest = relu(probability - _soft_open(probability))
        skeleton = skeleton + relu(rest - skeleton * rest)
    return skeleton


def _soft_erode(values: Tensor) -> Tensor:
    vertical = -max_pool2d(-values, (3, 1), (1, 1), (1, 0))
    horizontal = -max_pool2d(-values, (1, 3), (1, 1), (0, 1))
    return torch.minimum(vertical, horizontal)


def _soft_open(values: Tensor) -> Tensor:
    return max_pool2d(_soft_erode(values), 3, 1, 1)
