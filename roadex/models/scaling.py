"""How 0-255 radiometry becomes network input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from roadex.models.metadata import ModelMetadata

Pixels = TypeVar("Pixels", NDArray[np.float32], "Tensor")
"""An array of NumPy or a tensor of torch."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Per band ``x * scale + offset``; bands in the order of the network."""

    scale: tuple[float, ...] = (1 / 127.5,) * 3
    offset: tuple[float, ...] = (-1.0,) * 3

    @classmethod
    def of(cls, metadata: ModelMetadata) -> Self:
        """Return the scaling a model was trained with."""
        return cls(metadata.scale, metadata.offset)

    def apply(self, chips: Pixels) -> Pixels:
        """Scale chips of shape ``(..., C, H, W)``, arrays or tensors, with values in [0, 255]."""
        scale, offset = self.columns(chips)
        scaled: Pixels = chips * scale
        scaled += offset
        return scaled

    def columns(self, like: Pixels) -> tuple[Pixels, Pixels]:
        """Return scale and offset of shape ``(C, 1, 1)``, of the kind, type and place of ``like``.

        Once made, they spare a GPU the wait for them with every chip.
        """
        make: Any = np.asarray if isinstance(like, np.ndarray) else like.new_tensor
        column = (len(self.scale), 1, 1)
        scale, offset = (
            make(values, dtype=like.dtype).reshape(column) for values in (self.scale, self.offset)
        )
        return scale, offset
