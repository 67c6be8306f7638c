"""Settings of the vector half: network, merging, output."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from roadex.config.base import Settings
from roadex.config.kinds import Limits, NotNegative, Positive, Share, Unset

CleaningStep = Literal[
    "sure",
    "borders",
    "areas",
    "hairs",
    "bridges",
    "loops",
    "spurs",
    "junctions",
    "components",
    "leaps",
]
"""Steps of :mod:`roadex.network.cleaning.steps`, in their order."""

Threshold = Annotated[float, Limits(above=0, at_most=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorConfig(Settings):
    """How road probability becomes a network. Lengths are in metres on the ground.

    Each cleaning step is switched off by its name in ``skip``, or by setting its length to 0
    (hysteresis: ``low == high``).
    """

    low: Annotated[Threshold | None, Unset("that of the model, or 0.3")] = None
    """Road probability from which a pixel can belong to a road."""

    high: Annotated[Threshold | None, Unset("that of the model, or 0.5")] = None
    """Road probability that a road must reach somewhere, or it is dropped."""

    max_road_width_m: Positive = 50.0
    """Wider regions are areas (parking lots, water), not roads."""

    max_hole_m2: NotNegative = 60.0
    """Smaller holes in roads (cars, lane marks) are filled before lines are drawn, those of up to
    65,536 pixels."""

    spur_width_ratio: NotNegative = 0.5
    """Dead ends shorter than this many widths of the road they leave are dropped as artefacts of
    the skeleton."""

    min_spur_m: NotNegative = 25.0
    """Shorter dead ends are dropped."""

    min_loop_m: NotNegative = 50.0
    """Loops with a shorter perimeter (holes in the probability) are opened."""

    thin_loop_width_ratio: NotNegative = 1.3
    """Loops up to three times as long are opened too where they are narrower, between the centre
    lines of their two sides, than this many road widths."""

    max_gap_m: NotNegative = 100.0
    """Longest gap that is bridged along the probability raster, in no case over 1,000 pixels."""

    snap_gap_m: NotNegative = 15.0
    """Gaps up to this length, also in the imagery, are bridged whatever their probability."""

    empty_gap_m: NotNegative = 8.0
    """Most of such a gap that has a probability below 0.01 (a fence, a wall). Only between two dead
    ends straight ahead of each other may it be all, and then the bridge is an edge of its own."""

    gap_probability: Share = 0.08
    """Lowest mean probability along a longer gap."""

    facing_gap_probability: Share = 0.03
    """Lowest mean probability along a gap between two dead ends that head for each other."""

    gap_angle_deg: Annotated[float, Limits(at_least=0, at_most=180)] = 45.0
    """Largest angle between a bridge and the heading of the dead end it starts at."""

    junction_width_ratio: NotNegative = 1.0
    """Junctions closer than this many road widths become one."""

    max_junction_m: NotNegative = 25.0
    """Junctions farther apart than this stay apart, however wide the road."""

    min_component_m: NotNegative = 60.0
    """Connected networks with less road than this are dropped."""

    smoothing: NotNegative = 8.0
    """Smoothing passes per pixel of half-width (at least 8, at most 64 in all); 0 keeps the pixel
    stairs."""

    skip: Annotated[tuple[CleaningStep, ...] | None, Unset("none")] = None
    """Cleaning steps that are left out, by the names the report gives them."""

    add: Annotated[tuple[str, ...] | None, Unset("none")] = None
    """Cleaning steps of installed extensions, done in this order after all others."""

    corner_deg: Annotated[float, Limits(at_least=0, at_most=180)] = 75.0
    """Sharper bends are corners, which smoothing leaves alone."""

    simplify_px: NotNegative = 0.5
    """Largest distance between a smoothed and a simplified line."""

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong between settings."""
        low, high = self.thresholds
        if low > high:
            yield f"{{low}} must not be above {{high}}, got {low} and {high}"

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

    same_road_m: Positive = 6.0
    """Lines closer to each other than this are the same road."""

    join_m: Positive = 10.0
    """Dead ends of two scenes this close are joined if they head for each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputConfig(Settings):
    """How a network is written."""

    styles: bool = True
    """Put layer styles into GeoPackages, so that QGIS shows them styled."""

    geojson_digits: Annotated[int, Limits(at_least=1, at_most=15)] = 7
    """Decimal places of degrees in GeoJSON, KML and MapRoulette files (7: about 1 cm)."""

    source: str = ""
    """Name of the imagery, for OpenStreetMap files (tag ``source``) and Overture files; it is never
    made up."""
