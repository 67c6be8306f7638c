"""Several hosts, each a network namespace with an own address, driven by ``workflows/hosts``.

The client, the scheduler and two workers are four hosts on one switch. The link of one worker is
cut in the middle of the run: no packet gets through any more, and nobody is told.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

WORKFLOW = Path(__file__).parents[2] / "workflows" / "hosts" / "run.sh"
CLIENT, SCHEDULER, WORKER, LOST = (f"10.77.0.{i}" for i in (1, 2, 3, 4))
SETTINGS = """
distributed:
  scheduler: {worker-saturation: 1.0, worker-ttl: 15s, allowed-failures: 3}
  comm: {timeouts: {tcp: 12s}}
"""


@dataclass(frozen=True)
class Network:
    """Hosts named by their addresses, on one switch."""

    prefix: str

    def name(self, host: str) -> str:
        """Return the namespace of a host."""
        return f"{self.prefix}-{host}"

    def build(self, hosts: tuple[str, ...]) -> None:
        """Make the switch and the hosts."""
        switch = self.name("switch")
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        for host in hosts:
            there, port = self.name(host), self._port(host)
            _ip("netns", "add", there)
            _ip("-n", switch, "link", "add", port, "type", "veth", "peer", "eth0", "netns", there)
            _ip("-n", switch, "link", "set", port, "master", "bridge", "up")
            _ip("-n", there, "address", "add", f"{host}/24", "dev", "eth0")
            _ip("-n", there, "link", "set", "eth0", "up")
            _ip("-n", there, "link", "set", "lo", "up")

    def cut(self, host: str) -> None:
        """Pull a host's cable."""
        _ip("-n", self.name("switch"), "link", "set", self._port(host), "down")

    def remove(self) -> None:
        """End what still runs on the hosts, and the hosts."""
        for line in _ip("netns", "list").splitlines():
            there = line.split()[0]
            if there.startswith(self.prefix):
                for pid in _ip("netns", "pids", there).split():
                    os.kill(int(pid), signal.SIGKILL)
                _ip("netns", "delete", there)

    def remote(self, folder: Path) -> Path:
        """Write a command that reaches a host as ``ssh HOST COMMAND`` does."""
        script = folder / "remote"
        script.write_text(f'#!/bin/sh\nexec ip netns exec "{self.prefix}-$1" sh -c "$2"\n')
        script.chmod(0o755)
        return script

    def _port(self, host: str) -> str:
        return f"port{host.rpartition('.')[2]}"


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        msg = f"ip {' '.join(arguments)}: {done.stderr}"
        raise OSError(msg)
    return done.stdout


@pytest.fixture
def network() -> Iterator[Network]:
    if shutil.which("ip") is None:
        pytest.skip("no ip here: apt-get install iproute2")
    network = Network(f"roadex{os.getpid()}")
    try:
        try:
            network.build((CLIENT, SCHEDULER, WORKER, LOST))
        except OSError as error:
            pytest.skip(f"no network namespaces here: {error}")
        yield network
    finally:
        network.remove()


@pytest.mark.service
@pytest.mark.timeout(600)
def test_run_goes_on_when_a_host_is_cut_off(
    network: Network,
    small_run,
    command_environment: dict[str, str],
    wait_until: Callable[..., None],
    tmp_path: Path,
) -> None:
    (tmp_path / "dask.yaml").write_text(SETTINGS)
    (tmp_path / "hosts.txt").write_text(
        f"# a comment\n\nscheduler {SCHEDULER}\nworker {WORKER} --nthreads 1\n"
        f"worker {LOST} --nthreads 1\n"
    )
    environment = command_environment | {
        "HOSTS": str(tmp_path / "hosts.txt"),
        "DASK_CONFIG": str(tmp_path / "dask.yaml"),
        "REMOTE": str(network.remote(tmp_path)),
    }
    here = ["ip", "netns", "exec", network.name(CLIENT)]
    out, log = tmp_path / "out", tmp_path / "log"
    with log.open("w") as output:
        run = subprocess.Popen(
            [*here, "bash", WORKFLOW, *small_run.arguments, "-o", out],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        client = _hold_client(run, wait_until)
        for host in (WORKER, LOST):
            wait_until(
                lambda host=host: f"Register worker addr: tcp://{host}" in log.read_text(),
                what=f"worker at {host}",
            )
        client.resume()
        wait_until(lambda: small_run.stored_tiles(out) >= 3, what="three tiles")
        network.cut(LOST)
        n_stored = small_run.stored_tiles(out)
        assert n_stored < small_run.n_tiles
        assert run.wait(timeout=400) == 0, log.read_text()
    finally:
        run.kill()
    small_run.check(out)
    assert f"Remove worker addr: tcp://{LOST}" in log.read_text()
    wait_until(lambda: not _ip("netns", "pids", network.name(WORKER)), what="the end of all")


def _hold_client(run: subprocess.Popen, wait_until: Callable[..., None]) -> psutil.Process:
    """Stop ``roadex run`` as it starts, so that the workers are all there before it."""
    found: list[psutil.Process] = []

    def look() -> bool:
        for process in psutil.Process(run.pid).children(recursive=True):
            try:
                if "roadex" in process.cmdline()[1:2][0].rpartition("/")[2:]:
                    found.append(process)
            except (psutil.Error, IndexError):  # just started or just ended
                continue
        return bool(found)

    wait_until(look, what="the client")
    found[0].suspend()
    return found[0]
