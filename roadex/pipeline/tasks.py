"""A lean way to keep workers busy: few tasks at a time, on the workers that suit them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from roadex.config import ClusterConfig
from roadex.errors import RunError
from roadex.pipeline.crew import CallingProcess, Crew

if TYPE_CHECKING:
    from distributed import Client, Future

GPU_SHARE = 0.25
"""Share of the resource ``GPU`` that a tile takes: a worker whose threads allow it reads and writes
other tiles while one is computed."""

_LOOK_SECONDS = 1.0
"""How often to see who is there: workers join and leave while tasks run."""

_FETCH_SECONDS = 60.0
"""How long to wait for the result of a finished task before seeing whether anybody is there."""

_GPU = "GPU"

_LOST = (
    "lost the connection to the Dask scheduler. Finished tiles are kept; run the same command "
    "again to resume"
)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Outcome(NamedTuple, Generic[Item, Result]):
    """What became of one task: a result, or the error of its last try."""

    item: Item
    result: Result | None
    error: BaseException | None


def run_tasks(
    crew: Crew,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    config: ClusterConfig,
    is_inference: bool = False,
) -> Iterator[Outcome[Item, Result]]:
    """Run a function on every item, yielding outcomes as they come, few items at a time.

    Never more than ``config.tiles_in_flight`` items per thread of the suitable workers are with the
    scheduler, so neither its memory nor its work grows with the number of items.

    Parameters
    ----------
    crew, function, items
        The function is called with each item, on some worker of a cluster or in this process.
    config
        Retries, tiles in flight, use of GPUs.
    is_inference
        Inference goes to workers with the resource ``GPU`` where there are any, everything else to
        those without it as long as there is one.

    Raises
    ------
    RunError
        If the scheduler is lost, or no suitable worker joins it for ``config.worker_timeout_s``.
    """
    if isinstance(crew, CallingProcess):
        for done in crew.run(function, items, retries=config.retries):
            yield Outcome(*done)
        return
    yield from _run_on_cluster(_Team(crew, config, is_inference=is_inference), function, items)


def _run_on_cluster(
    team: _Team, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Outcome[Item, Result]]:
    waiting = iter(items)
    running: dict[Future[Result], Item] = {}
    finished: SimpleQueue[Future[Result]] = SimpleQueue()
    more = True
    try:
        while more or running:
            while more and len(running) < team.n_wanted():
                try:
                    item = next(waiting)
                except StopIteration:
                    more = False
                    break
                future = team.submit(function, item)
                running[future] = item
                future.add_done_callback(finished.put)
            try:
                future = finished.get(timeout=_LOOK_SECONDS) if running else finished.get_nowait()
            except Empty:
                if more and not running:
                    time.sleep(_LOOK_SECONDS)
                team.check()
                continue
            yield _outcome(future, running.pop(future), team)
    finally:
        for future in running:
            future.release()


def mapper(
    crew: Crew, config: ClusterConfig
) -> Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]:
    """Return a ``map`` that runs where the work is done, in any order; the first error ends it."""

    def map_tasks(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for outcome in run_tasks(crew, function, items, config=config):
            if outcome.error is not None:
                raise outcome.error
            yield outcome.result

    return map_tasks


def _outcome(future: Future[Result], item: Item, team: _Team) -> Outcome[Item, Result]:
    """Fetch what a finished task returned; if its worker died meanwhile, it is being done again."""
    if future.status not in ("finished", "error"):
        raise RunError(_LOST)
    while True:
        try:
            error = future.exception(timeout=_FETCH_SECONDS)
            result = None if error is not None else future.result(timeout=_FETCH_SECONDS)
        except TimeoutError:
            team.check()
        except (OSError, CancelledError) as lost:  # of the connection: the task's own is returned
            raise RunError(_LOST) from lost
        else:
            future.release()
            return Outcome(item, result, error)


class _Team:
    """The workers that suit a kind of task, looked up at most once in :data:`_LOOK_SECONDS`."""

    def __init__(self, client: Client, config: ClusterConfig, *, is_inference: bool) -> None:
        self._client = client
        self._config = config
        self._is_inference = is_inference
        self._on_gpu: bool | None = None
        self._threads: dict[str, int] = {}
        self._preferred: list[str] = []
        self._looked = -float("inf")
        self._last_seen = time.monotonic()

    def n_wanted(self) -> int:
        """Return how many tasks should be with the scheduler."""
        self._look()
        return sum(self._threads.values()) * self._config.tiles_in_flight

    def submit(self, function: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Hand a task to the scheduler."""
        where: dict[str, Any] = {}
        if self._on_gpu:
            where = {"resources": {_GPU: GPU_SHARE}}
        elif self._preferred:
            where = {"workers": self._preferred, "allow_other_workers": True}
        return self._client.submit(
            function, item, pure=False, retries=self._config.retries, **where
        )

    def check(self) -> None:
        """See that somebody is there to work.

        Raises
        ------
        RunError
            If nobody has been for too long, or the scheduler is gone.
        """
        self._look()
        waited = time.monotonic() - self._last_seen
        if waited > self._config.worker_timeout_s:
            kind = "worker with the resource GPU" if self._on_gpu else "worker"
            msg = (
                f"no {kind} has been at the Dask scheduler for {waited:.0f} s. Start some "
                "(see docs/cluster.md) and run the same command again to resume"
            )
            raise RunError(msg)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
        except (OSError, AttributeError, TimeoutError) as error:  # AttributeError: client closed
            msg = (
                f"the Dask scheduler does not answer: {error}. Run the same command again to resume"
            )
            raise RunError(msg) from error
        with_gpu = {a for a, worker in workers.items() if worker["resources"].get(_GPU, 0) > 0}
        if self._is_inference and self._on_gpu is None and workers:
            chosen = {"auto": bool(with_gpu), "none": False}
            self._on_gpu = chosen.get(self._config.gpus, True)
        suitable = with_gpu if self._on_gpu else set(workers)
        without = suitable - with_gpu
        self._preferred = sorted(without) if with_gpu and without and not self._is_inference else []
        members = self._preferred or suitable
        self._threads = {address: workers[address]["nthreads"] for address in members}
        if self._threads:
            self._last_seen = now


def count_threads(client: Client) -> tuple[int, int]:
    """Return how many workers have the resource ``GPU``, and how many threads the others have."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    with_gpu = [worker for worker in workers if worker["resources"].get(_GPU, 0) > 0]
    return len(with_gpu), sum(w["nthreads"] for w in workers if w not in with_gpu)
