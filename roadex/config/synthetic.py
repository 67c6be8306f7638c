"""Settings of generated scenes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from roadex.config.base import Settings
from roadex.config.kinds import Count, Limits, Seed, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig(Settings):
    """What scene ``roadex demo`` makes."""

    seed: Seed = 1
    """Random seed; each seed is a different place."""

    size: Annotated[int, Limits(at_least=256, at_most=8192), Unit("px")] = 1280
    """Side of the square scene in pixels of 1 m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateConfig(Settings):
    """What scenes ``roadex generate`` makes."""

    scenes: Count = 40
    """Number of scenes."""

    size: Annotated[int, Limits(at_least=64, at_most=8192), Unit("px")] = 1024
    """Size of each scene in pixels (square)."""

    gsd_m: Annotated[float, Limits(at_least=0.2, at_most=3)] = 1.0
    """Metres per pixel."""

    seed: Seed = 1000
    """Seed of the first scene; later scenes add 1. The default is far from that of the
    demonstration, whose scene no model should have been trained on."""
