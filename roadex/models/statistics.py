"""Batch normalisation with the statistics of other images than those trained on.

References
----------
.. [1] Y. Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", ICLR
   Workshop 2017 (arXiv 1603.04779).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from roadex.models.base import RoadNetwork


@torch.inference_mode()
def with_statistics_of(network: RoadNetwork, images: Iterable[Tensor]) -> RoadNetwork:
    """Return a copy whose batch normalisation has the statistics of some images [1]_.

    No label is needed, so a model can be fitted to the look of a place it was not trained on.
    Whether that helps has to be measured: statistics also carry how much of an image is road.

    Parameters
    ----------
    network
        It is not changed.
    images
        Scaled network input, ``(C, h, w)`` each; all count alike, whatever their size.

    Raises
    ------
    ValueError
        If there is no image.
    """
    adapted = copy.deepcopy(network).eval()
    norms = _norms_of(adapted)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all images
        norm.train()
    n_images = 0
    for image in images:
        adapted(image[None])
        n_images += 1
    if n_images == 0:
        msg = "statistics of no image"
        raise ValueError(msg)
    for norm, original in zip(norms, _norms_of(network), strict=True):
        norm.momentum = original.momentum
    return adapted.eval()


def _norms_of(network: RoadNetwork) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
