"""The Tversky loss: dice with a price for missed roads of its own.

References
----------
.. [1] S. S. M. Salehi, D. Erdogmus, A. Gholipour, "Tversky loss function for image segmentation
   using 3D fully convolutional deep networks", MLMI 2017, arXiv 1706.05721, equation 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

FALSE_ROAD, MISSED_ROAD = 0.3, 0.7
"""Weights alpha and beta of the paper, at which its segmentations were best."""


def tversky(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Return one minus the Tversky index of all valid pixels of the batch, 0 without any road.

    Shapes ``(N, 1, H, W)``; ``target`` is 0 or 1, pixels that are not ``valid`` never count.
    """
    weight = valid.float()
    road = torch.sigmoid(logits.float()) * weight
    truth = target.float() * weight
    overlap = (road * truth).sum()
    wrong = FALSE_ROAD * (road - road * truth).sum() + MISSED_ROAD * (truth - road * truth).sum()
    total = overlap + wrong
    smallest = torch.finfo(total.dtype).tiny
    return torch.where(total > smallest, 1 - overlap / total.clamp(min=smallest), total * 0)
