"""A real SLURM of one node: ``workflows/slurm`` submits, workers join, one is killed, it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import dask_jobqueue
import pytest
import yaml

from roadex.errors import RunError
from roadex.pipeline.batch_system import CLUSTERS, worker_jobs

WORKFLOW = Path(__file__).parents[2] / "workflows" / "slurm"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
JOBS = "jobqueue: {slurm: {cores: 1, memory: 1GB, processes: 1, log-directory: logs}}\n"


@pytest.fixture(scope="module")
def slurm(
    command_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Start SLURM; return the environment in which its commands work."""
    missing = [p for p in PROGRAMS if not shutil.which(p, path=command_environment["PATH"])]
    if missing:
        pytest.skip(f"no {', '.join(missing)} here: apt-get install slurm-wlm munge")
    if os.geteuid() != 0:
        pytest.skip("only root can start SLURM's daemons")
    folder = tmp_path_factory.mktemp("slurm")
    ports = [str(_free_port()) for _ in range(2)]
    start = Path(__file__).with_name("start-slurm.sh")
    with (folder / "start.log").open("w") as log:  # no pipe: the daemons would keep it open
        started = subprocess.run(
            ["bash", start, folder, *ports],
            env=command_environment,
            stdout=log,
            stderr=log,
            timeout=120,
            check=False,
        )
    try:
        if started.returncode != 0:
            pytest.skip(f"SLURM does not start here: {(folder / 'start.log').read_text()}")
        yield command_environment | {"SLURM_CONF": str(folder / "slurm.conf")}
    finally:
        _end_jobs(command_environment | {"SLURM_CONF": str(folder / "slurm.conf")})
        for pid_file in folder.glob("*.pid"):
            os.kill(int(pid_file.read_text()), signal.SIGTERM)


def _end_jobs(environment: dict[str, str]) -> None:
    """Cancel what a failed test has left: jobs outlive the daemons."""
    for _ in range(60):
        jobs = subprocess.run(
            ["squeue", "--noheader", "--format=%i"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        if not jobs:
            return
        subprocess.run(["scancel", "--full", *jobs], env=environment, check=False)
        time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _ask(slurm: dict[str, str], *command: object) -> str:
    return subprocess.run(
        list(map(str, command)), env=slurm, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.service
@pytest.mark.timeout(600)
def test_workflow_runs_as_jobs_and_survives_the_loss_of_one(
    slurm: dict[str, str], small_run, wait_until: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    environment = slurm | {"WORKERS": "2", "DASK_CONFIG": str(tmp_path / "jobs.yaml")}
    submit = ["sbatch", "--parsable", f"--chdir={tmp_path}", "--output=main.log"]
    command = [*submit, WORKFLOW / "run.sh", *small_run.arguments, "-o", "out"]
    main_job = _ask(environment, *command).strip()

    def workers() -> list[str]:
        listed = _ask(slurm, "squeue", "--noheader", "--states=running", "--format=%i")
        return sorted(set(listed.split()) - {main_job}, key=int)

    def state() -> str:
        return re.search(r"JobState=(\w+)", _ask(slurm, "scontrol", "show", "job", main_job))[1]

    out = tmp_path / "out"
    wait_until(lambda: small_run.stored_tiles(out) >= 3, what="three tiles")
    assert len(workers()) == 2
    _ask(slurm, "scancel", "--signal=KILL", "--full", workers()[0])
    n_stored = small_run.stored_tiles(out)
    assert n_stored < small_run.n_tiles
    wait_until(lambda: state() not in ("RUNNING", "COMPLETING"), what="the end of the main job")
    assert state() == "COMPLETED", (tmp_path / "main.log").read_text()
    small_run.check(out)
    wait_until(lambda: not workers(), what="the end of all worker jobs")
    logs = [path.read_text() for path in (tmp_path / "logs").glob("*.err")]
    assert sum("Registered to:" in log for log in logs) >= 2


@pytest.mark.service
def test_refused_jobs_are_an_error_that_says_why(slurm: dict[str, str], monkeypatch) -> None:
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    with (
        dask.config.set({"jobqueue.slurm.queue": "nowhere"}),
        pytest.raises(RunError, match="invalid partition specified: nowhere"),
        worker_jobs("slurm", 1),
    ):
        pass


@pytest.mark.parametrize("system", CLUSTERS)
def test_jobs_need_a_batch_system(system: str, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(RunError, match=r"(sbatch|qsub|bsub) not found"),
        worker_jobs(system, 1),
    ):
        pass


@pytest.mark.parametrize("system", CLUSTERS)
def test_settings_of_the_workflow_make_a_job(system: str, tmp_path: Path) -> None:
    defaults = dask.config.get("jobqueue")
    ours = yaml.safe_load((WORKFLOW / "jobqueue.yaml").read_text())["jobqueue"]
    with dask.config.set({"jobqueue": dask.config.merge(defaults, ours)}):
        cluster_class = getattr(dask_jobqueue, CLUSTERS[system])
        job = cluster_class.job_cls("tcp://head:1234", name="worker", log_directory=str(tmp_path))
    script = job.job_script()
    assert "dask_worker tcp://head:1234" in script
    assert "--nworkers 4" in script
    assert re.search(r"^#(SBATCH|PBS|BSUB) ", script, re.MULTILINE)
