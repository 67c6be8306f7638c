"""Settings of comparing a network with a reference."""

from __future__ import annotations

from dataclasses import dataclass

from roadex.config.base import Settings, require


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareConfig(Settings):
    """How a network is compared with a reference. Lengths are in metres on the ground."""

    search_m: float = 15.0
    """Farthest that a road and its counterpart may lie apart, middle to middle."""

    angle_deg: float = 30.0
    """Largest difference of direction between a road and its counterpart."""

    shifted_m: float = 5.0
    """A road farther than this from its counterpart is shifted, once the shift of the whole scene
    is taken off. On wide roads half the width counts instead, where that is more."""

    min_piece_m: float = 20.0
    """Shorter pieces do not change class: they are slivers beside wide roads and at junctions. On
    wide roads two widths count instead, where that is more."""

    spacing_m: float = 4.0
    """Distance of the places along a road that are compared."""

    estimate_shift: bool = True
    """Whether the reference may be shifted as a whole before roads are called shifted."""

    def __post_init__(self) -> None:
        for name in ("search_m", "shifted_m", "spacing_m"):
            require(getattr(self, name) > 0, f"{name} must be positive, got {getattr(self, name)}")
        require(self.min_piece_m >= 0, f"min_piece_m must not be negative, got {self.min_piece_m}")
        require(0 < self.angle_deg <= 90, f"angle_deg must be in (0, 90], got {self.angle_deg}")
