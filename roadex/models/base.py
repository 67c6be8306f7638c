"""What all networks share: any height and width in, logits of the same size out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class SegmentationNetwork(nn.Module):
    """A network that turns chips into road logits.

    A subclass sets ``stride`` (what height and width must be multiples of) and implements
    :meth:`logits` for such sizes. :meth:`forward` takes any size: it repeats the last row and
    column up to the next multiple and cuts the logits back.

    Attributes
    ----------
    in_channels
        Bands the network takes.
    stride
        Height and width inside the network are multiples of this many pixels.
    adaptation
        How given weights were fitted to the band count; ``""`` where nothing was changed. Goes
        into the metadata of a trained model.
    """

    in_channels: int
    stride: int = 32
    adaptation: str = ""

    def __init__(self, in_channels: int) -> None:
        if in_channels < 1:
            msg = f"in_channels must be at least 1, got {in_channels}"
            raise ValueError(msg)
        super().__init__()
        self.in_channels = in_channels

    def logits(self, chips: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)`` for ``chips`` whose sides are multiples of ``stride``."""
        raise NotImplementedError

    def forward(self, chips: Tensor) -> Tensor:
        """Return road logits for chips of any size.

        Parameters
        ----------
        chips
            Shape ``(N, C, H, W)``, scaled as the model's metadata say.

        Returns
        -------
        logits
            Shape ``(N, 1, H, W)``; float32, also where the network computes in 16 bits (float64
            for a float64 network). Their sigmoid is the probability of road.

        Raises
        ------
        ValueError
            If ``chips`` has another number of dimensions or bands.
        """
        if chips.ndim != 4 or chips.shape[1] != self.in_channels:
            msg = f"expected chips (N, {self.in_channels}, H, W), got {tuple(chips.shape)}"
            raise ValueError(msg)
        height, width = chips.shape[-2:]
        logits = self.logits(pad_to_multiple(chips, self.stride))[..., :height, :width]
        return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def pad_to_multiple(chips: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until height and width are multiples of ``multiple``.

    The top left corner stays where it is, so the grid of the deeper stages does too.
    ``chips`` itself is returned where nothing is to do.
    """
    height, width = chips.shape[-2:]
    bottom, right = -height % multiple, -width % multiple
    if bottom == 0 and right == 0:
        return chips
    return functional.pad(chips, (0, right, 0, bottom), mode="replicate")
