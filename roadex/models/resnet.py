"""ResNets as encoders, without the libraries that also have them: they take seconds to import.

References
----------
.. [1] K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv 1512.03385,
       table 1.
.. [2] torchvision 0.29, ``models/resnet.py`` (BSD-3-Clause): the names of weights held to, and the
       stride at the 3x3 convolution of a bottleneck.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

STEM_WIDTH = 64
STAGE_WIDTHS = (64, 128, 256, 512)
"""Inner widths of the four stages; a bottleneck gives out four times as many channels."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside the identity."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(in_channels, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _convolution(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(in_channels, width, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, width, h / stride, w / stride)``."""
        result = self.relu(self.bn1(self.conv1(features)))
        result = self.bn2(self.conv2(result))
        return _added(self, result, features)


class Bottleneck(nn.Module):
    """1x1 to the width, 3x3, 1x1 to four times the width, beside the identity."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(in_channels, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _convolution(width, width * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, width * self.expansion, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, 4 * width, h / stride, w / stride)``."""
        result = self.relu(self.bn1(self.conv1(features)))
        result = self.relu(self.bn2(self.conv2(result)))
        result = self.bn3(self.conv3(result))
        return _added(self, result, features)


LAYERS: dict[str, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, ...]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
    "resnet152": (Bottleneck, (3, 8, 36, 3)),
}
"""Name to the kind of block and how many of them each stage has [1]_."""


class ResNet(nn.Module):
    """Gives the input and one feature map per halving.

    Parameters
    ----------
    name
        One of :data:`LAYERS`.
    in_channels
        Bands.
    depth
        Number of halvings, 2 to 5; stages that would come after them are left out.
    """

    def __init__(self, name: str, in_channels: int, depth: int = 5) -> None:
        super().__init__()
        block, repeats = LAYERS[name]
        widths = [width * block.expansion for width in STAGE_WIDTHS[: depth - 1]]
        self.out_channels = [in_channels, STEM_WIDTH, *widths]
        self.conv1 = nn.Conv2d(in_channels, STEM_WIDTH, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_WIDTH)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self._stages = tuple(f"layer{i + 1}" for i in range(depth - 1))
        inputs = [STEM_WIDTH, *widths]
        for i, stage in enumerate(self._stages):
            blocks = _stage(
                block, inputs[i], STAGE_WIDTHS[i], repeats[i], stride=1 if i == 0 else 2
            )
            self.add_module(stage, blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, chips: Tensor) -> list[Tensor]:
        """Return the features, the input first."""
        features = self.relu(self.bn1(self.conv1(chips)))
        result = [chips, features]
        features = self.maxpool(features)
        for stage in self._stages:
            features = getattr(self, stage)(features)
            result.append(features)
        return result


def _stage(
    block: Callable[[int, int, int], BasicBlock | Bottleneck],
    in_channels: int, width: int, repeats: int, *, stride: int,
) -> nn.Sequential:  # fmt: skip
    first = block(in_channels, width, stride)
    out_channels = width * first.expansion
    return nn.Sequential(first, *(block(out_channels, width, 1) for _ in range(repeats - 1)))


def _convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """Return what brings the identity to the size of the result, where that differs."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(
        _convolution(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels)
    )


def _added(block: BasicBlock | Bottleneck, result: Tensor, features: Tensor) -> Tensor:
    identity = features if block.downsample is None else block.downsample(features)
    total: Tensor = block.relu(result + identity)
    return total
