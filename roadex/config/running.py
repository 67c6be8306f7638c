"""Settings of a run but for its vector half: tiles, inference, workers, demonstration."""

from __future__ import annotations

from dataclasses import dataclass

from roadex.config.base import Settings, require
from roadex.config.constants import BATCH_SYSTEMS, DEFAULT_MODEL, TTA_NAMES
from roadex.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class TilingConfig(Settings):
    """How a scene is cut into tiles."""

    core_size: int = 1024
    """Side of the square a tile owns, in work-grid pixels."""

    halo: int = 64
    """Context read on each side of the core and then discarded, in pixels."""

    def __post_init__(self) -> None:
        require(self.core_size > 0, f"core_size must be positive, got {self.core_size}")
        require(self.halo >= 0, f"halo must not be negative, got {self.halo}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictConfig(Settings):
    """How road probability is computed."""

    model: str = DEFAULT_MODEL
    """Name of a packaged model or path of a model file."""

    tta: str = "d4"
    """Test-time augmentation: ``none``, ``flip`` (4 views) or ``d4`` (all 8 flips and turns)."""

    bands: tuple[int, ...] | None = None
    """Band numbers of the scene from 1, in the model's order; None finds them by itself."""

    native_gsd: bool = False
    """Predict on the scene's own pixels instead of bringing them to the model's pixel size."""

    nodata: str = "auto"
    """Values of pixels without imagery, such as ``0`` or ``-9999``, with commas if there are
    several; ``none`` if there is none. ``auto`` takes those that files declare and that are
    found."""

    trusted_inputs_only: bool = False
    """Refuse virtual rasters (VRT) that read files outside of their own folder."""

    def __post_init__(self) -> None:
        require(
            self.tta in TTA_NAMES, f"tta must be one of {', '.join(TTA_NAMES)}, got {self.tta!r}"
        )
        _ = self.nodata_values

    @property
    def nodata_values(self) -> tuple[float, ...] | None:
        """Numbers of ``nodata``; ``()`` for none, None where they are to be found."""
        if self.nodata == "auto":
            return None
        if self.nodata == "none":
            return ()
        try:
            return tuple(float(part) for part in self.nodata.split(","))
        except ValueError as error:
            msg = f"nodata must be auto, none or numbers such as 0 or -9999; got {self.nodata!r}"
            raise ConfigError(msg) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig(Settings):
    """Where the work is done."""

    scheduler: str | None = None
    """Address of a running Dask scheduler; None starts workers on this machine."""

    scheduler_file: str | None = None
    """File in which a running Dask scheduler has written its address; instead of the address."""

    jobqueue: str | None = None
    """Batch system whose jobs are the workers: ``slurm``, ``pbs`` or ``lsf``."""

    workers: int | None = None
    """Worker processes on this machine. None is none where the work is small: it is done in the
    calling process; else one per core, fewer where memory is short. 0 is always the calling
    process. With ``jobqueue``, the jobs to keep going; None is one."""

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

    dashboard: bool = False
    """Serve Dask's dashboard while workers of this machine run. Its address is said on standard
    error; every user of the machine can read it."""

    def __post_init__(self) -> None:
        require(
            self.workers is None or self.workers >= (1 if self.jobqueue else 0),
            f"workers must not be negative, and a batch system needs one; got {self.workers}",
        )
        require(
            sum(w is not None for w in (self.scheduler, self.scheduler_file, self.jobqueue)) <= 1,
            "give the scheduler's address or its file or a batch system, not several of them",
        )
        require(
            self.jobqueue in (None, *BATCH_SYSTEMS),
            f"jobqueue must be one of {', '.join(BATCH_SYSTEMS)}, got {self.jobqueue!r}",
        )
        require(
            all(part.strip() for part in self.gpus.split(",")),
            f"gpus must be auto, all, none or numbers such as 0,1; got {self.gpus!r}",
        )
        require(self.retries >= 0, f"retries must not be negative, got {self.retries}")
        for name in ("tiles_in_flight", "scenes_in_flight", "worker_timeout_s"):
            require(getattr(self, name) > 0, f"{name} must be positive, got {getattr(self, name)}")

    @property
    def is_remote(self) -> bool:
        """Whether workers may be on other machines."""
        return any(w is not None for w in (self.scheduler, self.scheduler_file, self.jobqueue))


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig(Settings):
    """What scene ``roadex demo`` makes."""

    seed: int = 1
    """Another seed is another place."""

    size: int = 1280
    """Rows and columns of the scene, 1 m each."""

    def __post_init__(self) -> None:
        require(self.seed >= 0, f"the seed must not be negative, got {self.seed}")
        require(256 <= self.size <= 8192, f"the size must be 256 to 8192 pixels, got {self.size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateConfig(Settings):
    """What scenes ``roadex generate`` makes."""

    scenes: int = 40
    size: int = 1024
    """Rows and columns of each scene in pixels."""

    gsd_m: float = 1.0
    seed: int = 1000
    """Of the first scene; the next ones count up. Far from that of the demonstration, whose
    scene no model should have been trained on."""

    def __post_init__(self) -> None:
        require(self.scenes > 0, f"scenes must be positive, got {self.scenes}")
        require(self.seed >= 0, f"the seed must not be negative, got {self.seed}")
        require(64 <= self.size <= 8192, f"the size must be 64 to 8192 pixels, got {self.size}")
        require(0.2 <= self.gsd_m <= 3, f"gsd_m must be 0.2 to 3 metres, got {self.gsd_m}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignConfig(Settings):
    """How ``roadex align`` moves labels."""

    model: str = DEFAULT_MODEL
    """Name of a packaged model or path of a model file."""

    tta: str = "none"
    """Test-time augmentation: ``none``, ``flip`` or ``d4``; labels of a neighbourhood move
    together, so that single pixels matter little."""

    most_m: float = 3.0
    """Longest move down, up, left or right, in metres."""

    def __post_init__(self) -> None:
        require(self.tta in TTA_NAMES, f"tta must be one of {TTA_NAMES}, got {self.tta!r}")
        require(0 < self.most_m <= 20, f"most_m must be at most 20 metres, got {self.most_m}")
