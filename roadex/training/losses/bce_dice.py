"""Binary cross-entropy plus batch dice: the loss D-LinkNet was published with.

References
----------
.. [1] L. Zhou, C. Zhang, M. Wu, "D-LinkNet", CVPR Workshops 2018, and ``loss.py`` of the authors'
   repository: ``BCELoss(p, t) + 1 - 2 sum(p t) / (sum(p) + sum(t))`` with the sums over the whole
   batch and no smoothing term.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def bce_dice(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean binary cross-entropy over valid pixels plus one minus the dice of the whole batch.

    Equal to the published loss where every pixel is valid and the dice is defined. Two repairs:
    the cross-entropy is taken from logits (the published one saturates at probability 0 and 1),
    and where the dice is 0/0 its term is 0.

    Parameters
    ----------
    logits, target, valid
        As in :mod:`roadex.training.losses`; shapes ``(N, 1, H, W)``.

    Returns
    -------
    loss
        Scalar, at least 0.
    """
    logits, target = logits.float(), target.float()
    weight = valid.to(logits.dtype)
    return bce(logits, target, valid) + dice_loss(torch.sigmoid(logits) * weight, target * weight)


def bce(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean binary cross-entropy over valid pixels; arguments as in :func:`bce_dice`."""
    logits, weight = logits.float(), valid.float()
    n_valid = weight.sum().clamp(min=1)
    return (
        binary_cross_entropy_with_logits(logits, target.float(), weight, reduction="sum") / n_valid
    )


def dice_loss(probability: Tensor, target: Tensor) -> Tensor:
    """One minus ``2 sum(p t) / (sum(p) + sum(t))`` over all elements; 0 where that is 0/0."""
    overlap = (probability * target).sum()
    total = probability.sum() + target.sum()
    smallest = torch.finfo(total.dtype).tiny
    return torch.where(total > smallest, 1 - 2 * overlap / total.clamp(min=smallest), total * 0)
