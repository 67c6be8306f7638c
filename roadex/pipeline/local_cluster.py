"""Workers on this machine: programs of their own, reached over TLS on the loopback device.

A worker is ``python -m roadex.pipeline.worker_program``, so it never imports the caller's script.
It gets its key through its standard input: roadex leaves no key in a file. Whoever has no key, such
as another user of the machine, can connect neither to the scheduler nor to a worker. Nothing is
served over HTTP unless the dashboard is asked for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import dask
from distributed import Scheduler, Security, SpecCluster
from distributed.deploy.spec import ProcessInterface

from roadex.config import ClusterConfig
from roadex.errors import RunError
from roadex.pipeline.capacity import GPU_THREADS, count_cpu_workers
from roadex.pipeline.gpus import choose_gpus, cores_near, gpu_environment
from roadex.pipeline.worker_program import READY

LOCALHOST = "127.0.0.1"

_MOST_STARTS = 3
"""How often in a row a worker may fail to start before it is given up."""

_CLOSING_SECONDS = 5.0
_NO_GPU = ""
_WORKER_KEYS = ("tls_ca_file", "tls_worker_cert", "tls_worker_key")
"""Parts of Dask's ``Security`` a worker needs, all as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalWorker:
    """A worker to start on this machine."""

    name: str
    gpu: str | None = None
    """The one GPU it sees, see ``gpu_environment``; ``""`` is none, None is all."""

    @property
    def has_gpu(self) -> bool:
        """Whether it is there to predict on a GPU."""
        return bool(self.gpu)

    @property
    def options(self) -> dict[str, Any]:
        """Options of Dask's ``Worker``."""
        if not self.has_gpu:
            return {"name": self.name, "nthreads": 1}
        return {"name": self.name, "nthreads": GPU_THREADS, "resources": {"GPU": 1}}

    def environment(self, common: dict[str, str]) -> dict[str, str]:
        """Return the variables of its process."""
        return os.environ | common | ({} if self.gpu is None else gpu_environment(self.gpu))


def local_workers(config: ClusterConfig) -> list[LocalWorker]:
    """Return what workers to start on this machine: one per GPU, and CPU workers.

    Where there are GPUs the CPU workers vectorize and cannot see the GPUs; there is at least one.
    """
    gpus = choose_gpus(config.gpus)
    visible = _NO_GPU if gpus or config.gpus == "none" else None
    return [LocalWorker(name=f"gpu-{gpu}", gpu=gpu) for gpu in gpus] + [
        LocalWorker(name=f"cpu-{i}", gpu=visible)
        for i in range(count_cpu_workers(config, len(gpus)))
    ]


def scheduler_of(config: ClusterConfig) -> tuple[dict[str, Any], Security]:
    """Return what starts a scheduler that only this user of this machine reaches, and its keys."""
    security = Security.temporary()
    options = {"host": LOCALHOST, "protocol": "tls://", "security": security}
    if not config.dashboard:
        return {"cls": QuietScheduler, "options": options}, security
    options |= {"dashboard_address": f"{LOCALHOST}:0", "dashboard": True}
    return {"cls": Scheduler, "options": options}, security


@contextmanager
def local_cluster(config: ClusterConfig, environment: dict[str, str]) -> Iterator[SpecCluster]:
    """Start a scheduler in this process and workers beside it.

    Parameters
    ----------
    config
        How many workers, which GPUs, whether there is a dashboard.
    environment
        Variables of every worker, over those of this process.

    Raises
    ------
    RunError
        If a worker cannot be started.
    ConfigError
        If GPUs are asked for that are not there.
    """
    workers = local_workers(config)
    scheduler, security = scheduler_of(config)
    with tempfile.TemporaryDirectory(prefix="roadex-", ignore_cleanup_errors=True) as folder:
        common = {"security": security, "folder": folder, "environment": environment}
        programs = {
            worker.name: {"cls": WorkerProgram, "options": {"worker": worker, **common}}
            for worker in workers
        }
        with SpecCluster(
            workers=programs,
            scheduler=scheduler,
            security=security,
            silence_logs=logging.CRITICAL,
        ) as cluster:
            if config.dashboard:
                logging.getLogger(__name__).warning("Dask's dashboard: %s", cluster.dashboard_link)
            yield cluster


class QuietScheduler(Scheduler):
    """A scheduler without Dask's HTTP server: what it tells, any user of the machine could read."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Start none."""


class WorkerProgram(ProcessInterface):
    """A worker as a process, started anew when it dies; of a :class:`distributed.SpecCluster`."""

    def __init__(
        self,
        scheduler: str,
        *,
        name: str,
        worker: LocalWorker,
        security: Security,
        folder: str,
        environment: dict[str, str],
    ) -> None:
        super().__init__(name=name)  # type: ignore[no-untyped-call]
        self._worker, self._environment = worker, environment
        self._task = {
            "scheduler": scheduler,
            "options": worker.options | {"local_directory": folder, "host": LOCALHOST},
            "security": {name: getattr(security, name) for name in _WORKER_KEYS},
            "cores": cores_near(worker.gpu),
        }
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process number of the worker that is there now."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the program and wait until it has joined the scheduler.

        Raises
        ------
        RunError
            If it cannot be started.
        """
        await self._start_program()
        self._keeper = asyncio.create_task(self._keep_going())
        await super().start()  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        """End the program."""
        if self._keeper:
            self._keeper.cancel()
        if self._process:
            await _end(self._process)
        await super().close()  # type: ignore[no-untyped-call]

    async def _start_program(self) -> None:
        # A session of its own: Ctrl-C in the terminal is for the client, which ends the workers.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "roadex.pipeline.worker_program",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env=self._worker.environment(self._environment) | _inherited_settings(),
            start_new_session=True,
        )  # fmt: skip
        answer = await _hand_over(self._process, self._task)
        if answer != READY:
            await _end(self._process)
            reason = answer or f"it ended with exit code {self._process.returncode}"
            msg = f"worker {self._worker.name} cannot be started: {reason}. See `roadex doctor`"
            raise RunError(msg)

    async def _keep_going(self) -> None:
        """Start the program anew whenever it has died."""
        n_failed = 0
        while n_failed < _MOST_STARTS:
            if self._process:
                await self._process.wait()
            try:
                await self._start_program()
                n_failed = 0
            except RunError as error:
                n_failed += 1
                logging.getLogger(__name__).warning("%s", error)


async def _hand_over(process: asyncio.subprocess.Process, task: dict[str, Any]) -> str:
    """Tell a program what it is to be, and return what it answers; nothing if it has died."""
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    with suppress(ConnectionError):
        process.stdin.write(json.dumps(task).encode() + b"\n")
        await process.stdin.drain()
    return (await process.stdout.readline()).decode().strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close a program's input, which ends it, and kill it if that takes too long."""
    if process.stdin:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _CLOSING_SECONDS)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _inherited_settings() -> dict[str, str]:
    """Return the variable by which Dask hands its configuration on to a program."""
    return {"DASK_INTERNAL_INHERIT_CONFIG": dask.config.serialize(dask.config.config)}
