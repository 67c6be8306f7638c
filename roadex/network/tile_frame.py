"""What decides which pixels are centre line, and where a tile lies in its scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from roadex.config import PROBABILITY_MAX
from roadex.network.chains import MAX_HALF_WIDTH
from roadex.network.continuation import Reach

_HOLE_ELONGATION: Final = 3.0
"""Longest hole that is filled, over the root of the largest area: a row of cars is long."""

MAX_HOLE = 2**16
"""Most pixels of a hole that is filled: every tile is read with as much around it."""


@dataclass(frozen=True, slots=True)
class SkeletonSettings:
    """What decides which pixels are centre line, in pixels of the grid."""

    threshold: int
    """Lowest road probability of a road pixel, as stored (0..254)."""

    max_half_width: int
    """Pixels farther than this from the edge of a road region are no road, 2..60."""

    aspect: float = 1.0
    """Height of a pixel over its width, on the ground (not 1 on geographic grids)."""

    max_hole: int = 0
    """Holes of road regions up to this many pixels are filled."""

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= PROBABILITY_MAX:
            msg = f"threshold must be in 1..{PROBABILITY_MAX}, got {self.threshold}"
            raise ValueError(msg)
        if not 2 <= self.max_half_width <= MAX_HALF_WIDTH:
            msg = f"max_half_width must be in 2..{MAX_HALF_WIDTH}, got {self.max_half_width}"
            raise ValueError(msg)

    @property
    def n_passes(self) -> int:
        """Thinning passes that surely suffice: a diagonal edge recedes 1/sqrt(2) px a pass."""
        return int(1.5 * self.max_half_width) + 2

    @property
    def hole_span(self) -> int:
        """Most rows and columns of a hole that is filled."""
        return int(np.ceil(_HOLE_ELONGATION * np.sqrt(self.max_hole)))

    @property
    def halo(self) -> int:
        """Context a tile needs: two pixels a pass, the cut before it, the holes before that."""
        return 2 * self.n_passes + self.max_half_width + 4 + self.hole_span

    @property
    def reach(self) -> Reach:
        """How far roads are continued where imagery ends: as far as thinning reaches back."""
        return Reach(self.max_half_width, self.n_passes)

    @property
    def halo_at_edge(self) -> int:
        """Context a tile needs that sees where imagery ends, and roads are continued first."""
        return self.halo + self.reach.context


Margins = tuple[tuple[int, int], tuple[int, int]]
"""Pixels added above and below, left and right."""


@dataclass(frozen=True, slots=True)
class TileFrame:
    """Where a window of the scene lies, and the part of it that is the tile's own."""

    row: int
    """Scene row of the first row of the window."""

    col: int
    """Scene column of the first column of the window."""

    core: tuple[int, int, int, int]
    """First row, first column, last row + 1, last column + 1 of the core, in the window."""

    scene_height: int
    """Rows of the whole scene."""

    scene_width: int
    """Columns of the whole scene."""

    def beyond_scene(self, shape: tuple[int, int], size: int) -> Margins:
        """Return margins of ``size`` on the sides of a window at which the scene ends."""
        ends = (
            (self.row == 0, self.row + shape[0] == self.scene_height),
            (self.col == 0, self.col + shape[1] == self.scene_width),
        )
        (top, bottom), (left, right) = ends
        return (size * top, size * bottom), (size * left, size * right)

    def around(self, halo: int, margins: Margins) -> tuple[slice, slice]:
        """Return the core and what is at most ``halo`` around it, in a window with margins."""
        top, left, bottom, right = self.core
        (above, _), (before, _) = margins
        return (
            slice(max(top + above - halo, 0), bottom + above + halo),
            slice(max(left + before - halo, 0), right + before + halo),
        )
