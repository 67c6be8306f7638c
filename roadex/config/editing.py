"""Settings of lines that people draw and networks that they edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from roadex.config.base import Settings
from roadex.config.kinds import Limits, Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapConfig(Settings):
    """How rough lines are led along roads."""

    search_m: Annotated[Positive, Limits(at_most=1000)] = 10.0
    """How far a vertex may lie from the road it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildConfig(Settings):
    """How an edited network is made sound again."""

    snap_m: Positive = 1.0
    """Join ends this close to each other or to a line."""
