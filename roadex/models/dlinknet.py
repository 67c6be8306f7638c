"""D-LinkNet and the LinkNet34 of its authors, over any encoder.

References
----------
.. [1] L. Zhou, C. Zhang, M. Wu, "D-LinkNet: LinkNet with Pretrained Encoder and Dilated
       Convolution for High Resolution Satellite Imagery Road Extraction", CVPR Workshops 2018.
.. [2] https://github.com/zlkanata/DeepGlobe-Road-Extraction-Challenge (MIT), ``networks/``: the
       definition held to, commit 7354f87.
.. [3] Y. Li et al., "Road Extraction from Unmanned Aerial Vehicle Remote Sensing Images Based on
       Improved Neural Networks", Sensors 19:4115, 2019: 1x1 convolutions around the centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from roadex.models.base import SegmentationNetwork
from roadex.models.encoders import build_encoder

MIN_DECODER_WIDTH = 16
"""Narrowest inner width of a decoder block: that of D-LinkNet34's last one (64 / 4)."""

HEAD_WIDTH = 32
"""Width of the head, as published."""

WIDE_CENTRE = 512
"""Encoders ending wider than this (D-LinkNet34's 512) get a bottleneck with ``"auto"``."""


class DilatedCentre(nn.Module):
    """Dilated convolutions in cascade, all intermediate results summed [1]_.

    ``width`` is not ``in_channels`` where a 1x1 convolution (with batch norm and ReLU) narrows
    the features first [3]_; the next decoder block takes them at that width.
    """

    def __init__(self, in_channels: int, width: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.reduce: nn.Module = nn.Identity()
        if width != in_channels:
            self.reduce = nn.Sequential(
                nn.Conv2d(in_channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
            )
        self.convs = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=rate, dilation=rate) for rate in dilations
        )
        for conv in self.convs:
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, width, h, w)``."""
        path: Tensor = self.reduce(features)
        total = path
        # The order of the published sum, x + d1 + d2 + ..., decides the last bit.
        for conv in self.convs:
            path = functional.relu(conv(path))
            total = total + path
        return total


class DecoderBlock(nn.Module):
    """1x1 to a quarter of the width, transposed 3x3 that doubles the size, 1x1 to the next."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        width = max(in_channels // 4, MIN_DECODER_WIDTH)
        self.conv1 = nn.Conv2d(in_channels, width, 1)
        self.norm1 = nn.BatchNorm2d(width)
        self.deconv2 = nn.ConvTranspose2d(width, width, 3, stride=2, padding=1, output_padding=1)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1)
        self.norm3 = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, out_channels, 2h, 2w)``."""
        features = functional.relu(self.norm1(self.conv1(features)))
        features = functional.relu(self.norm2(self.deconv2(features)))
        return functional.relu(self.norm3(self.conv3(features)))


class Decoder(nn.Module):
    """Centre and decoder blocks; the encoder's features are added after each block but the last."""

    def __init__(
        self, channels: Sequence[int], centre_width: int, dilations: Sequence[int]
    ) -> None:
        super().__init__()
        self.center = DilatedCentre(channels[-1], centre_width, dilations)
        inputs = [centre_width, *channels[-2::-1]]
        outputs = [*inputs[1:], channels[0]]
        self.blocks = nn.ModuleList(map(DecoderBlock, inputs, outputs))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return features at stride 2 from those at strides 4, 8, 16, ... ."""
        result: Tensor = self.center(features[-1])
        skips = list(features[-2::-1])
        for block, skip in zip(self.blocks, skips, strict=False):
            result = block(result) + skip
        last: Tensor = self.blocks[-1](result)
        return last


class Head(nn.Module):
    """From stride 2 to logits at full size.

    ``kind`` is that of D-LinkNet, or the unpadded one of LinkNet34: sizes 2n + 1, 2n - 1, 2n.
    """

    def __init__(
        self, in_channels: int, width: int, kind: Literal["dlinknet", "linknet34"]
    ) -> None:
        super().__init__()
        if kind == "dlinknet":
            self.deconv1 = nn.ConvTranspose2d(in_channels, width, 4, stride=2, padding=1)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1)
            self.conv3 = nn.Conv2d(width, 1, 3, padding=1)
        else:
            self.deconv1 = nn.ConvTranspose2d(in_channels, width, 3, stride=2)
            self.conv2 = nn.Conv2d(width, width, 3)
            self.conv3 = nn.Conv2d(width, 1, 2, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits ``(N, 1, 2h, 2w)``."""
        features = functional.relu(self.deconv1(features))
        features = functional.relu(self.conv2(features))
        logits: Tensor = self.conv3(features)
        return logits


class DLinkNet(SegmentationNetwork):
    """D-LinkNet over an encoder of segmentation-models-pytorch or timm.

    Parameters
    ----------
    in_channels
        Bands.
    encoder
        Name of the encoder; ``tu-`` in front of names of timm.
    bottleneck
        Width of the dilated centre. ``None`` is the encoder's own, as published. ``"auto"`` is
        that up to 512 channels; above, the power of two at or below a quarter of it, within
        256-512: of D-LinkNet50's parameters 87 % are the centre.
    dilations
        Rates of the centre. ``"auto"`` is 1, 2, 4, 8 at stride 32 and 1, 2, 4, 8, 16 at stride
        16, as published for D-LinkNet34 and its ``less_pool`` form. ``()`` is no centre.
    encoder_depth
        5 ends at stride 32, 4 at stride 16.
    encoder_weights
        Local file, see :func:`roadex.models.encoders.build_encoder`.
    head
        ``"dlinknet"`` or ``"linknet34"``, the two published forms.
    head_width
        Channels at full size. 32 as published; half of it halves the time spent there.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        encoder: str = "resnet34",
        bottleneck: int | Literal["auto"] | None = "auto",
        dilations: Sequence[int] | Literal["auto"] = "auto",
        encoder_depth: int = 5,
        encoder_weights: str | Path | None = None,
        head: Literal["dlinknet", "linknet34"] = "dlinknet",
        head_width: int = HEAD_WIDTH,
    ) -> None:
        super().__init__(in_channels)
        self.encoder, self.adaptation = build_encoder(
            encoder, in_channels=in_channels, depth=encoder_depth, weights=encoder_weights
        )
        self.stride = 2**encoder_depth
        # Strides 4 and up: D-LinkNet uses neither the input nor the features at stride 2.
        channels: list[int] = list(self.encoder.out_channels)[2:]  # type: ignore[arg-type]
        if dilations == "auto":
            dilations = (1, 2, 4, 8) if encoder_depth == 5 else (1, 2, 4, 8, 16)
        width = centre_width(channels[-1]) if bottleneck == "auto" else bottleneck
        self.decoder = Decoder(channels, width or channels[-1], dilations)
        self.segmentation_head = Head(channels[0], head_width, head)

    def logits(self, chips: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)``; sides are multiples of the stride."""
        features = self.encoder(chips)
        logits: Tensor = self.segmentation_head(self.decoder(features[2:]))
        return logits


def centre_width(channels: int) -> int:
    """Return the width that ``bottleneck="auto"`` gives an encoder ending in ``channels``."""
    if channels <= WIDE_CENTRE:
        return channels
    quarter_power = 1 << ((channels // 4).bit_length() - 1)
    return min(max(quarter_power, 256), 512)
