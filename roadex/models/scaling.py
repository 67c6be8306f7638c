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
        column = (len(self.scale), 1, 1)
        like: Any = np.asarray if isinstance(chips, np.ndarray) else chips.new_tensor
        scale, offset = (
            like(values, dtype=chips.dtype).reshape(column) for values in (self.scale, self.offset)
        )
        scaled: Pixels = chips * scale + offset
        return scaled
