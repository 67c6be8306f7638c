"""U-Net in its padded form, at any width.

References
----------
.. [1] O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image
       Segmentation", MICCAI 2015, arXiv 1505.04597.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from roadex.models.base import SegmentationNetwork

FIRST_WIDTH = 64
"""Channels of the first stage at width 1."""

N_POOLINGS = 4


def _stage(in_channels: int, out_channels: int, *, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (in_channels, out_channels):
        layers.append(nn.Conv2d(width, out_channels, 3, padding=1, bias=not norm))
        layers += [nn.BatchNorm2d(out_channels)] if norm else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class UNet(SegmentationNetwork):
    """U-Net [1]_ with zero padding, so that logits are as large as the chip.

    Padding changes no parameter; the unpadded original turns 572 pixels into 388.

    Parameters
    ----------
    in_channels
        Bands.
    width
        Factor on all channel counts: 1 is the original with 64 channels in the first stage.
    norm
        Batch norm after each 3x3 convolution, which then has no bias. The original has none.
    """

    stride = 2**N_POOLINGS

    def __init__(self, in_channels: int = 3, *, width: float = 1.0, norm: bool = False) -> None:
        super().__init__(in_channels)
        first = round(FIRST_WIDTH * width)
        if first < 1:
            msg = f"width must leave at least one channel of {FIRST_WIDTH}, got {width}"
            raise ValueError(msg)
        widths = [first << level for level in range(N_POOLINGS + 1)]
        inputs = [in_channels, *widths[:-1]]
        self.downs = nn.ModuleList(
            _stage(n, m, norm=norm) for n, m in zip(inputs, widths, strict=True)
        )
        decreasing = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.upsamplings = nn.ModuleList(
            nn.ConvTranspose2d(deep, shallow, 2, stride=2) for deep, shallow in decreasing
        )
        self.ups = nn.ModuleList(_stage(deep, shallow, norm=norm) for deep, shallow in decreasing)
        self.head = nn.Conv2d(first, 1, 1)
        self._initialise()

    def _initialise(self) -> None:
        # Gaussian with standard deviation sqrt(2 / fan-in), section 3 of the paper.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def logits(self, chips: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)``; sides are multiples of the stride."""
        features = self.downs[0](chips)
        skips = []
        for down in self.downs[1:]:
            skips.append(features)
            features = down(functional.max_pool2d(features, 2))
        for upsampling, up in zip(self.upsamplings, self.ups, strict=True):
            features = up(torch.cat([skips.pop(), upsampling(features)], dim=1))
        logits: Tensor = self.head(features)
        return logits
