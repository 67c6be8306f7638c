"""Who does the work: threads of this process where it is little, else workers of a Dask cluster.

A cluster takes seconds to start: interpreters, their imports, a scheduler. For a small scene that
is most of the run, so up to :data:`HERE_SECONDS` of work per core is done where the caller is, with
no other process and no open port; Dask is not even imported. Results do not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from roadex.config import ClusterConfig
from roadex.pipeline.capacity import GPU_THREADS, default_workers
from roadex.pipeline.gpus import choose_gpus, device_for

if TYPE_CHECKING:
    from distributed import Client

HERE_SECONDS = 20.0
"""Most seconds of work per core that are done in the calling process, see docs/cluster.md."""

TRACE_MPX_S = 50.0
"""Megapixels of probability that one core traces in a second, see docs/vectorization.md."""

_MOST_THREADS = 4
"""Threads that share one interpreter well; more processes beat more threads."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much there is to do."""

    n_tasks: int
    core_seconds: float
    """On one core of a CPU, roughly."""


@dataclass(frozen=True, slots=True)
class CallingProcess:
    """Does tasks in threads of this process."""

    n_threads: int
    device: str = "cpu"
    """Where the network computes: ``cpu``, or a GPU as torch names it."""

    def run(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, retries: int
    ) -> Iterator[tuple[Item, Result | None, BaseException | None]]:
        """Yield each item with its result, or the error of its last try, in any order."""
        pool = ThreadPoolExecutor(self.n_threads, thread_name_prefix="roadex")
        running: dict[Future[Result], Item] = {}
        try:
            for item in items:
                running[pool.submit(_persist, function, item, retries)] = item
                if len(running) > self.n_threads:
                    yield from _finished(running)
            while running:
                yield from _finished(running)
        finally:
            pool.shutdown(cancel_futures=True)


Crew: TypeAlias = "Client | CallingProcess"
"""Whoever does tasks."""


@contextmanager
def open_crew(config: ClusterConfig, load: Load | None = None) -> Iterator[Crew]:
    """Give what suits the load: this process, workers on this machine, or the configured cluster.

    Parameters
    ----------
    config
        With ``workers`` or a scheduler, those are taken whatever the load; ``workers`` 0 is this
        process.
    load
        None is more than this process should do.

    Raises
    ------
    RunError, ConfigError
        As :func:`roadex.pipeline.cluster.connect`.
    """
    here = crew_here(config, load)
    if here is not None:
        yield here
        return
    from roadex.pipeline.cluster import connect  # Dask takes half a second to import

    with connect(config) as client:
        yield client


def crew_here(config: ClusterConfig, load: Load | None) -> CallingProcess | None:
    """Return the calling process where it does the work, see :func:`open_crew`; else None."""
    if config.is_remote or config.workers not in (None, 0):
        return None
    gpus = choose_gpus(config.gpus)
    n_threads = GPU_THREADS if gpus else min(default_workers(), _MOST_THREADS)
    if load is not None:
        n_threads = max(1, min(n_threads, load.n_tasks))
    is_small = load is not None and load.core_seconds <= HERE_SECONDS * n_threads
    if config.workers is None and (not is_small or len(gpus) > 1):
        return None
    return CallingProcess(n_threads, device_for(gpus))


def _persist(function: Callable[[Item], Result], item: Item, retries: int) -> Result:
    for _ in range(retries):
        try:
            return function(item)
        except Exception:
            continue
    return function(item)


def _finished(running: dict[Future[Any], Item]) -> Iterator[tuple[Item, Any, BaseException | None]]:
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        item, error = running.pop(future), future.exception()
        yield item, None if error is not None else future.result(), error
