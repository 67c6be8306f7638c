"""Workers as jobs, with programs in the place of SLURM's that run a job at once on this machine."""

from __future__ import annotations

import stat
from pathlib import Path

import dask
import dask_jobqueue  # noqa: F401  its settings are there before a test changes one for a while
import pytest

import roadex
from roadex.config import ClusterConfig
from roadex.errors import ConfigError
from roadex.pipeline.cluster import connect

SBATCH = """#!/bin/sh
cp "$1" "$0.job" # the caller removes its file
setsid sh "$0.job" > "$0.log" 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = '#!/bin/sh\nkill -- "-$1"\n'


@pytest.fixture
def batch_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put ``sbatch`` and ``scancel`` in front of the path; return the folder jobs are sent from."""
    for name, text in {"sbatch": SBATCH, "scancel": SCANCEL}.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_jobs_give_the_same_bytes(small_run, batch_system: Path, tmp_path: Path) -> None:
    config = small_run.config(jobqueue="slurm", workers=1)
    roadex.run(small_run.scene, tmp_path / "out", config=config)
    small_run.check(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_jobs_speak_tls_with_keys_that_only_their_owner_reads(batch_system: Path) -> None:
    with connect(ClusterConfig(jobqueue="slurm")) as client:
        (address,) = client.scheduler_info()["workers"]
        assert address.startswith("tls://")
        assert client.cluster.scheduler_address.startswith("tls://")
        assert client.cluster.dashboard_link == ""
        (folder,) = batch_system.glob(".roadex-keys-*")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        assert modes == {"cert.pem": 0o600, "key.pem": 0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert str(folder / "key.pem") in client.cluster.job_script()
    assert not folder.exists()


@pytest.mark.usefixtures("batch_system")
def test_a_folder_that_takes_no_keys_is_named(tmp_path: Path) -> None:
    config = ClusterConfig(jobqueue="slurm")
    place = {"jobqueue.slurm.shared-temp-directory": str(tmp_path / "gone")}
    with dask.config.set(place), pytest.raises(ConfigError, match=r"gone: No such.*shared-temp"):
        connect(config).__enter__()
