"""Settings of inference: tiles, model, augmentation, bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from roadex.config.base import Settings
from roadex.config.constants import DEFAULT_MODEL, Tta
from roadex.config.kinds import Count, Limits, Pixels, Unit, Unset


@dataclass(frozen=True, slots=True, kw_only=True)
class TilingConfig(Settings):
    """How a scene is cut into tiles."""

    core_size: Pixels = 1024
    """Side of the tiles, a multiple of 32. Counted on the work grid, without the halo."""

    halo: Annotated[int, Limits(at_least=0), Unit("px")] = 64
    """Context read around each tile and then discarded, a multiple of 32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictConfig(Settings):
    """How road probability is computed."""

    model: str = DEFAULT_MODEL
    """Model to use: a name from ``roadex models list``, or a model file."""

    tta: Tta = "d4"
    """Test-time augmentation: none, 4 flips (``flip``), or 8 flips and rotations (``d4``)."""

    bands: Annotated[tuple[Count, ...] | None, Unset("found in the scene")] = None
    """Band numbers of the scene, from 1, in the model's order."""

    native_gsd: bool = False
    """Predict on the scene's own pixels: do not resample to the model's pixel size."""
