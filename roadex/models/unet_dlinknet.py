"""The U-Net with seven poolings that the D-LinkNet authors compare with.

References
----------
.. [1] https://github.com/zlkanata/DeepGlobe-Road-Extraction-Challenge (MIT), ``networks/unet.py``
       at commit 7354f87; the baseline of L. Zhou et al., CVPR Workshops 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from roadex.models.base import SegmentationNetwork

WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
"""Channels of the seven stages and of the centre."""


def _stage(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.ReLU(),
    )


def _upsampling(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False),
        nn.ReLU(),
    )


class UNetDLinkNet(SegmentationNetwork):
    """U-Net of the D-LinkNet authors [1]_: narrow, seven poolings, no batch norm.

    Sides are multiples of 128 inside. Module names are those of the original, ``downs.0`` for
    ``down1`` and so on.
    """

    stride = 2 ** (len(WIDTHS) - 1)

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__(in_channels)
        inputs = (in_channels, *WIDTHS[:-2])
        self.downs = nn.ModuleList(map(_stage, inputs, WIDTHS[:-1]))
        self.center = _stage(WIDTHS[-2], WIDTHS[-1])
        # In the order of their numbers, shallow first: the forward pass takes them backwards.
        self.transs = nn.ModuleList(map(_upsampling, WIDTHS[1:], WIDTHS[:-1]))
        self.ups = nn.ModuleList(map(_stage, WIDTHS[1:], WIDTHS[:-1]))
        self.conv_last = nn.Sequential(nn.Conv2d(WIDTHS[0], 1, 3, padding=1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def logits(self, chips: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)``; sides are multiples of the stride."""
        features = chips
        skips = []
        for down in self.downs:
            features = down(features)
            skips.append(features)
            features = functional.max_pool2d(features, 2)
        features = self.center(features)
        for trans, up in zip(self.transs[::-1], self.ups[::-1], strict=True):
            features = up(torch.cat([trans(features), skips.pop()], dim=1))
        logits: Tensor = self.conv_last(features)
        return logits
