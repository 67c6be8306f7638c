"""MobileNetV2 as an encoder, without the libraries that also have it: they take seconds to import.

References
----------
.. [1] M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, arXiv
       1801.04381, table 2.
.. [2] torchvision 0.29, ``models/mobilenetv2.py`` (BSD-3-Clause): the names of weights held to.
"""

from __future__ import annotations

from torch import Tensor, nn

STEM_WIDTH = 32
LAST_WIDTH = 1280

BLOCKS = (
    # expansion, channels, repeats, stride of the first [1]_
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

LAST_BEFORE_HALVING = (1, 3, 6, 13, 18)
"""Modules whose features are given on: the last ones at strides 2, 4, 8, 16 and 32."""


class _Convolution(nn.Sequential):
    """Convolution, batch norm, ReLU6."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(
            nn.Conv2d(
                in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups,
                bias=False,
            ),
            nn.BatchNorm2d(out_channels),
            nn.ReLU6(inplace=True),
        )  # fmt: skip


class InvertedResidual(nn.Module):
    """Widened by a 1x1 convolution, 3x3 in each channel, narrowed again without activation."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = in_channels * expansion
        widen = [_Convolution(in_channels, width, 1)] if expansion > 1 else []
        self.conv = nn.Sequential(
            *widen,
            _Convolution(width, width, 3, stride, groups=width),
            nn.Conv2d(width, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.is_residual = stride == 1 and in_channels == out_channels

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, out_channels, h / stride, w / stride)``."""
        result: Tensor = self.conv(features)
        return features + result if self.is_residual else result


class MobileNetV2(nn.Module):
    """Gives the input and one feature map per halving.

    Parameters
    ----------
    in_channels
        Bands.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.out_channels = [in_channels, 16, 24, 32, 96, LAST_WIDTH]
        layers: list[nn.Module] = [_Convolution(in_channels, STEM_WIDTH, 3, 2)]
        width = STEM_WIDTH
        for expansion, channels, repeats, stride in BLOCKS:
            for i in range(repeats):
                layers.append(InvertedResidual(width, channels, stride if i == 0 else 1, expansion))
                width = channels
        layers.append(_Convolution(width, LAST_WIDTH, 1))
        self.features = nn.Sequential(*layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, chips: Tensor) -> list[Tensor]:
        """Return the features, the input first."""
        result, features = [chips], chips
        for i, module in enumerate(self.features):
            features = module(features)
            if i in LAST_BEFORE_HALVING:
                result.append(features)
        return result
