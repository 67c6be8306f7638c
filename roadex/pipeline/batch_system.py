"""Workers as jobs of a batch system: SLURM, PBS or LSF, through dask-jobqueue.

What a job asks for (queue, cores, memory, GPUs, time) is said in Dask's own configuration, under
``jobqueue.slurm`` and so on, as dask-jobqueue documents it; ``workflows/slurm`` has an example.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import dask
from distributed import Client, Scheduler, Security, Status

from roadex.errors import ConfigError, RunError
from roadex.pipeline.local_cluster import QuietScheduler

CLUSTERS = MappingProxyType({"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster"})
"""Batch system to the class of dask-jobqueue that knows it."""

JOB_DEFAULTS = MappingProxyType({"cores": 1, "processes": 1, "memory": "4GB"})
"""A job where Dask's configuration does not say: one worker without a GPU."""

_WORKER_SETTINGS = (
    "distributed.nanny.pre-spawn-environ",
    "distributed.worker.memory.target",
    "distributed.worker.memory.spill",
    "distributed.worker.memory.pause",
    "distributed.worker.memory.terminate",
    "distributed.worker.http.routes",
)
"""Settings that workers in jobs take over from this process. Left to Dask, a worker would be paused
for good at 80 % of its memory, most of which is libraries and activations."""


@contextmanager
def worker_jobs(system: str, n_jobs: int, *, dashboard: bool = False) -> Iterator[Client]:
    """Start a scheduler here and workers as jobs, and wait until the first worker has come.

    Scheduler and workers speak TLS with keys made for the run. The workers' are files that only
    their owner can read, in ``jobqueue.SYSTEM.shared-temp-directory`` or the working folder, and
    are gone at the end. However long the queue is, that is waited for. Jobs that end early (killed,
    out of time) are submitted anew; all are cancelled at the end.

    Parameters
    ----------
    system
        A key of :data:`CLUSTERS`.
    n_jobs
        Jobs to keep going; each has the workers that ``jobqueue.SYSTEM.processes`` says.
    dashboard
        Serve Dask's dashboard; whoever reaches this machine can read it.

    Raises
    ------
    ConfigError
        If dask-jobqueue is not installed, Dask's configuration of the jobs cannot be, or the keys
        cannot be written where it says.
    RunError
        If jobs cannot be submitted from here, or the batch system refuses them.
    """
    cluster_class = _cluster_class(system)
    command: str = cluster_class.job_cls.submit_command
    if shutil.which(command.split()[0]) is None:
        msg = f"{command} not found: run roadex on a machine that can submit jobs"
        raise RunError(msg)
    with (
        dask.config.set(_missing_settings(system)),
        _started(cluster_class, system, dashboard=dashboard) as cluster,
    ):
        for _ in range(n_jobs):
            cluster.worker_spec.update(cluster.new_worker_spec())
        _submit(cluster, command)
        cluster.adapt(minimum_jobs=n_jobs, maximum_jobs=n_jobs)
        with Client(cluster) as client:
            client.wait_for_workers(1)
            yield client


def _cluster_class(system: str) -> Any:
    try:
        module = import_module("dask_jobqueue")
    except ImportError as error:
        msg = f"jobs of {system} need dask-jobqueue: pip install 'roadex[cluster]'"
        raise ConfigError(msg) from error
    return getattr(module, CLUSTERS[system])


def _missing_settings(system: str) -> dict[str, object]:
    import_module("dask_jobqueue.config")  # puts its defaults into Dask's configuration
    names = {name: f"jobqueue.{system}.{name}" for name in JOB_DEFAULTS}
    if dask.config.get(names["cores"]) is not None:
        names = {"memory": names["memory"]}
    return {
        place: JOB_DEFAULTS[name] for name, place in names.items() if dask.config.get(place) is None
    }


@contextmanager
def _started(cluster_class: Any, system: str, *, dashboard: bool) -> Iterator[Any]:
    configured = dask.config.get(f"jobqueue.{system}")
    options = configured["scheduler-options"]
    kind: type[Scheduler] = QuietScheduler
    if dashboard or "dashboard_address" in options:
        # Without this, two runs on one login node would fight for port 8787.
        options, kind = {"dashboard_address": ":0"} | options, Scheduler
    place = configured["shared-temp-directory"] or "."
    with _key_files(Path(os.path.expandvars(place)).expanduser().absolute()) as security:
        try:
            cluster = cluster_class(
                scheduler_options=options,
                scheduler_cls=kind,
                job_script_prologue=[*configured["job-script-prologue"], *_exports()],
                security=security,
            )
        except (ValueError, TypeError) as error:
            msg = f"jobqueue.{system} in Dask's configuration cannot be used: {error}"
            raise ConfigError(msg) from error
        with cluster:
            yield cluster


@contextmanager
def _key_files(place: Path) -> Iterator[Security]:
    """Make keys for one run as files that only their owner can read, gone at the end."""
    made = Security.temporary()
    try:
        folder = TemporaryDirectory(prefix=".roadex-keys-", dir=place, ignore_cleanup_errors=True)
    except OSError as error:
        msg = (
            f"the keys of a run cannot be written to {place}: {error.strerror}. Name a folder that "
            "all machines share as shared-temp-directory in Dask's configuration of the jobs"
        )
        raise ConfigError(msg) from error
    with folder as name:
        cert, key = Path(name) / "cert.pem", Path(name) / "key.pem"
        for path, text in ((cert, made.tls_worker_cert), (key, made.tls_worker_key)):
            path.touch(mode=0o600)
            path.write_text(text)
        roles = ("client", "scheduler", "worker")
        pairs = {f"tls_{role}_cert": str(cert) for role in roles}
        pairs |= {f"tls_{role}_key": str(key) for role in roles}
        yield Security(require_encryption=True, tls_ca_file=str(cert), **pairs)


def _exports() -> list[str]:
    values = {name: repr(dask.config.get(name)) for name in _WORKER_SETTINGS}
    return [
        f"export DASK_{name.replace('.', '__').replace('-', '_').upper()}={shlex.quote(value)}"
        for name, value in values.items()
    ]


def _submit(cluster: Any, command: str) -> None:
    """Submit the jobs of the cluster, saying why if that fails; ``scale`` would only log it."""

    async def submitted() -> None:
        await cluster

    try:
        cluster.sync(submitted)
    except (RuntimeError, ValueError, OSError) as error:
        for job in cluster.workers.values():
            if job.job_id is None:
                job.status = Status.failed  # dask-jobqueue 0.9 leaves "created": no closing then
        reason = str(error).partition("stderr:")[2].strip() or str(error)
        msg = f"{command} refused the jobs: {' '.join(reason.split())}"
        raise RunError(msg) from error
