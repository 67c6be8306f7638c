"""Settings of scoring."""

from __future__ import annotations

from dataclasses import dataclass

from roadex.config.base import Settings, require


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreConfig(Settings):
    """How a prediction is compared with the truth. Lengths ending in ``_m`` are on the ground."""

    threshold: float = 0.5
    """A pixel is road where its probability is at least this."""

    prediction_values: str = "auto"
    truth_values: str = "auto"
    """What stored values mean: ``auto``, ``0-1`` or ``0-255`` (masks), ``probability``,
    ``probability-254`` or ``probability-255`` (1, 254 or 255 is certainly road)."""

    tile_size: int = 1024
    """Side of the windows in which rasters are read and for which rows are written, in pixels."""

    line_cell_m: float = 500.0
    """Side of the squares for which rows are written where lines are compared."""

    relaxed_radius_px: int = 3
    """Slack of the relaxed pixel scores (Mnih 2010: 3 px at 1 m)."""

    betti_window_px: int = 256
    """Side of the windows in which components and holes of masks are counted."""

    calibration_bins: int = 15
    """Bins of the reliability curve, of equal width."""

    line_width_m: float = 7.0
    """Width at which lines are drawn where the other side is a raster."""

    line_buffer_m: float = 5.0
    """How far a line may lie from the line it matches."""

    line_heading_deg: float = 30.0
    """How much the headings of matching lines may differ; 90 switches the test off."""

    line_step_m: float = 1.0
    """Lines are compared in pieces of at most this length."""

    merge_degree_2: bool = True
    """Join lines that meet two by two, so that scores do not depend on where features end."""

    apls_spacing_m: float = 50.0
    apls_snap_m: float = 4.0
    apls_min_path_m: float = 0.001
    """Shorter paths are not compared."""

    apls_sources: int = 1000
    """Path scores start from at most this many control points, drawn by ``seed``."""

    topo_radius_m: float = 300.0
    topo_spacing_m: float = 50.0
    """Distance between the start points on the true network."""

    topo_step_m: float = 5.0
    topo_match_m: float = 10.0
    topo_heading_deg: float = 45.0
    topo_start_heading_deg: float = 16.0
    topo_starts: int = 2000
    """TOPO starts from at most this many points, drawn by ``seed``."""

    junction_radius_m: float = 8.0
    bootstrap_samples: int = 1000
    """Resamplings of the images for confidence intervals."""

    confidence: float = 0.95
    """Probability of the confidence intervals."""

    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("threshold", "confidence"):
            value = getattr(self, name)
            require(0 < value < 1, f"{name} must lie between 0 and 1, got {value}")
        require(self.relaxed_radius_px >= 0, "relaxed_radius_px must not be negative")
        require(0 < self.line_heading_deg <= 90, "line_heading_deg must lie in (0, 90]")
        positive = (
            "tile_size", "betti_window_px", "calibration_bins", "line_width_m", "line_buffer_m",
            "line_step_m", "line_cell_m", "apls_spacing_m", "apls_snap_m", "apls_sources",
            "topo_radius_m", "topo_spacing_m", "topo_step_m", "topo_match_m", "topo_starts",
            "junction_radius_m", "bootstrap_samples",
        )  # fmt: skip
        for name in positive:
            require(getattr(self, name) > 0, f"{name} must be positive, got {getattr(self, name)}")
        require(
            self.tile_size % self.betti_window_px == 0,
            f"tile_size must be a multiple of betti_window_px, got {self.tile_size} "
            f"and {self.betti_window_px}",
        )
