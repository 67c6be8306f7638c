"""Settings of comparing a network with a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from roadex.config.base import Settings
from roadex.config.kinds import Limits, NotNegative, Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareConfig(Settings):
    """How a network is compared with a reference. Lengths are in metres on the ground."""

    search_m: Positive = 15.0
    """Largest distance between the centre lines of a road and its counterpart."""

    angle_deg: Annotated[float, Limits(above=0, at_most=90)] = 30.0
    """Largest difference in direction between a road and its counterpart."""

    shifted_m: Positive = 5.0
    """Roads farther than this from their counterpart are shifted. The shift of the whole scene is
    subtracted first. On wide roads half the width counts instead, where that is more."""

    min_piece_m: NotNegative = 20.0
    """Shorter pieces keep the class of their surroundings: they are slivers beside wide roads and
    at junctions. On wide roads two widths count instead, where that is more."""

    spacing_m: Positive = 4.0
    """Distance between the compared points along a road."""

    estimate_shift: bool = True
    """Whether the reference as a whole may be shifted before roads are called shifted."""
