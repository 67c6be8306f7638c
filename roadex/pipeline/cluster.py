"""Workers: on this machine or on a running Dask cluster, and a lean way to keep them busy."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

import dask
import psutil
from distributed import Client, Future, LocalCluster, as_completed

from roadex.config import ClusterConfig
from roadex.errors import RunError
from roadex.probability import GDAL_CACHE_BYTES
from roadex.runtime import ALLOCATOR_ENVIRONMENT

WORKER_BYTES = 1_500_000_000
"""Memory a local worker may need: libraries, model and the activations of one tile."""

_CONNECT_TIMEOUT_S = 20

Item = TypeVar("Item")
Result = TypeVar("Result")


class Outcome(NamedTuple, Generic[Item, Result]):
    """What became of one task: a result, or the error of its last try."""

    item: Item
    result: Result | None
    error: BaseException | None


@contextmanager
def connect(config: ClusterConfig) -> Iterator[Client]:
    """Connect to the configured scheduler, or start workers on this machine.

    Raises
    ------
    RunError
        If the scheduler does not answer.
    """
    with dask.config.set(_dask_settings()):
        if config.scheduler is not None:
            try:
                client = Client(config.scheduler, timeout=_CONNECT_TIMEOUT_S)
            except (OSError, TimeoutError) as error:
                msg = f"no Dask scheduler answers at {config.scheduler}: {error}"
                raise RunError(msg) from error
            with client:
                yield client
            return
        with (
            LocalCluster(
                n_workers=config.workers or default_workers(),
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client


def default_workers() -> int:
    """One process per core this process may use, fewer where memory is short."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    by_memory = int(psutil.virtual_memory().available // WORKER_BYTES)
    return max(1, min(cores, by_memory))


def run_tasks(
    client: Client,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    config: ClusterConfig,
) -> Iterator[Outcome[Item, Result]]:
    """Run a function on every item, yielding outcomes as they come, few items at a time.

    Never more than ``config.tiles_in_flight`` items per worker thread are with the scheduler, so
    neither its memory nor its work grows with the number of items.
    """
    waiting = iter(items)
    n_threads = max(1, sum(client.nthreads().values()))
    running: dict[Future[Result], Item] = {}
    queue = as_completed()

    def submit_next() -> None:
        item = next(waiting, None)
        if item is None:
            return
        future = client.submit(function, item, pure=False, retries=config.retries)
        running[future] = item
        queue.add(future)

    for _ in range(n_threads * config.tiles_in_flight):
        submit_next()
    for future in queue:
        item = running.pop(future)
        error = future.exception()
        yield Outcome(item, None if error is not None else future.result(), error)
        future.release()
        submit_next()


def mapper(
    client: Client, config: ClusterConfig
) -> Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]:
    """Return a ``map`` that runs on the workers, in any order; the first error ends it."""

    def map_tasks(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for outcome in run_tasks(client, function, items, config=config):
            if outcome.error is not None:
                raise outcome.error
            yield outcome.result

    return map_tasks


def _dask_settings() -> dict[str, object]:
    return {
        # Dask's own MALLOC_TRIM_THRESHOLD_ slows every forward pass on CPU by 1.4.
        "distributed.nanny.pre-spawn-environ": ALLOCATOR_ENVIRONMENT
        | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        | {"GDAL_CACHEMAX": str(GDAL_CACHE_BYTES // 2**20)},  # GDAL's default is 5 % of all memory
        "distributed.worker.preload": ["roadex.pipeline.preload"],
        "distributed.scheduler.allowed-failures": 3,
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
        "distributed.comm.timeouts.connect": f"{_CONNECT_TIMEOUT_S}s",
        "distributed.logging.distributed": "critical",
    }
