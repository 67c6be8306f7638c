"""The network of ``roadex-light`` in plain PyTorch: D-LinkNet over MobileNetV2.

Same modules, same names of tensors and the same arithmetic as ``roadex.models.dlinknet`` over the
``mobilenet_v2`` encoder of segmentation-models-pytorch, which a bare GPU machine does not have.

References
----------
.. [1] L. Zhou, C. Zhang, M. Wu, "D-LinkNet", CVPR Workshops 2018.
.. [2] M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018,
       table 2; names of tensors as in torchvision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 32

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, number of blocks, stride of the first [2]_."""

LAST_CHANNELS = 1280
TAPS = (3, 6, 13, 18)
"""Indices of the features at strides 4, 8, 16 and 32."""

TAP_CHANNELS = (24, 32, 96, LAST_CHANNELS)
CENTRE_WIDTH = 256
DILATIONS = (1, 2, 4, 8)
MIN_DECODER_WIDTH = 16


def conv_norm(n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    """Return convolution, batch norm and ReLU6."""
    conv = nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(n_out), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Block of MobileNetV2 [2]_."""

    def __init__(self, n_in: int, n_out: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        width = n_in * expansion
        self.is_residual = stride == 1 and n_in == n_out
        layers = [] if expansion == 1 else [conv_norm(n_in, width, 1)]
        layers += [
            conv_norm(width, width, 3, stride, groups=width),
            nn.Conv2d(width, n_out, 1, bias=False),
            nn.BatchNorm2d(n_out),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Return features, at half the size where ``stride`` is 2."""
        changed: Tensor = self.conv(features)
        return features + changed if self.is_residual else changed


class Encoder(nn.Module):
    """MobileNetV2 without its classifier."""

    def __init__(self) -> None:
        super().__init__()
        layers, n_in = [conv_norm(3, 32, 3, 2)], 32
        for expansion, n_out, n_blocks, stride in STAGES:
            for block in range(n_blocks):
                first = stride if block == 0 else 1
                layers.append(InvertedResidual(n_in, n_out, stride=first, expansion=expansion))
                n_in = n_out
        layers.append(conv_norm(n_in, LAST_CHANNELS, 1))
        self.features = nn.Sequential(*layers)

    def forward(self, chips: Tensor) -> list[Tensor]:
        """Return the features at strides 4, 8, 16 and 32."""
        found, features = [], chips
        for index, layer in enumerate(self.features):
            features = layer(features)
            if index in TAPS:
                found.append(features)
        return found


class DilatedCentre(nn.Module):
    """1x1 to ``width``, then dilated convolutions in cascade, all results summed [1]_."""

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(
            nn.Conv2d(n_in, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.convs = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=rate, dilation=rate) for rate in DILATIONS
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, width, h, w)``."""
        path: Tensor = self.reduce(features)
        total = path
        for conv in self.convs:
            path = functional.relu(conv(path))
            total = total + path
        return total


class DecoderBlock(nn.Module):
    """1x1 to a quarter of the width, transposed 3x3 that doubles the size, 1x1 to the next [1]_."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        width = max(n_in // 4, MIN_DECODER_WIDTH)
        self.conv1 = nn.Conv2d(n_in, width, 1)
        self.norm1 = nn.BatchNorm2d(width)
        self.deconv2 = nn.ConvTranspose2d(width, width, 3, stride=2, padding=1, output_padding=1)
        self.norm2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, n_out, 1)
        self.norm3 = nn.BatchNorm2d(n_out)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, n_out, 2h, 2w)``."""
        features = functional.relu(self.norm1(self.conv1(features)))
        features = functional.relu(self.norm2(self.deconv2(features)))
        return functional.relu(self.norm3(self.conv3(features)))


class Decoder(nn.Module):
    """Centre and four blocks; the encoder's features are added after each but the last."""

    def __init__(self) -> None:
        super().__init__()
        self.center = DilatedCentre(TAP_CHANNELS[-1], CENTRE_WIDTH)
        inputs = [CENTRE_WIDTH, *TAP_CHANNELS[-2::-1]]
        self.blocks = nn.ModuleList(map(DecoderBlock, inputs, [*inputs[1:], TAP_CHANNELS[0]]))

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return features at stride 2."""
        result: Tensor = self.center(features[-1])
        for block, skip in zip(self.blocks, features[-2::-1], strict=False):
            result = block(result) + skip
        last: Tensor = self.blocks[-1](result)
        return last


class Head(nn.Module):
    """From stride 2 to logits at full size."""

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__()
        self.deconv1 = nn.ConvTranspose2d(n_in, width, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv3 = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits ``(N, 1, 2h, 2w)``."""
        features = functional.relu(self.deconv1(features))
        logits: Tensor = self.conv3(functional.relu(self.conv2(features)))
        return logits


class LightNetwork(nn.Module):
    """D-LinkNet over MobileNetV2; sides of chips are multiples of 32.

    Parameters
    ----------
    head_width
        Channels at full size; 16 in ``roadex-light``.
    """

    def __init__(self, head_width: int = 32) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.segmentation_head = Head(TAP_CHANNELS[0], head_width)

    def forward(self, chips: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)``, float32, for chips ``(N, 3, H, W)`` in [-1, 1]."""
        logits: Tensor = self.segmentation_head(self.decoder(self.encoder(chips)))
        return logits.float()


def build_network(metadata: Mapping[str, Any], state: Mapping[str, Tensor]) -> LightNetwork:
    """Return the network that the metadata of a model file describe, with its weights.

    Raises
    ------
    SystemExit
        If it is not D-LinkNet over MobileNetV2 with inputs from -1 to 1, all this kit knows.
    """
    arguments = dict(metadata["arguments"])
    width = arguments.pop("head_width", 32)
    is_known = metadata["network"] == "dlinknet" and arguments == {"encoder": "mobilenet_v2"}
    if not is_known or set(metadata["offset"]) != {-1.0} or len(metadata["bands"]) != 3:
        msg = (
            f"{metadata['name']} is {metadata['network']} {metadata['arguments']}; this kit trains "
            "dlinknet over mobilenet_v2 with three bands scaled to -1..1"
        )
        raise SystemExit(msg)
    network = LightNetwork(width)
    network.load_state_dict({key: _as_float(tensor) for key, tensor in state.items()})
    return network.to(memory_format=torch.channels_last)


def _as_float(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
