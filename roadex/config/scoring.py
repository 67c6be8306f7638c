"""Settings of scoring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from roadex.config.base import Settings
from roadex.config.kinds import (
    Count,
    Inside,
    Limits,
    NotNegative,
    Pixels,
    Positive,
    Seed,
    Unset,
    Whole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleConfig(Settings):
    """What windows are drawn to assess a network."""

    n_windows: Annotated[int, Limits(at_least=4)] = 50
    """Number of windows to draw."""

    size_m: Annotated[float, Limits(at_least=20)] = 100.0
    """Side of the square that counts in each window."""


Heading = Annotated[float, Limits(above=0, at_most=180)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreConfig(Settings):
    """How a prediction is compared with the truth. Lengths ending in ``_m`` are on the ground."""

    threshold: Annotated[Inside | None, Unset("0.5; for lines of a raster as vectorize")] = None
    """Probability from which a pixel is road. Lines of a raster are traced with the thresholds of
    the model that made it, as ``roadex vectorize`` does, unless it is given."""

    @property
    def cut(self) -> float:
        """Probability from which a pixel is road."""
        return 0.5 if self.threshold is None else self.threshold

    prediction_values: str = "auto"
    """What values of the prediction mean: auto, 0-1 or 0-255 (masks), probability, percent,
    probability-254 or probability-255 (1, 100, 254 or 255 is certainly road)."""

    truth_values: str = "auto"
    """What values of the truth mean, as for the prediction."""

    tile_size: Pixels = 1024
    """Side of the windows in which rasters are read and reported, in pixels."""

    line_cell_m: Positive = 500.0
    """Side of the squares reported where lines are compared."""

    relaxed_radius_px: Whole = 3
    """Tolerance of the relaxed pixel scores (Mnih 2010: 3 px at 1 m)."""

    betti_window_px: Count = 256
    """Side of the windows in which components and holes of masks are counted."""

    calibration_bins: Count = 15
    """Number of bins of the reliability curve, of equal width."""

    line_width_m: Positive = 7.0
    """Width at which lines are drawn where the other side is a raster."""

    line_buffer_m: Positive = 5.0
    """Largest distance between matching lines."""

    line_heading_deg: Annotated[float, Limits(above=0, at_most=90)] = 30.0
    """Largest difference in heading between matching lines; 90 switches the test off."""

    line_step_m: Positive = 1.0
    """Lines are compared in pieces of at most this length."""

    zigzag_step_m: Positive = 5.0
    """Distance between the places at which the heading of a line is taken."""

    merge_degree_2: bool = True
    """Join lines that meet two by two, so that scores do not depend on where features end."""

    apls_spacing_m: Positive = 50.0
    """Distance between the control points of APLS along lines."""

    apls_snap_m: Positive = 4.0
    """Largest distance between a control point of APLS and the other network."""

    apls_min_path_m: NotNegative = 0.001
    """Shortest path that APLS compares."""

    apls_sources: Count = 1000
    """Largest number of control points from which paths start, drawn at random."""

    topo_radius_m: Positive = 300.0
    """Length of the paths that TOPO follows from each start point."""

    topo_spacing_m: Positive = 50.0
    """Distance between the start points of TOPO on the true network."""

    topo_step_m: Positive = 5.0
    """Distance between the points that TOPO matches."""

    topo_match_m: Positive = 10.0
    """Largest distance between points that TOPO matches."""

    topo_heading_deg: Heading = 45.0
    """Largest difference in heading between points that TOPO matches."""

    topo_start_heading_deg: Heading = 16.0
    """Largest difference in heading at a start point of TOPO."""

    topo_starts: Count = 2000
    """Largest number of start points of TOPO, drawn at random."""

    junction_radius_m: Positive = 8.0
    """Largest distance between matching junctions."""

    bootstrap_samples: Count = 1000
    """Number of resamplings of the images for confidence intervals."""

    confidence: Inside = 0.95
    """Probability of the confidence intervals."""

    seed: Seed = 0
    """Random seed of everything that is drawn."""

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong between settings."""
        if self.tile_size % self.betti_window_px:
            yield (
                f"{{tile_size}} must be a multiple of {{betti_window_px}}, got {self.tile_size} "
                f"and {self.betti_window_px}"
            )
