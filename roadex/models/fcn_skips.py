"""The fully convolutional residual network with long and short skip connections.

References
----------
.. [1] M. Drozdzal, E. Vorontsov, G. Chartrand, S. Kadoury, C. Pal, "The Importance of Skip
       Connections in Biomedical Image Segmentation", DLMIA 2016, arXiv 1608.04117.
.. [2] https://github.com/veugene/fcn_maker, code of the second author: order of the layers in a
       block, where paths join, initial values.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from roadex.models.base import SegmentationNetwork

INITIAL_WIDTH = 32
REPEATS = (3, 8, 10, 3, 10, 8, 3)
"""Bottleneck blocks in the three stages down, across, and the three stages up [1]_."""

EXPANSION = 4
"""A bottleneck block of width f gives 4 f channels."""


class PreActivation(nn.Sequential):
    """Batch norm, ReLU, then what is given: every convolution is preceded by the first two."""

    def __init__(self, in_channels: int, *layers: nn.Module) -> None:
        super().__init__(nn.BatchNorm2d(in_channels), nn.ReLU(), *layers)


class Residual(nn.Module):
    """A path with an optional short skip around it.

    ``down`` and ``up`` say that the path halves or doubles the size (or one after the other); the
    skip then takes every second pixel or repeats pixels. A 1x1 convolution is on the skip only
    where the number of channels changes.
    """

    def __init__(
        self,
        path: nn.Module,
        in_channels: int,
        out_channels: int,
        *,
        short_skip: bool,
        down: bool,
        up: bool,
    ) -> None:
        super().__init__()
        self.path = path
        self.short_skip = short_skip
        self.down = down
        self.up = up
        self.shortcut: nn.Module = nn.Identity()
        if short_skip and in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the path's result, plus the skip."""
        result: Tensor = self.path(features)
        if not self.short_skip:
            return result
        skip = features[..., ::2, ::2] if self.down else features
        skip = functional.interpolate(skip, scale_factor=2.0) if self.up else skip
        total: Tensor = result + self.shortcut(skip)
        return total


def _upsampling(is_wanted: bool) -> list[nn.Module]:
    return [nn.Upsample(scale_factor=2.0)] if is_wanted else []


def _simple(n: int, m: int, *, dropout: float, short_skip: bool, down: bool, up: bool) -> Residual:
    """One 3x3 convolution, with max pooling before or nearest upsampling after it."""
    pooling = [nn.MaxPool2d(2)] if down else []
    path = PreActivation(
        n, *pooling, nn.Conv2d(n, m, 3, padding=1), nn.Dropout(dropout), *_upsampling(up)
    )
    return Residual(path, n, m, short_skip=short_skip, down=down, up=up)


def _bottleneck(
    n: int, width: int, *, dropout: float, short_skip: bool, down: bool, up: bool
) -> Residual:
    """1x1, 3x3, 1x1; the first has stride 2 going down, the last follows upsampling going up."""
    path = nn.Sequential(
        PreActivation(n, nn.Conv2d(n, width, 1, stride=2 if down else 1)),
        PreActivation(width, nn.Conv2d(width, width, 3, padding=1)),
        PreActivation(width, *_upsampling(up), nn.Conv2d(width, EXPANSION * width, 1)),
        nn.Dropout(dropout),
    )
    return Residual(path, n, EXPANSION * width, short_skip=short_skip, down=down, up=up)


def _stage(
    n: int, width: int, repeats: int, *, dropout: float, short_skip: bool, down: bool, up: bool
) -> nn.Sequential:
    """Bottleneck blocks; the first halves the size going down, the last doubles it going up."""
    return nn.Sequential(
        *(
            _bottleneck(
                n if i == 0 else EXPANSION * width,
                width,
                dropout=dropout,
                short_skip=short_skip,
                down=down and i == 0,
                up=up and i == repeats - 1,
            )
            for i in range(repeats)
        )
    )


def _adapter(n: int, m: int) -> nn.Module:
    return nn.Identity() if n == m else nn.Conv2d(n, m, 1)


def _check_repeats(repeats: Sequence[int]) -> None:
    if len(repeats) != len(REPEATS) or min(repeats) < 1:
        msg = f"repeats must be {len(REPEATS)} positive numbers, got {tuple(repeats)}"
        raise ValueError(msg)


class FCNSkips(SegmentationNetwork):
    """Long and short skip connections on one deep residual network [1]_.

    Parameters
    ----------
    in_channels
        Bands.
    long_skip
        Whether features of the way down are added to the input of each stage of the way up.
    short_skip
        Whether each block's input is added to its result.
    repeats
        Bottleneck blocks per stage: three down, across, three up.
    dropout
        Probability inside each block; 0.1 in the published recipe.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        long_skip: bool = True,
        short_skip: bool = True,
        repeats: Sequence[int] = REPEATS,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(in_channels)
        _check_repeats(repeats)
        self.long_skip = long_skip
        simple = partial(_simple, dropout=dropout, short_skip=short_skip)
        stage = partial(_stage, dropout=dropout, short_skip=short_skip)
        first, across = INITIAL_WIDTH, INITIAL_WIDTH << 3
        widths = [first << level for level in range(3)]
        channels = [first, first, *(EXPANSION * width for width in widths)]
        stages = zip(channels[1:], widths, repeats, strict=False)
        self.downs = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(in_channels, first, 3, padding=1), nn.Dropout(dropout)),
                simple(first, first, down=True, up=False),
                *(stage(n, w, r, down=True, up=False) for n, w, r in stages),
            ]
        )
        self.across = stage(channels[-1], across, repeats[3], down=True, up=True)
        # With long skips a stage of the way up takes the channels of its partner on the way down.
        given = [EXPANSION * across, *channels[:1:-1], first]
        taken = channels[::-1] if long_skip else given
        self.long_skips = nn.ModuleList(map(_adapter, given, taken))
        stages = zip(taken, widths[::-1], repeats[4:], strict=False)
        self.ups = nn.ModuleList(
            [
                *(stage(n, w, r, down=False, up=True) for n, w, r in stages),
                simple(taken[3], first, down=False, up=True),
                PreActivation(first, nn.Conv2d(first, first, 3, padding=1), nn.Dropout(dropout)),
            ]
        )
        self.head = nn.Conv2d(first, 1, 1)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def logits(self, chips: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)``; sides are multiples of the stride."""
        features = chips
        skips = []
        for down in self.downs:
            features = down(features)
            skips.append(features)
        features = self.across(features)
        for adapt, up in zip(self.long_skips, self.ups, strict=True):
            skip = skips.pop()
            features = up(adapt(features) + skip if self.long_skip else features)
        logits: Tensor = self.head(features)
        return logits
