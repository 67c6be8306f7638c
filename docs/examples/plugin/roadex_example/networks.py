"""A network of three convolutions: quick to train, good for nothing but trying things out."""

from __future__ import annotations

from torch import Tensor, nn

from roadex.models.base import SegmentationNetwork


class Tiny(SegmentationNetwork):
    """Sees 5 pixels in each direction.

    Parameters
    ----------
    in_channels
        Bands of the chips.
    width
        Channels between the convolutions.
    """

    stride = 1

    def __init__(self, in_channels: int, *, width: int = 8) -> None:
        super().__init__(in_channels)
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, 1, 3, padding=1),
        )

    def logits(self, chips: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)`` for chips ``(N, C, H, W)``."""
        out: Tensor = self.layers(chips)
        return out
