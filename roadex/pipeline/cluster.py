"""Workers: on this machine, one per core or GPU, or those of a running Dask cluster."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dask
import psutil
from distributed import Client, Nanny, Scheduler, SpecCluster

from roadex.config import ClusterConfig
from roadex.errors import RunError
from roadex.imagery.locations import GDAL_CACHE_BYTES, READING
from roadex.inference.allocator import ALLOCATOR_ENVIRONMENT
from roadex.pipeline.batch_system import worker_jobs
from roadex.pipeline.gpus import choose_gpus

WORKER_BYTES = 1_500_000_000
"""Memory a local worker may need: libraries, model and the activations of one tile."""

GPU_THREADS = 4
"""Threads of a worker with a GPU: one computes while the others read and write."""

_CONNECT_TIMEOUT_S = 20
_LOCALHOST = "127.0.0.1"
_NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}


@contextmanager
def connect(config: ClusterConfig) -> Iterator[Client]:
    """Connect to the configured scheduler, or start workers on this machine.

    Raises
    ------
    RunError
        If the scheduler does not answer, or a batch system refuses the jobs.
    ConfigError
        If GPUs are asked for that are not there, or jobs that cannot be.
    """
    with dask.config.set(_dask_settings()):
        if config.jobqueue is not None:
            with worker_jobs(config.jobqueue, config.workers or 1) as client:
                yield client
            return
        if config.is_remote:
            with _running_cluster(config) as client:
                yield client
            return
        workers = local_workers(config)
        scheduler = {
            "cls": Scheduler,
            "options": {"host": _LOCALHOST, "dashboard_address": f"{_LOCALHOST}:0"},
        }
        with (
            SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.CRITICAL) as own,
            Client(own) as client,
        ):
            yield client


def default_workers() -> int:
    """One process per core this process may use, fewer where memory is short."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    by_memory = int(psutil.virtual_memory().available // WORKER_BYTES)
    return max(1, min(cores, by_memory))


def local_workers(config: ClusterConfig) -> dict[str, dict[str, Any]]:
    """Return what workers to start on this machine: one per GPU, and CPU workers.

    Where there are GPUs the CPU workers vectorize and cannot see the GPUs; there is at least one.
    """
    gpus = choose_gpus(config.gpus)
    n_cpu = config.workers or max(1, default_workers() - len(gpus))
    workers = {f"gpu-{gpu}": _gpu_worker(gpu) for gpu in gpus}
    environment = _NO_GPU if gpus or config.gpus == "none" else {}
    for i in range(n_cpu):
        workers[f"cpu-{i}"] = _worker(nthreads=1, env=environment)
    return workers


def _gpu_worker(gpu: str) -> dict[str, Any]:
    options = {"nthreads": GPU_THREADS, "resources": {"GPU": 1}}
    return _worker(**options, env={"CUDA_VISIBLE_DEVICES": gpu}, plugins=_near_gpu(gpu))


def _worker(**options: Any) -> dict[str, Any]:
    common = {"host": _LOCALHOST, "memory_limit": 0, "silence_logs": logging.CRITICAL}
    return {"cls": Nanny, "options": common | options}


def _near_gpu(gpu: str) -> list[Any]:
    """Return the plugin of dask-cuda, where it is installed, that keeps a worker near its GPU."""
    if find_spec("dask_cuda") is None:
        return []
    # Found by name: it pins one version of Dask, so it cannot be among what roadex requires.
    plugins, utils = (import_module(f"dask_cuda.{name}") for name in ("plugins", "utils"))
    device = int(gpu) if gpu.isdecimal() else gpu
    return [plugins.CPUAffinity(utils.get_cpu_affinity(device))]


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
        # Dask's own MALLOC_TRIM_THRESHOLD_ slows every forward pass on CPU by 1.4.
        "distributed.nanny.pre-spawn-environ": ALLOCATOR_ENVIRONMENT
        | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        | {name: str(value) for name, value in READING.items()}
        | {"GDAL_CACHEMAX": str(GDAL_CACHE_BYTES // 2**20)},  # GDAL's default is 5 % of all memory
        "distributed.worker.preload": ["roadex.pipeline.preload"],
        # A killed worker is started anew. Dask gives that 15 s, then does away with it for good.
        "distributed.deploy.lost-worker-timeout": "1h",
        "distributed.scheduler.allowed-failures": 3,
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
        "distributed.comm.timeouts.connect": f"{_CONNECT_TIMEOUT_S}s",
        "distributed.logging.distributed": "critical",
    }
