"""What the parts of roadex agree on."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

TILE_ALIGNMENT = 32
"""Tile origins and halos are multiples of this many pixels.

The deepest encoder stage has stride 32; D-LinkNet is shift-exact only for multiples of it.
"""

PROBABILITY_MAX = 254
"""Stored value of probability 1 in a probability raster (uint8, ``p = value / 254``)."""

NODATA = 255
"""Stored value of pixels without imagery in a probability raster."""

THRESHOLDS_TAG = "ROADEX_THRESHOLDS"
"""Tag of a probability raster: low and high threshold of its model, ``0.3 0.5``."""

DEFAULT_MODEL = "roadex-light"
"""The model that comes with roadex and is used where none is named."""

Tta: TypeAlias = Literal["none", "flip", "d4", "adaptive"]
"""Test-time augmentations: one view, 4 flips, all 8 flips and rotations, or 4 flips where the first
view shows anything."""

TTA_VIEWS: dict[str, int] = {"none": 1, "flip": 4, "d4": 8, "adaptive": 4}
"""Most forward passes per pixel of each augmentation."""

TTA_NAMES: tuple[str, ...] = get_args(Tta)

FLOAT32, FLOAT16, INT8 = "float32", "float16", "int8"

Precision: TypeAlias = Literal["auto", "float32", "float16", "int8"]
"""Numbers the network computes with: 32 or 16 bit floating point, 8-bit integers, or a choice."""

PRECISIONS: tuple[str, ...] = get_args(Precision)

BatchSystem: TypeAlias = Literal["slurm", "pbs", "lsf"]
"""Batch systems that can run workers as jobs."""

BATCH_SYSTEMS: tuple[str, ...] = get_args(BatchSystem)
