"""Settings of inference: tiles, model, augmentation, bands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from roadex.config.base import Settings
from roadex.config.constants import DEFAULT_MODEL, Precision, Tta
from roadex.config.kinds import Count, Limits, Pixels, Unit, Unset


@dataclass(frozen=True, slots=True, kw_only=True)
class TilingConfig(Settings):
    """How a scene is cut into tiles, and those into chips for the network."""

    core_size: Pixels = 1024
    """Side of the tiles on the work grid; rounded up to whole chips. It changes no result."""

    chip_size: Pixels = 1024
    """Side of a chip, what the network computes at a time, without context; a multiple of 32.
    Smaller chips take less memory, and change the probability a little."""

    halo: Annotated[int, Limits(at_least=0), Unit("px")] = 64
    """Context read around each chip and then discarded, a multiple of 32."""

    @property
    def tile_size(self) -> int:
        """Side of the tiles: ``core_size``, rounded up to whole chips."""
        return -(-self.core_size // self.chip_size) * self.chip_size


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictConfig(Settings):
    """How road probability is computed."""

    model: str = DEFAULT_MODEL
    """Model to use: a name from ``roadex models list``, or a model file."""

    tta: Tta = "flip"
    """Test-time augmentation: none, 4 flips (``flip``), 8 flips and rotations (``d4``), or 4
    flips of those chips only in which the first view shows anything (``adaptive``)."""

    precision: Precision = "auto"
    """Numbers the network computes with: ``float32``; ``float16``, on GPUs only; ``int8``, several
    times as fast on a CPU, for models that have an 8-bit form, with ``roadex[int8]`` installed;
    ``auto`` takes int8 where work is done by CPUs of this machine that are made for it."""

    bands: Annotated[tuple[Count, ...] | None, Unset("found in the scene")] = None
    """Band numbers of the scene, from 1, in the model's order."""

    native_gsd: bool = False
    """Predict on the scene's own pixels: do not resample to the model's pixel size."""

    aoi: Annotated[str | None, Unset("the whole scene")] = None
    """Area of interest: a vector file with polygons, or ``WEST,SOUTH,EAST,NORTH`` in degrees. Only
    chips that touch it are computed."""

    nodata: str = "auto"
    """Values of pixels without imagery, such as 0 or -9999, with commas between several; ``none``
    if there is none; ``auto`` is what files declare and what is found."""

    trusted_inputs_only: bool = False
    """Refuse virtual rasters (VRT) that read files outside of their own folder."""

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong with values of pixels without imagery."""
        try:
            _ = self.nodata_values
        except ValueError:
            yield f"{{nodata}} must be auto, none or numbers such as -9999, got {self.nodata!r}"

    @property
    def nodata_values(self) -> tuple[float, ...] | None:
        """Numbers of ``nodata``; ``()`` for none, None where they are to be found."""
        if self.nodata == "auto":
            return None
        return () if self.nodata == "none" else tuple(map(float, self.nodata.split(",")))
