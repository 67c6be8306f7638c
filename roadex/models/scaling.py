"""How 0-255 radiometry becomes network input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from torch import Tensor

    from roadex.models.modelfile import ModelMetadata


@dataclass(frozen=True, slots=True)
class Scaling:
    """Per band ``x * scale + offset``; bands in the order of the network."""

    scale: tuple[float, ...] = (1 / 127.5,) * 3
    offset: tuple[float, ...] = (-1.0,) * 3

    @classmethod
    def of(cls, metadata: ModelMetadata) -> Self:
        """Return the scaling a model was trained with."""
        return cls(metadata.scale, metadata.offset)

    def apply(self, chips: Tensor) -> Tensor:
        """Scale chips of shape ``(..., C, H, W)`` with values in [0, 255]."""
        column = (len(self.scale), 1, 1)
        return chips * chips.new_tensor(self.scale).view(column) + chips.new_tensor(
            self.offset
        ).view(column)
