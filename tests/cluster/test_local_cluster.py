"""Workers of this machine: programs of their own that nobody else can reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from roadex.config import ClusterConfig, RunConfig
from roadex.errors import RunError
from roadex.pipeline.cluster import connect
from roadex.pipeline.tasks import run_tasks

NOBODY = 65534

SCRIPT = """
import sys
import roadex

print("the script runs", flush=True)
result = roadex.run({scene!r}, {output!r}, config=roadex.RunConfig.from_dict({config!r}))
print(len(result.edges))
"""

INTRUDER = f"""
import asyncio, json, os, socket, ssl, sys, urllib.request
from distributed import Client, Security
from distributed.comm import connect


async def knock(address, **options):
    comm = await connect(address, timeout=5, **options)
    await comm.close()


def intrude(address):
    host, port = address.split("://")[1].rsplit(":", 1)
    plain = ssl.create_default_context()
    plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
    for scheme, options in (("tcp", {{}}), ("tls", {{"ssl_context": plain}})):
        try:
            asyncio.run(knock(f"{{scheme}}://{{host}}:{{port}}", **options))
            print("INTRUDED", scheme, address)
        except Exception as error:
            print("refused", type(error).__name__)
    try:
        urllib.request.urlopen(f"http://{{host}}:{{port}}/status", timeout=5)
        print("INTRUDED http", address)
    except OSError as error:
        print("refused", type(error).__name__)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, int(port)), timeout=5) as plain:
            with context.wrap_socket(plain) as secure:
                print("INTRUDED" if secure.recv(1) else "refused", "TLS without a certificate")
    except OSError as error:
        print("refused", type(error).__name__)


def come_with_the_key(task):
    security = Security(**task["security"])
    with Client(task["addresses"][0], security=security, timeout=5) as client:
        print("with the key:", len(client.scheduler_info()["workers"]), "workers")


# First as the owner: all that is imported late is imported then, for the other user may be unable
# to read a file of this environment.
task = json.load(sys.stdin)
for user in ("owner", "another"):
    if user == "another":
        os.setgroups([])
        os.setgid({NOBODY})
        os.setuid({NOBODY})
    for address in task["addresses"]:
        intrude(address)
    come_with_the_key(task)
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    with connect(ClusterConfig(workers=2, gpus="none")) as client:
        yield client


def pid(_item: int) -> int:
    return os.getpid()


def environment(_item: int) -> dict[str, str]:
    return dict(os.environ)


def listening(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    """Return addresses that processes listen at."""
    found = (c for p in processes for c in p.net_connections("inet") if c.status == "LISTEN")
    return {(c.laddr.ip, c.laddr.port) for c in found}


@pytest.mark.slow
def test_workers_never_import_the_script_that_calls(small_run, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    config = small_run.config(workers=2).to_dict()
    script.write_text(
        SCRIPT.format(scene=str(small_run.scene), output=str(tmp_path / "out"), config=config)
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the script runs") == 1
    assert done.stderr == ""
    small_run.check(tmp_path / "out")


@pytest.mark.slow
def test_the_calling_process_gives_the_same_bytes_without_cluster_or_port(
    small_run, tmp_path: Path
) -> None:
    code = (
        "import os, sys, psutil, roadex\n"
        f"config = roadex.RunConfig.from_dict({small_run.config(workers=0).to_dict()!r})\n"
        "seen = set()\n"
        "class Watch:\n"
        "    def start(self, *_): self.look()\n"
        "    def finish(self, *_): self.look()\n"
        "    def look(self):\n"
        "        me = psutil.Process()\n"
        "        seen.update(me.children(recursive=True))\n"
        "        seen.update(c for c in me.net_connections('inet') if c.status == 'LISTEN')\n"
        "    def advance(self, *_): self.look()\n"
        f"paths = {str(small_run.scene)!r}, {str(tmp_path)!r}\n"
        "roadex.run(*paths, config=config, progress=Watch())\n"
        "print(seen, [m for m in ('dask', 'distributed') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "set() []"
    small_run.check(tmp_path)


@pytest.mark.slow
def test_small_work_stays_here_and_more_goes_to_workers() -> None:
    from roadex.pipeline.crew import HERE_SECONDS, CallingProcess, Load, crew_here

    little = Load(n_tasks=1, core_seconds=HERE_SECONDS)
    much = Load(n_tasks=1, core_seconds=HERE_SECONDS + 1)
    none = ClusterConfig(gpus="none")
    assert crew_here(none, little) == CallingProcess(n_threads=1, device="cpu")
    assert crew_here(none, much) is None
    assert crew_here(none, None) is None
    assert crew_here(ClusterConfig(gpus="none", workers=0), much) is not None
    assert crew_here(ClusterConfig(gpus="none", workers=1), little) is None
    assert crew_here(ClusterConfig(scheduler="tcp://nowhere:1"), little) is None


@pytest.mark.slow
def test_only_the_loopback_device_is_listened_at_and_nothing_answers_http() -> None:
    me = psutil.Process()
    before = listening([me])
    with connect(ClusterConfig(workers=2, gpus="none")) as client:
        workers = [psutil.Process(program.pid) for program in client.cluster.workers.values()]
        scheduler, theirs = listening([me]) - before, listening(workers)
        assert {ip for ip, _ in scheduler | theirs} == {"127.0.0.1"}
        assert (len(scheduler), len(theirs)) == (1, 2)  # one port each, for Dask; none for HTTP
        assert client.cluster.scheduler_address.startswith("tls://127.0.0.1:")
        assert client.cluster.dashboard_link == ""


@pytest.mark.slow
def test_workers_get_the_settings_of_the_allocator_and_one_thread(cluster) -> None:
    (variables,) = [o.result for o in run_tasks(cluster, environment, [1], config=ClusterConfig())]
    expected = {
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    assert {name: variables.get(name) for name in expected} == expected


@pytest.mark.slow
def test_another_user_of_the_machine_reaches_nothing(cluster) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    own = cluster.cluster
    addresses = [own.scheduler_address, *cluster.scheduler_info()["workers"]]
    names = ("tls_ca_file", "tls_client_cert", "tls_client_key")
    security = {name: getattr(own.security, name) for name in names}
    done = subprocess.run(
        [sys.executable, "-c", INTRUDER],
        input=json.dumps({"addresses": addresses, "security": security}),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "INTRUDED" not in done.stdout
    assert done.stdout.count("refused") == 2 * 4 * len(addresses)
    # The key is what makes the difference, and it is neither in arguments nor in variables.
    assert done.stdout.count("with the key: 2 workers") == 2
    for program in own.workers.values():
        process = psutil.Process(program.pid)
        assert "PRIVATE KEY" not in " ".join([*process.cmdline(), *process.environ().values()])


@pytest.mark.slow
def test_a_killed_worker_is_started_anew(cluster, wait_until: Callable[..., None]) -> None:
    program = next(iter(cluster.cluster.workers.values()))
    before = program.pid
    psutil.Process(before).kill()
    wait_until(
        lambda: program.pid != before and len(cluster.scheduler_info()["workers"]) == 2,
        what="the new worker", timeout_s=60,
    )  # fmt: skip
    pids = {o.result for o in run_tasks(cluster, pid, range(8), config=ClusterConfig())}
    assert before not in pids


@pytest.mark.slow
def test_a_worker_that_cannot_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with (
        pytest.raises(RunError, match=r"worker cpu-0 cannot be started.*exit code 1") as refused,
        connect(ClusterConfig(workers=1, gpus="none")),
    ):
        pass
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_nothing_is_left_when_a_cluster_closes() -> None:
    folders = set(Path("/tmp").glob("roadex-*"))
    with connect(ClusterConfig(workers=1, gpus="none")) as client:
        (program,) = client.cluster.workers.values()
        process = psutil.Process(program.pid)
        assert set(Path("/tmp").glob("roadex-*")) - folders
    assert not process.is_running()
    assert set(Path("/tmp").glob("roadex-*")) <= folders


@pytest.mark.slow
def test_the_dashboard_is_there_when_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    import urllib.request

    with connect(ClusterConfig(workers=1, gpus="none", dashboard=True)) as client:
        link = client.cluster.dashboard_link
        assert link.startswith("http://127.0.0.1:")
        address = link.rsplit("/", 1)[0] + "/health"
        assert urllib.request.urlopen(address, timeout=10).read() == b"ok"
    assert f"Dask's dashboard: {link}" in caplog.text
    assert RunConfig().cluster.dashboard is False
    time.sleep(0.1)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=10)
