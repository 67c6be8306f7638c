"""Settings of telling what changed between two dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from roadex.config.base import Settings
from roadex.config.kinds import Inside, Limits, NotNegative, Positive, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeConfig(Settings):
    """How the networks of two dates are compared. Lengths are in metres on the ground."""

    search_m: Positive = 10.0
    """Largest distance between the centre lines of a road at both dates, the shift of the whole
    scene taken off. A road that lies farther away is another road."""

    shift_search_m: Positive = 20.0
    """Largest shift of the whole scene that is looked for."""

    angle_deg: Annotated[float, Limits(above=0, at_most=90)] = 30.0
    """Largest difference in direction between a road at both dates."""

    min_piece_m: NotNegative = 20.0
    """Shorter pieces keep the class of their surroundings. On wide roads two widths count instead,
    where that is more."""

    spacing_m: Positive = 4.0
    """Distance between the compared points along a road."""

    tolerance_m: NotNegative = 3.0
    """How far beside a road its probability at the other date is looked for: what is left of shifts
    that differ from place to place."""

    absent: Inside = 0.1
    """Mean probability at the other date from which that date shows something there, so that it is
    unsure whether the road changed. Where it shows all roads less well, it is less by that
    factor."""

    sure: Share = 0.4
    """Confidence of a road, or its mean probability along the changed part at its own date, below
    which it is unsure whether it was there at all. Where that date shows all roads less well, it is
    less by that factor."""

    around_m: Positive = 200.0
    """Distance within which other roads tell whether the newer imagery shows roads."""

    around: Share = 0.2
    """Share of the roads around that must still be there for a road to have vanished; below it the
    imagery is likely to be the reason, and the road is unsure."""
