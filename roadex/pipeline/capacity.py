"""How many workers and threads this machine has room for."""

from __future__ import annotations

import os

import psutil

from roadex.config import ClusterConfig

WORKER_BYTES = 1_500_000_000
"""Memory a local worker may need: libraries, model and the activations of one tile."""

GPU_THREADS = 4
"""Threads per GPU: one computes while the others read and write."""


def count_cpu_workers(config: ClusterConfig, n_gpus: int) -> int:
    """Return how many workers without a GPU are started on this machine."""
    return config.workers or max(1, default_workers() - n_gpus)


def default_workers() -> int:
    """One process per core this process may use, fewer where memory is short."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    by_memory = int(psutil.virtual_memory().available // WORKER_BYTES)
    return max(1, min(cores, by_memory))
