"""Settings of where the work is done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from roadex.config.base import Settings
from roadex.config.constants import BatchSystem
from roadex.config.kinds import Count, Positive, Unset, Whole

_GPUS = re.compile(r"auto|all|none|[^\s,]+(\s*,\s*[^\s,]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig(Settings):
    """Where the work is done."""

    scheduler: Annotated[str | None, Unset("workers on this machine")] = None
    """Address of a running Dask scheduler, such as tcp://host:8786."""

    scheduler_file: str | None = None
    """Scheduler file of a running Dask scheduler, instead of its address."""

    jobqueue: BatchSystem | None = None
    """Batch system whose jobs are the workers; see workflows/slurm."""

    workers: Annotated[Whole | None, Unset("by the size of the work, or one job")] = None
    """Worker processes on this machine, or jobs of the batch system. By default small work is done
    in the calling process (as with 0), larger work by one worker per core, fewer where memory is
    short."""

    gpus: str = "auto"
    """GPUs for inference: auto (use any), all (require one), none, or numbers such as 0,1. On a
    running cluster, which workers: those with the resource ``GPU`` if there are any, only those,
    or any."""

    store: Annotated[str | None, Unset("beside the results")] = None
    """Folder or URL (s3://bucket/tiles) for finished tiles until the run is complete. With a URL,
    workers need no disk in common."""

    retries: Whole = 2
    """How often a failed tile is tried again before it is reported."""

    tiles_in_flight: Count = 3
    """Tiles submitted per worker thread at any time: bounds memory and scheduler load."""

    scenes_in_flight: Count = 2
    """Scenes of a batch worked on at a time: one is finished while the next is predicted."""

    worker_timeout_s: Positive = 600.0
    """Longest wait for a worker to join a running cluster."""

    dashboard: bool = False
    """Serve Dask's dashboard while workers of this machine run. Its address is printed on standard
    error; every user of the machine can read it."""

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong between settings."""
        if sum(w is not None for w in (self.scheduler, self.scheduler_file, self.jobqueue)) > 1:
            yield "give only one of {scheduler}, {scheduler_file} and {jobqueue}"
        if self.jobqueue is not None and self.workers == 0:
            yield "{workers} must be at least 1 with {jobqueue}, got 0"
        if not _GPUS.fullmatch(self.gpus.strip()):
            yield f"{{gpus}} must be auto, all, none or numbers such as 0,1; got {self.gpus!r}"

    @property
    def is_remote(self) -> bool:
        """Whether workers may be on other machines."""
        return any(w is not None for w in (self.scheduler, self.scheduler_file, self.jobqueue))
