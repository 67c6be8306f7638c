"""EfficientNet-Lite0 as an encoder, without the libraries that also have it.

EfficientNet made for 8-bit arithmetic: no squeeze and excitation, ReLU6 for swish [1]_.

References
----------
.. [1] "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow Blog, March 2020;
       M. Tan, Q. V. Le, "EfficientNet", ICML 2019, table 1.
.. [2] timm 1.0, ``tf_efficientnet_lite0`` (Apache-2.0): the names of weights held to, and how
       TensorFlow pads.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

STEM_WIDTH = 32

STAGES = (
    # kernel, expansion, channels, repeats, stride of the first [1]_
    (3, 1, 16, 1, 1),
    (3, 6, 24, 2, 2),
    (5, 6, 40, 2, 2),
    (3, 6, 80, 3, 2),
    (5, 6, 112, 3, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)

LAST_BEFORE_HALVING = (0, 1, 2, 4, 6)
"""Stages whose features are given on: the last ones at strides 2, 4, 8, 16 and 32."""

NORM_EPS = 1e-3
"""Of batch normalisation, as TensorFlow has it."""


class SameConv2d(nn.Conv2d):
    """Convolution that pads as TensorFlow does: of an odd number of pixels more on the far side."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(
            in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False
        )
        # Sides are even wherever the stride is 2: those of chips are multiples of 32.
        near = (kernel - 2) // 2
        self._pads = (near, kernel - 2 - near) * 2 if stride == 2 else None

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, out_channels, h / stride, w / stride)``."""
        return super().forward(
            features if self._pads is None else functional.pad(features, self._pads)
        )


class DepthwiseSeparable(nn.Module):
    """A convolution in each channel, then a 1x1 convolution without activation."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw = SameConv2d(in_channels, in_channels, kernel, groups=in_channels)
        self.bn1 = nn.BatchNorm2d(in_channels, NORM_EPS)
        self.conv_pw = SameConv2d(in_channels, out_channels, 1)
        self.bn2 = nn.BatchNorm2d(out_channels, NORM_EPS)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, out_channels, h, w)``."""
        features = functional.relu6(self.bn1(self.conv_dw(features)))
        result: Tensor = self.bn2(self.conv_pw(features))
        return result


class InvertedResidual(nn.Module):
    """Widened by a 1x1 convolution, one in each channel, narrowed again without activation."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        width = in_channels * expansion
        self.conv_pw = SameConv2d(in_channels, width, 1)
        self.bn1 = nn.BatchNorm2d(width, NORM_EPS)
        self.conv_dw = SameConv2d(width, width, kernel, stride, groups=width)
        self.bn2 = nn.BatchNorm2d(width, NORM_EPS)
        self.conv_pwl = SameConv2d(width, out_channels, 1)
        self.bn3 = nn.BatchNorm2d(out_channels, NORM_EPS)
        self.is_residual = stride == 1 and in_channels == out_channels

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, out_channels, h / stride, w / stride)``."""
        wide = functional.relu6(self.bn1(self.conv_pw(features)))
        wide = functional.relu6(self.bn2(self.conv_dw(wide)))
        result: Tensor = self.bn3(self.conv_pwl(wide))
        return features + result if self.is_residual else result


class EfficientNetLite0(nn.Module):
    """Gives the input and one feature map per halving.

    Parameters
    ----------
    in_channels
        Bands.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.out_channels = [in_channels, *(STAGES[i][2] for i in LAST_BEFORE_HALVING)]
        self.conv_stem = SameConv2d(in_channels, STEM_WIDTH, 3, 2)
        self.bn1 = nn.BatchNorm2d(STEM_WIDTH, NORM_EPS)
        stages: list[nn.Module] = []
        width = STEM_WIDTH
        for kernel, expansion, channels, repeats, stride in STAGES:
            blocks: list[nn.Module] = []
            for i in range(repeats):
                if expansion == 1:
                    blocks.append(DepthwiseSeparable(width, channels, kernel))
                else:
                    step = stride if i == 0 else 1
                    blocks.append(InvertedResidual(width, channels, kernel, step, expansion))
                width = channels
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, chips: Tensor) -> list[Tensor]:
        """Return the features, the input first; height and width are multiples of 32."""
        features = functional.relu6(self.bn1(self.conv_stem(chips)))
        result = [chips]
        for i, stage in enumerate(self.blocks):
            features = stage(features)
            if i in LAST_BEFORE_HALVING:
                result.append(features)
        return result
