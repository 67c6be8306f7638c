"""Dask clusters: workers of this machine, jobs of a batch system, or a cluster that is running."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import dask
from distributed import Client

from roadex.config import ClusterConfig
from roadex.errors import RunError
from roadex.imagery.locations import GDAL_CACHE_BYTES, READING
from roadex.inference.allocator import ALLOCATOR_ENVIRONMENT
from roadex.pipeline.batch_system import worker_jobs
from roadex.pipeline.local_cluster import local_cluster

_CONNECT_TIMEOUT_S = 20

WORKER_ENVIRONMENT = MappingProxyType(
    # Dask's own MALLOC_TRIM_THRESHOLD_ slows every forward pass on CPU by 1.4.
    ALLOCATOR_ENVIRONMENT
    | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    | {name: str(value) for name, value in READING.items()}
    | {"GDAL_CACHEMAX": str(GDAL_CACHE_BYTES // 2**20)}  # GDAL's default is 5 % of all memory
)
"""Variables of every worker that roadex starts."""


@contextmanager
def connect(config: ClusterConfig) -> Iterator[Client]:
    """Connect to the configured scheduler, or start workers on this machine.

    Raises
    ------
    RunError
        If the scheduler does not answer, a worker cannot be started, or a batch system refuses the
        jobs.
    ConfigError
        If GPUs are asked for that are not there, or jobs that cannot be.
    """
    with dask.config.set(_dask_settings()):
        if config.jobqueue is not None:
            jobs = worker_jobs(config.jobqueue, config.workers or 1, dashboard=config.dashboard)
            with jobs as client:
                yield client
            return
        if config.is_remote:
            with _running_cluster(config) as client:
                yield client
            return
        with (
            local_cluster(config, dict(WORKER_ENVIRONMENT)) as own,
            Client(own, set_as_default=False) as client,
        ):
            yield client


@contextmanager
def _running_cluster(config: ClusterConfig) -> Iterator[Client]:
    address = config.scheduler or _address_in(Path(config.scheduler_file or ""))
    try:
        client = Client(address, timeout=_CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError, ValueError) as error:
        msg = f"no Dask scheduler answers at {address}: {error}"
        raise RunError(msg) from error
    with client:
        yield client


def _address_in(path: Path) -> str:
    """Read a scheduler's address from the file it writes, waiting for it for a while."""
    deadline = time.monotonic() + _CONNECT_TIMEOUT_S
    while True:
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError, KeyError) as error:  # not there yet, or half written
            if time.monotonic() > deadline:
                msg = (
                    f"no Dask scheduler has written its address to {path}: {error}. Start one with "
                    f"`dask scheduler --scheduler-file {path}`"
                )
                raise RunError(msg) from error
        time.sleep(0.2)


def _dask_settings() -> dict[str, object]:
    return {
        "distributed.nanny.pre-spawn-environ": dict(WORKER_ENVIRONMENT),
        # A killed worker is started anew. Dask gives that 15 s, then does away with it for good.
        "distributed.deploy.lost-worker-timeout": "1h",
        "distributed.scheduler.allowed-failures": 3,
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
        "distributed.comm.timeouts.connect": f"{_CONNECT_TIMEOUT_S}s",
        "distributed.worker.http.routes": [],
        "distributed.logging.distributed": "critical",
    }
