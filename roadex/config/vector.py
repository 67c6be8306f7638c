"""Settings of the vector half: network, merging, output."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

from roadex.config.base import Settings, check_kind, require


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorConfig(Settings):
    """How road probability becomes a network. Lengths are in metres on the ground.

    Each cleaning step is switched off by setting its length to 0 (hysteresis: ``low == high``).
    """

    low: float | None = None
    """Road probability from which a pixel can belong to a road; None is what the model says, or
    0.3 for rasters of other origin."""

    high: float | None = None
    """Road probability that a road must reach somewhere, or it is dropped; None is what the model
    says, or 0.5."""

    max_road_width_m: float = 50.0
    """Regions wider than this are areas (parking lots, water), not roads."""

    spur_width_ratio: float = 0.5
    """Dead ends shorter than this many widths of the road they leave are hairs of the skeleton."""

    min_spur_m: float = 25.0
    """Dead ends shorter than this are dropped."""

    min_loop_m: float = 50.0
    """Loops with a shorter perimeter (holes in the probability) are opened."""

    thin_loop_width_ratio: float = 1.3
    """Loops up to three times as long are opened too where they are narrower, from the middle of
    one road to that of the other, than this many road widths."""

    max_gap_m: float = 100.0
    """Longest gap that is bridged along the probability raster."""

    snap_gap_m: float = 15.0
    """Gaps up to this are bridged whatever their probability."""

    gap_probability: float = 0.08
    """Lowest mean probability of the pixels in a longer gap."""

    facing_gap_probability: float = 0.03
    """The same for a gap between two dead ends that head for each other."""

    gap_angle_deg: float = 45.0
    """How far a bridge may turn away from the heading of the dead end it starts at."""

    junction_width_ratio: float = 1.0
    """Junctions closer than this many road widths become one."""

    max_junction_m: float = 25.0
    """Junctions farther apart than this stay apart, however wide the road."""

    min_component_m: float = 60.0
    """Networks with less road than this in all are dropped."""

    smoothing: float = 8.0
    """Smoothing passes per pixel of half-width (at least 8, at most 64); 0 keeps pixel stairs."""

    corner_deg: float = 75.0
    """Sharper bends, as of streets at right angles, are corners: smoothing leaves them alone."""

    simplify_px: float = 0.5
    """Largest distance between a smoothed and a simplified line, in pixels."""

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                check_kind(f"VectorConfig.{name}", getattr(self, name), like=0.0)
        low, high = self.thresholds
        require(
            0 < low <= high <= 1,
            f"thresholds must satisfy 0 < low <= high <= 1, got low {low}, high {high}",
        )
        require(
            self.max_road_width_m > 0,
            f"max_road_width_m must be positive, got {self.max_road_width_m}",
        )
        for setting in dataclasses.fields(self):
            value = getattr(self, setting.name)
            is_good = value is None or value >= 0
            require(is_good, f"{setting.name} must not be negative, got {value}")

    @property
    def thresholds(self) -> tuple[float, float]:
        """The low and the high threshold, 0.3 and 0.5 where they are not set."""
        return self._thresholds_or(0.3, 0.5)

    def with_thresholds(self, low: float, high: float) -> Self:
        """Return the settings with these thresholds where none are set."""
        low, high = self._thresholds_or(low, high)
        return dataclasses.replace(self, low=low, high=high)

    def _thresholds_or(self, low: float, high: float) -> tuple[float, float]:
        """Fill in thresholds; one that is set moves the other where they would be out of order."""
        if self.high is not None:
            low, high = min(low, self.high), self.high
        if self.low is not None:
            low, high = self.low, high if self.high is not None else max(high, self.low)
        return low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeConfig(Settings):
    """How networks of neighbouring or overlapping scenes are joined. Metres on the ground."""

    same_road_m: float = 6.0
    """Lines closer than this to each other are the same road."""

    join_m: float = 10.0
    """Dead ends of two scenes this close are joined if they head for each other."""

    def __post_init__(self) -> None:
        for setting in dataclasses.fields(self):
            value = getattr(self, setting.name)
            require(value > 0, f"{setting.name} must be positive, got {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputConfig(Settings):
    """How a network is written."""

    styles: bool = True
    """Put layer styles into GeoPackages, so that QGIS shows them without a click."""

    geojson_digits: int = 7
    """Decimal places of degrees in GeoJSON, KML and MapRoulette files (7: about 1 cm)."""

    source: str = ""
    """Name of the imagery, as tag ``source`` of OpenStreetMap files and in Overture files; it is
    never made up."""

    def __post_init__(self) -> None:
        require(
            1 <= self.geojson_digits <= 15,
            f"geojson_digits must be in 1..15, got {self.geojson_digits}",
        )
