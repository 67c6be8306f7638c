"""The same bytes whatever the workers, and whoever is killed (-9) in the middle, and whenever."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import numpy as np
import psutil
import pytest
from distributed import LocalCluster, Security, SpecCluster

import roadex
from roadex.config import ClusterConfig
from roadex.pipeline.cluster import connect

ROUNDS = 20
SEED = 7

MAX_DELAY_S = 0.1
"""Kills come up to this long after a tile is finished, so at any moment of the next ones."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("n_workers", [1, 2, 4])
def test_processes_do_not_matter(small_run, n_workers: int, tmp_path: Path) -> None:
    roadex.run(small_run.scene, tmp_path, config=small_run.config(workers=n_workers))
    small_run.check(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("n_workers", "n_threads"), [(1, 2), (1, 4), (2, 2)])
def test_threads_do_not_matter(small_run, n_workers: int, n_threads: int, tmp_path: Path) -> None:
    with LocalCluster(
        n_workers=n_workers,
        threads_per_worker=n_threads,
        processes=False,
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        config = small_run.config(scheduler=cluster.scheduler_address)
        roadex.run(small_run.scene, tmp_path, config=config)
    small_run.check(tmp_path)


@pytest.fixture(scope="module")
def two_processes() -> Iterator[SpecCluster]:
    """Return a cluster of two workers that are started anew when they die."""
    with connect(ClusterConfig(workers=2)) as client:
        yield client.cluster


def keys_of(security: Security) -> dict[str, object]:
    """Return the settings of Dask that let another process of ours connect."""
    names = {"ca_file": "ca-file", "client_cert": "client.cert", "client_key": "client.key"}
    return {f"distributed.comm.tls.{v}": getattr(security, f"tls_{k}") for k, v in names.items()}


def run_with_keys(scene: Path, output: Path, config: Any, keys: dict[str, object]) -> None:
    """Run in another process than that of the cluster."""
    with dask.config.set(keys):
        roadex.run(scene, output, config=config)


@pytest.fixture(scope="module")
def client_process() -> Callable[..., Any]:
    """Return a function that starts a run in a process of its own, without waiting for imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["roadex.pipeline.run"])

    def start(run: Any, output: Path, cluster: SpecCluster) -> Any:
        config = run.config(scheduler=cluster.scheduler_address)
        process = context.Process(
            target=run_with_keys, args=(run.scene, output, config, keys_of(cluster.security))
        )
        process.start()
        return process

    return start


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_at_random_times_do_not_matter(
    small_run,
    two_processes: SpecCluster,
    client_process: Callable[..., Any],
    wait_until: Callable[..., None],
    tmp_path: Path,
) -> None:
    """In each round the client is killed, and in the run that goes on from there, a worker.

    Most kills come while tiles are computed, each fifth at some time after that.
    """
    rng = np.random.default_rng(SEED)
    n_tiles = small_run.n_tiles
    print(f"seed {SEED}, {n_tiles} tiles")
    hits = {"client": 0, "worker": 0}

    def kill(victim: str, client: Any, out: Path, *, after: int) -> None:
        wait_until(
            lambda: small_run.stored_tiles(out) >= after or not client.is_alive(),
            what=f"{after} tiles",
        )
        time.sleep(rng.uniform(0, MAX_DELAY_S))
        programs = list(two_processes.workers.values())
        pids = {"client": client.pid, "worker": programs[rng.integers(len(programs))].pid}
        was_running = client.is_alive()
        if was_running and psutil.pid_exists(pids[victim]):
            psutil.Process(pids[victim]).kill()
        n_stored = small_run.stored_tiles(out)
        is_hit = was_running and n_stored < n_tiles and not (out / "probability.tif").exists()
        hits[victim] += is_hit
        print(f"{out.name}: {victim} killed, {n_stored} tiles stored, tiles pending: {is_hit}")

    for i in range(ROUNDS):
        out = tmp_path / f"round-{i}"
        is_late = i % 5 == 4
        first = client_process(small_run, out, two_processes)
        kill("client", first, out, after=n_tiles if is_late else int(rng.integers(n_tiles)))
        first.join()
        if first.exitcode != 0:
            done = small_run.stored_tiles(out)
            after = n_tiles if is_late else int(rng.integers(done, max(done + 1, n_tiles)))
            second = client_process(small_run, out, two_processes)
            kill("worker", second, out, after=after)
            second.join()
            assert second.exitcode == 0
        small_run.check(out)
    print(f"kills while tiles were pending: {hits}")
    assert min(hits.values()) >= 0.6 * ROUNDS


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_client_leaves_no_workers_and_the_next_goes_on(
    small_run, roadex: Callable[..., Any], wait_until: Callable[..., None], tmp_path: Path
) -> None:
    arguments = ["run", *small_run.arguments, "-o", tmp_path / "out", "--workers", 2]
    first = roadex(*arguments)
    wait_until(lambda: small_run.stored_tiles(tmp_path / "out") >= 2, what="two tiles")
    workers = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    n_stored = small_run.stored_tiles(tmp_path / "out")
    assert 2 <= n_stored < small_run.n_tiles
    assert len(workers) >= 2
    wait_until(lambda: not any(w.is_running() for w in workers), what="the end of the workers")
    second = roadex(*arguments)
    _, errors = second.communicate(timeout=500)
    assert second.returncode == 0, errors
    small_run.check(tmp_path / "out")
