"""LinkNet as its paper defines it, on ResNet-18.

Not the network that the D-LinkNet authors call LinkNet34 (``linknet34``): here all four encoder
stages are bypassed, the last decoder block keeps the size, and the head differs.

References
----------
.. [1] A. Chaurasia, E. Culurciello, "LinkNet: Exploiting Encoder Representations for Efficient
       Semantic Segmentation", VCIP 2017, arXiv 1707.03718.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from roadex.models.base import SegmentationNetwork
from roadex.models.encoders import build_encoder

STAGE_WIDTHS = (64, 64, 128, 256, 512)
"""Channels after the initial block and after each of the four encoder stages."""

HEAD_WIDTH = 32


def _convolution(n: int, m: int, kernel: int, *, bias: bool = False) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n, m, kernel, padding=kernel // 2, bias=bias),
        nn.BatchNorm2d(m),
        nn.ReLU(),
    )


def _full_convolution(n: int, m: int, stride: int, *, bias: bool = False) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(n, m, 3, stride=stride, padding=1, output_padding=stride - 1, bias=bias),
        nn.BatchNorm2d(m),
        nn.ReLU(),
    )


def _decoder(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    width = in_channels // 4
    return nn.Sequential(
        _convolution(in_channels, width, 1),
        _full_convolution(width, width, stride),
        _convolution(width, out_channels, 1),
    )


class LinkNet(SegmentationNetwork):
    """LinkNet on ResNet-18 [1]_.

    Parameters
    ----------
    in_channels
        Bands.
    bypass
        Whether the encoder's features are added in the decoder. ``False`` is the ablation of the
        paper; the number of parameters is the same.
    encoder_weights
        Local file with ResNet-18 weights, see :func:`roadex.models.encoders.build_encoder`.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        bypass: bool = True,
        encoder_weights: str | Path | None = None,
    ) -> None:
        super().__init__(in_channels)
        self.bypass = bypass
        self.encoder, self.adaptation = build_encoder(
            "resnet18", in_channels=in_channels, weights=encoder_weights
        )
        inputs, outputs = STAGE_WIDTHS[:0:-1], STAGE_WIDTHS[-2::-1]
        self.decoders = nn.ModuleList(map(_decoder, inputs, outputs, (2, 2, 2, 1)))
        # Here, and not in the decoders, the authors' code keeps biases before batch norm.
        self.head = nn.Sequential(
            _full_convolution(STAGE_WIDTHS[0], HEAD_WIDTH, 2, bias=True),
            _convolution(HEAD_WIDTH, HEAD_WIDTH, 3, bias=True),
            nn.ConvTranspose2d(HEAD_WIDTH, 1, 2, stride=2),
        )

    def logits(self, chips: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)``; sides are multiples of the stride."""
        # The encoder's own forward does not give the features after the pooling, which the last
        # decoder's result is added to.
        encoder = self.encoder
        features: Tensor = encoder.maxpool(encoder.relu(encoder.bn1(encoder.conv1(chips))))  # type: ignore[operator]
        skips = []
        for stage in (encoder.layer1, encoder.layer2, encoder.layer3, encoder.layer4):
            skips.append(features)
            features = stage(features)  # type: ignore[operator]
        for decoder in self.decoders:
            features = decoder(features)
            skip = skips.pop()
            features = features + skip if self.bypass else features
        logits: Tensor = self.head(features)
        return logits
