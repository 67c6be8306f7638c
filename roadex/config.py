"""Every setting of roadex, one frozen dataclass per stage.

A default lives here and only here: the command line and TOML files read it from these classes.
Each class checks itself when it is built and raises :class:`~roadex.errors.ConfigError`.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from roadex.errors import ConfigError

TILE_ALIGNMENT = 32
"""Tile origins and halos are multiples of this many pixels.

The deepest encoder stage has stride 32; D-LinkNet is shift-exact only for multiples of it.
"""

PROBABILITY_MAX = 254
"""Stored value of probability 1 in a probability raster (uint8, ``p = value / 254``)."""

NODATA = 255
"""Stored value of pixels without imagery in a probability raster."""

THRESHOLDS_TAG = "ROADEX_THRESHOLDS"
"""Tag of a probability raster: low and high threshold of its model, ``0.3 0.5``."""

DEFAULT_MODEL = "roadex-light"
"""The model that comes with roadex and is used where none is named."""

TTA_NAMES = ("none", "flip", "d4")
"""Test-time augmentations: one view, 4 flips, or all 8 flips and quarter turns."""


class _Settings:
    """What every settings class can do: be read from a mapping and written to one."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the settings from ``values``; unknown names raise :class:`ConfigError`."""
        known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - set(known))
        if unknown:
            msg = f"unknown setting {unknown[0]!r} for {cls.__name__}; known: {', '.join(known)}"
            raise ConfigError(msg)
        arguments = {}
        for name, value in values.items():
            default: Any = known[name].default_factory
            if isinstance(default, type) and issubclass(default, _Settings):
                arguments[name] = default.from_dict(value)
            else:
                _check_kind(f"{cls.__name__}.{name}", value, like=known[name].default)
                arguments[name] = value
        return cls(**arguments)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values, as they go into a report."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]


def _check_kind(name: str, value: Any, *, like: Any) -> None:
    """Refuse a value of another kind than the default, where the default has a plain kind."""
    kinds: dict[type, tuple[type, ...]] = {
        bool: (bool,), int: (int,), float: (int, float), str: (str,)
    }  # fmt: skip
    wanted = kinds.get(type(like))
    if wanted is None:
        return
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        msg = f"{name} must be of type {type(like).__name__}, got {value!r}"
        raise ConfigError(msg)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    _require(value in known, f"{name} must be one of {', '.join(known)}, got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TilingConfig(_Settings):
    """How a scene is cut into tiles."""

    core_size: int = 1024
    """Side of the square a tile owns, in work-grid pixels."""

    halo: int = 64
    """Context read on each side of the core and then discarded, in pixels."""

    def __post_init__(self) -> None:
        _require(self.core_size > 0, f"core_size must be positive, got {self.core_size}")
        _require(self.halo >= 0, f"halo must not be negative, got {self.halo}")


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorConfig(_Settings):
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
                _check_kind(f"VectorConfig.{name}", getattr(self, name), like=0.0)
        low, high = self.thresholds
        _require(
            0 < low <= high <= 1,
            f"thresholds must satisfy 0 < low <= high <= 1, got low {low}, high {high}",
        )
        _require(
            self.max_road_width_m > 0,
            f"max_road_width_m must be positive, got {self.max_road_width_m}",
        )
        for setting in dataclasses.fields(self):
            value = getattr(self, setting.name)
            is_good = value is None or value >= 0
            _require(is_good, f"{setting.name} must not be negative, got {value}")

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
class MergeConfig(_Settings):
    """How networks of neighbouring or overlapping scenes are joined. Metres on the ground."""

    same_road_m: float = 6.0
    """Lines closer than this to each other are the same road."""

    join_m: float = 10.0
    """Dead ends of two scenes this close are joined if they head for each other."""

    def __post_init__(self) -> None:
        for setting in dataclasses.fields(self):
            value = getattr(self, setting.name)
            _require(value > 0, f"{setting.name} must be positive, got {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputConfig(_Settings):
    """How a network is written."""

    styles: bool = True
    """Put layer styles into GeoPackages, so that QGIS shows them without a click."""

    geojson_digits: int = 7
    """Decimal places of degrees in GeoJSON (7: about 1 cm)."""

    def __post_init__(self) -> None:
        _require(
            1 <= self.geojson_digits <= 15,
            f"geojson_digits must be in 1..15, got {self.geojson_digits}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictConfig(_Settings):
    """How road probability is computed."""

    model: str = DEFAULT_MODEL
    """Name of a packaged model or path of a model file."""

    tta: str = "d4"
    """Test-time augmentation: ``none``, ``flip`` (4 views) or ``d4`` (all 8 flips and turns)."""

    bands: tuple[int, ...] | None = None
    """Band numbers of the scene from 1, in the model's order; None finds them by itself."""

    native_gsd: bool = False
    """Predict on the scene's own pixels instead of bringing them to the model's pixel size."""

    def __post_init__(self) -> None:
        _require(
            self.tta in TTA_NAMES, f"tta must be one of {', '.join(TTA_NAMES)}, got {self.tta!r}"
        )


BATCH_SYSTEMS = ("slurm", "pbs", "lsf")
"""Batch systems that can run workers as jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig(_Settings):
    """Where the work is done."""

    scheduler: str | None = None
    """Address of a running Dask scheduler; None starts workers on this machine."""

    scheduler_file: str | None = None
    """File in which a running Dask scheduler has written its address; instead of the address."""

    jobqueue: str | None = None
    """Batch system whose jobs are the workers: ``slurm``, ``pbs`` or ``lsf``."""

    workers: int | None = None
    """Worker processes on this machine; None is one per core, fewer where memory is short. With
    ``jobqueue``, the jobs to keep going; None is one."""

    gpus: str = "auto"
    """GPUs for inference: ``auto`` (those there are), ``all`` (there must be one), ``none``, or
    their numbers, such as ``0,1``. On a running cluster, which workers: those with the resource
    ``GPU`` if there are any, only those, or any."""

    store: str | None = None
    """Folder or fsspec URL (``s3://bucket/prefix``) for finished tiles; None is beside the results.
    With a URL, workers need no disk in common with each other or with this machine."""

    retries: int = 2
    """How often a tile that failed is tried again before it is reported."""

    tiles_in_flight: int = 3
    """Tiles submitted per worker thread at any time: what bounds memory and scheduler load."""

    scenes_in_flight: int = 2
    """Scenes of a batch worked on at a time: one is finished while the next is predicted."""

    worker_timeout_s: float = 600.0
    """How long to wait for a worker to join a running cluster before giving up."""

    def __post_init__(self) -> None:
        _require(
            self.workers is None or self.workers > 0,
            f"workers must be positive, got {self.workers}",
        )
        _require(
            sum(w is not None for w in (self.scheduler, self.scheduler_file, self.jobqueue)) <= 1,
            "give the scheduler's address or its file or a batch system, not several of them",
        )
        _require(
            self.jobqueue in (None, *BATCH_SYSTEMS),
            f"jobqueue must be one of {', '.join(BATCH_SYSTEMS)}, got {self.jobqueue!r}",
        )
        _require(
            all(part.strip() for part in self.gpus.split(",")),
            f"gpus must be auto, all, none or numbers such as 0,1; got {self.gpus!r}",
        )
        _require(self.retries >= 0, f"retries must not be negative, got {self.retries}")
        for name in ("tiles_in_flight", "scenes_in_flight", "worker_timeout_s"):
            _require(getattr(self, name) > 0, f"{name} must be positive, got {getattr(self, name)}")

    @property
    def is_remote(self) -> bool:
        """Whether workers may be on other machines."""
        return any(w is not None for w in (self.scheduler, self.scheduler_file, self.jobqueue))


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig(_Settings):
    """Random changes to training chips. Flips and quarter turns are always on."""

    style: str = "roadex"
    """``roadex``, or ``published``: the colours, shifts and scales of D-LinkNet; then only
    ``hue_wrap`` and ``width_jitter_px`` of what follows count."""

    hue_wrap: str = "correct"
    """``original`` keeps a fault of the published code: hues below a negative shift jump."""

    scale_jitter: float = 0.35
    """Chips are scaled by exp(u), u uniform in ± this: makes other pixel sizes work."""

    colour_probability: float = 0.5
    """Probability of each of the colour steps (gain and cast, contrast, gamma, ...)."""

    colour_strength: float = 1.0
    """Factor on the range of every colour step; 0 switches them off."""

    grey_probability: float = 0.05
    blur_probability: float = 0.2
    noise_probability: float = 0.2
    jpeg_probability: float = 0.2
    shadow_probability: float = 0.0
    """Probability of dark stripes, as buildings and trees throw them across roads."""

    width_jitter_px: int = 0
    """Labels are made wider or narrower by up to this many pixels on each side."""

    def __post_init__(self) -> None:
        _one_of("style", self.style, ("roadex", "published"))
        _one_of("hue_wrap", self.hue_wrap, ("correct", "original"))
        for name in ("colour", "grey", "blur", "noise", "jpeg", "shadow"):
            value = getattr(self, f"{name}_probability")
            _require(0 <= value <= 1, f"{name}_probability must be in [0, 1], got {value}")
        _require(
            self.width_jitter_px >= 0,
            f"width_jitter_px must not be negative, got {self.width_jitter_px}",
        )
        _require(
            0 <= self.scale_jitter < 2, f"scale_jitter must be in [0, 2), got {self.scale_jitter}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLabelConfig(_Settings):
    """How road lines become labels of a scene. Lengths are in metres."""

    width_m: float = 7.0
    """Width at which lines are burnt where no attribute says it: that of the labels of
    Massachusetts Roads."""

    width_attribute: str = "width_m"
    """Attribute with the width of each line in metres, where the file has it."""

    ignore_m: float = 2.0
    """Band along both sides of a burnt road that carries no label: its true edge is unknown."""

    layer: str = ""
    """Layer of the vector file; empty: the only one with lines, or ``road_edges``."""

    def __post_init__(self) -> None:
        _require(self.width_m > 0, f"width_m must be positive, got {self.width_m}")
        _require(self.ignore_m >= 0, f"ignore_m must not be negative, got {self.ignore_m}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(_Settings):
    """How a network is trained. One step is one update of the weights."""

    network: str = "dlinknet"
    """A name from ``roadex models list``."""

    arguments: dict[str, Any] = field(default_factory=lambda: {"encoder": "mobilenet_v2"})
    """What the network is built with."""

    encoder_weights: str | None = None
    """A ``.safetensors`` file to start the encoder from; None starts from scratch."""

    loss: str = "bce-dice"
    steps: int = 4000
    epochs: int = 0
    """Passes over the data; above 0 they take the place of ``steps``."""

    sampling: str = "random"
    """``random``: windows anywhere, datasets in proportion to their shares; ``epochs``: every
    window of a grid once per epoch, in another order each time."""

    batch_size: int = 8
    """Chips per step, over all processes and parts."""

    accumulation: int = 1
    """Parts in which a batch is computed one after the other: less memory, the same step."""
    chip_size: int = 384
    """Side of a training chip in pixels; a multiple of 32."""

    gsd_m: float = 1.0
    """Ground sample distance chips are brought to, and that of the finished model."""

    input_range: float = 1.0
    """Image values 0 to 255 reach the network as minus this to this."""

    optimizer: str = "adamw"
    """``adamw`` or ``adam``."""

    schedule: str = "cosine"
    """``cosine``: up along a line, down along a half cosine to 0; ``divide-by-5``: constant,
    divided by 5 when the training loss of an epoch stops falling, as D-LinkNet was trained."""

    learning_rate: float = 1e-3
    """Highest learning rate."""

    encoder_learning_rate_factor: float = 0.3
    """Share of the learning rate that the encoder gets: less where it starts from good weights."""

    warmup_share: float = 0.05
    """Share of the steps over which the learning rate rises from 0."""

    weight_decay: float = 1e-2
    gradient_norm: float = 5.0
    """Gradients are scaled down to this norm where theirs is larger."""

    ema_decay: float = 0.998
    """Decay per step of the averaged weights, which are the ones evaluated and kept."""

    precision: str = "float32"
    """``float32`` or ``bfloat16`` (autocast; worth it on GPUs and CPUs with AVX512-BF16 or AMX)."""

    tta: str = "d4"
    """Test-time augmentation of the last evaluation, which chooses the thresholds of the model."""

    seed: int = 0
    evaluate_every: int = 500
    """Steps between two evaluations on the validation data."""

    patience: int = 0
    """Evaluations without a better IoU after which training stops; the weights of the best one
    are kept. 0 trains to the end and keeps the last weights."""

    checkpoint_every: int = 100
    """Steps between two checkpoints; a killed training goes on from the last one."""

    loader_processes: int = 1
    """Processes that read and augment chips beside the training process."""

    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        for name in (
            "steps", "batch_size", "evaluate_every", "checkpoint_every", "learning_rate",
            "input_range",
        ):  # fmt: skip
            value = getattr(self, name)
            _require(value > 0, f"{name} must be positive, got {value}")
        for name in ("epochs", "patience"):
            value = getattr(self, name)
            _require(value >= 0, f"{name} must not be negative, got {value}")
        _require(
            self.chip_size > 0 and self.chip_size % TILE_ALIGNMENT == 0,
            f"chip_size must be a multiple of {TILE_ALIGNMENT}, got {self.chip_size}",
        )
        _one_of("precision", self.precision, ("float32", "bfloat16"))
        _one_of("sampling", self.sampling, ("random", "epochs"))
        _one_of("optimizer", self.optimizer, ("adamw", "adam"))
        _one_of("schedule", self.schedule, ("cosine", "divide-by-5"))
        _require(
            self.accumulation > 0 and self.batch_size % self.accumulation == 0,
            f"accumulation must divide batch_size ({self.batch_size}), got {self.accumulation}",
        )
        _require(
            self.sampling == "random" or self.augment.scale_jitter == 0,
            "sampling epochs cuts a fixed grid of windows: set augment.scale_jitter to 0",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreConfig(_Settings):
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
            _require(0 < value < 1, f"{name} must lie between 0 and 1, got {value}")
        _require(self.relaxed_radius_px >= 0, "relaxed_radius_px must not be negative")
        _require(0 < self.line_heading_deg <= 90, "line_heading_deg must lie in (0, 90]")
        positive = (
            "tile_size", "betti_window_px", "calibration_bins", "line_width_m", "line_buffer_m",
            "line_step_m", "line_cell_m", "apls_spacing_m", "apls_snap_m", "apls_sources",
            "topo_radius_m", "topo_spacing_m", "topo_step_m", "topo_match_m", "topo_starts",
            "junction_radius_m", "bootstrap_samples",
        )  # fmt: skip
        for name in positive:
            _require(getattr(self, name) > 0, f"{name} must be positive, got {getattr(self, name)}")
        _require(
            self.tile_size % self.betti_window_px == 0,
            f"tile_size must be a multiple of betti_window_px, got {self.tile_size} "
            f"and {self.betti_window_px}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig(_Settings):
    """What scene ``roadex demo`` makes."""

    seed: int = 1
    """Another seed is another place."""

    size: int = 1280
    """Rows and columns of the scene, 1 m each."""

    def __post_init__(self) -> None:
        _require(self.seed >= 0, f"the seed must not be negative, got {self.seed}")
        _require(256 <= self.size <= 8192, f"the size must be 256 to 8192 pixels, got {self.size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig(_Settings):
    """All settings of one ``roadex run``."""

    tiling: TilingConfig = field(default_factory=TilingConfig)
    predict: PredictConfig = field(default_factory=PredictConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    vector: VectorConfig = field(default_factory=VectorConfig)
    merge: MergeConfig = field(default_factory=MergeConfig)
    output: OutputConfig = field(default_factory=OutputConfig)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file of settings, unchecked.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        msg = f"cannot read settings from {path}: {error}"
        raise ConfigError(msg) from error


def settings_from_text(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn ``group.name=value`` texts into nested settings; values are TOML, or plain strings.

    Raises
    ------
    ConfigError
        If a text has no ``=``.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        if not separator:
            msg = f"a setting is given as NAME=VALUE, got {assignment!r}"
            raise ConfigError(msg)
        *groups, name = path.strip().split(".")
        target = values
        for group in groups:
            target = target.setdefault(group, {})
        try:
            target[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            target[name] = text
    return values
