"""What a run would take: time, memory, disk. Nothing is computed but a short trial of the model."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from roadex.config import TTA_VIEWS, ClusterConfig, RunConfig
from roadex.inference.speed_trial import Calibration, calibrate
from roadex.pipeline.capacity import WORKER_BYTES, count_cpu_workers
from roadex.pipeline.crew import (
    TRACE_MPX_S,
    CallingProcess,
    Load,
    crew_here,
)
from roadex.pipeline.gpus import choose_gpus, gpu_environment
from roadex.pipeline.plan import RunPlan, plan_run
from roadex.pipeline.tasks import count_threads

STORED_BYTES = 0.5
"""Bytes per pixel of the tile store and of the finished raster (measured on 100 Mpx: 0.53 with
overviews; probability of cities is at the upper end)."""

_RESULT_BYTES = 5
"""Per pixel of a tile: float32 probability and validity."""

PLAIN_BYTES = 1.0
"""Bytes per pixel of the raster before it is compressed; it is there while that is done."""

STITCH_MPX_S = 40.0
"""Measured: copying into a COG with ZSTD takes a second of one core per 47 Mpx, reading tiles is
quicker."""

NETWORK_MPX_S = 40.0
"""Of one core of the client, for what follows tracing: see docs/vectorization.md."""

START_S = 10.0
"""Until workers have loaded what they need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Who would do the work."""

    n_inference: int
    """Processes that predict: workers with a GPU where there are any."""

    n_vector: int
    has_gpu: bool
    place: str
    is_here: bool = False
    """Whether the calling process does all: then these are threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A plan and what it would take."""

    plan: RunPlan
    config: RunConfig
    workers: Workers
    calibration: Calibration | None
    """None where it was not wanted: then no time is known, and memory is a rule of thumb."""

    free_disk_bytes: int
    free_memory_bytes: int

    @property
    def seconds(self) -> dict[str, float] | None:
        """Time of each stage if every tile has imagery, in seconds."""
        if self.calibration is None:
            return None
        return self.seconds_with(self.config.predict.tta, self.calibration)

    def seconds_with(self, tta: str, calibration: Calibration) -> dict[str, float]:
        """Return the time of each stage with any test-time augmentation, in seconds."""
        views = TTA_VIEWS[tta]
        predict = (
            self.plan.read_megapixels
            * views
            * calibration.seconds_per_mpx
            / self.workers.n_inference
        )
        return {
            "predict": predict + (0 if self.workers.is_here else START_S),
            "stitch": self.megapixels / STITCH_MPX_S,
            "vectorize": self.megapixels
            * (1 / TRACE_MPX_S / self.workers.n_vector + 1 / NETWORK_MPX_S),
        }

    @property
    def megapixels(self) -> float:
        """Size of the work grid."""
        return self.plan.grid.shape[0] * self.plan.grid.shape[1] / 1e6

    @property
    def worker_bytes(self) -> int:
        """Memory of a worker that predicts; what a GPU holds is not in it."""
        if self.calibration is None:
            return WORKER_BYTES
        # The first ones are the largest.
        chip, tile = self.plan.chips[0].read, self.plan.tiles[0].core
        on_device = 0.0 if self.workers.has_gpu else self.calibration.bytes_per_pixel
        image_bytes = 4 * (len(self.plan.scene.bands) + 2)
        chip_bytes = int(chip.width * chip.height) * (on_device + image_bytes)
        return int(
            self.calibration.base_bytes + chip_bytes + int(tile.width * tile.height) * _RESULT_BYTES
        )

    @property
    def output_bytes(self) -> int:
        """Size of the results, nearly all of it the probability raster."""
        return int(self.megapixels * 1e6 * STORED_BYTES)

    @property
    def disk_bytes(self) -> int:
        """Most space taken at any time beside the results, with the tile store if it is there."""
        in_store = 0.0 if self.config.cluster.store else STORED_BYTES
        return int(self.megapixels * 1e6 * (in_store + PLAIN_BYTES + STORED_BYTES))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything doubtful: about the scene, and about the room for it."""
        notes = list(self.plan.warnings)
        if self.disk_bytes > self.free_disk_bytes:
            notes.append(
                f"the run needs {self.disk_bytes / 1e9:.1f} GB of disk at times, "
                f"{self.free_disk_bytes / 1e9:.1f} GB are free"
            )
        needed = self.worker_bytes * self.workers.n_inference
        if not self.config.cluster.is_remote and needed > self.free_memory_bytes:
            notes.append(
                f"{self.workers.n_inference} workers need {needed / 1e9:.1f} GB of memory, "
                f"{self.free_memory_bytes / 1e9:.1f} GB are free: use fewer --workers or a smaller "
                "--tile-size"
            )
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        plan, seconds = self.plan, self.seconds
        return {
            "scene": {
                "paths": list(plan.scene.paths),
                "shape": list(plan.scene.shape),
                "crs": plan.scene.crs.to_string(),
                "gsd_m": plan.scene.gsd_m,
                "bands": list(plan.scene.bands),
                "dtype": plan.scene.dtype,
            },
            "work_grid": {
                "shape": list(plan.grid.shape),
                "crs": plan.grid.crs.to_string(),
                "gsd_m": plan.grid.gsd_m,
                "is_native": plan.grid.is_native,
            },
            "model": {"name": plan.model.name, "gsd_m": plan.model.gsd_m},
            "tta": self.config.predict.tta,
            "precision": plan.precision,
            "tiles": len(plan.wanted),
            "tile_size": self.config.tiling.tile_size,
            "workers": {
                "inference": self.workers.n_inference,
                "vector": self.workers.n_vector,
                "gpu": self.workers.has_gpu,
                "place": self.workers.place,
                "here": self.workers.is_here,
            },
            "device": self.calibration.device if self.calibration else None,
            "seconds": seconds and {stage: round(value, 1) for stage, value in seconds.items()},
            "seconds_without_tta": self.calibration
            and round(sum(self.seconds_with("none", self.calibration).values()), 1),
            "worker_bytes": self.worker_bytes,
            "disk_bytes": self.disk_bytes,
            "free_disk_bytes": self.free_disk_bytes,
            "output_bytes": self.output_bytes,
            "warnings": list(self.warnings),
        }


def estimate_run(
    scenes: Sequence[str | Path], output: Path, *, config: RunConfig, with_calibration: bool = True
) -> Estimate:
    """Plan a run and say what it would take.

    Parameters
    ----------
    scenes, config
        As in :func:`roadex.run`.
    output
        Folder the results would go to; it need not exist.
    with_calibration
        Try the model on this machine, which takes some seconds.

    Raises
    ------
    SceneError, ModelError, ConfigError, RunError
        As the run would.
    """
    plan = plan_run(scenes, config)
    workers = find_workers(config, plan.load(config))
    calibration = try_model(plan, workers) if with_calibration else None
    return estimate_plan(plan, output, config, workers, calibration)


def estimate_plan(
    plan: RunPlan,
    output: Path,
    config: RunConfig,
    workers: Workers,
    calibration: Calibration | None,
) -> Estimate:
    """Say what a plan would take with these workers."""
    return Estimate(
        plan=plan,
        config=config,
        workers=workers,
        calibration=calibration,
        free_disk_bytes=shutil.disk_usage(_existing(output)).free,
        free_memory_bytes=int(psutil.virtual_memory().available),
    )


def try_model(plan: RunPlan, workers: Workers) -> Calibration:
    """Time the model of a plan on this machine, on what the workers would compute on."""
    environment = os.environ | ({} if workers.has_gpu else gpu_environment(""))
    return calibrate(plan.model_file, plan.precision, environment=environment)


def find_workers(config: RunConfig, load: Load | None) -> Workers:
    """Return who would do a load; None is that of a batch, which always has workers."""
    cluster, is_here = config.cluster, False
    place: str
    if cluster.jobqueue is not None:  # jobs are not submitted just to count them
        with_gpu, without, place = 0, cluster.workers or 1, cluster.jobqueue
    elif cluster.is_remote:
        from roadex.pipeline.cluster import connect  # Dask takes half a second to import

        with connect(cluster) as client:
            with_gpu, without = count_threads(client)
        place = cluster.scheduler or str(cluster.scheduler_file)
    else:
        here = crew_here(cluster, load)
        is_here = here is not None
        place = "this machine" if here is None else "the calling process"
        with_gpu, without = _local_counts(cluster, here)
    return Workers(
        n_inference=max(1, with_gpu or without),
        n_vector=max(1, without or with_gpu),
        has_gpu=with_gpu > 0,
        place=place,
        is_here=is_here,
    )


def _local_counts(config: ClusterConfig, here: CallingProcess | None) -> tuple[int, int]:
    """Return how many work on GPUs and how many on cores of this machine."""
    if here is not None:
        return (0, here.n_threads) if here.device == "cpu" else (1, here.n_threads)
    n_gpus = len(choose_gpus(config.gpus))
    return n_gpus, count_cpu_workers(config, n_gpus)


def _existing(path: Path) -> Path:
    """Return the nearest folder above that exists."""
    here = path.absolute()
    while not here.is_dir():
        here = here.parent
    return here
