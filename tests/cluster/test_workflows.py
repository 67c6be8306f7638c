"""The workflows: scripts parse, settings are settings, and what they call exists."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import dask
import pytest
import yaml
from distributed.cli.dask_worker import main as dask_worker

from roadex.cli import cli
from roadex.config import RunConfig

WORKFLOWS = Path(__file__).parents[2] / "workflows"
SCRIPTS = sorted(WORKFLOWS.glob("*/*.sh"))
FOLDERS = sorted(path.parent for path in SCRIPTS)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_workflow_has_a_readme_that_shows_its_command(folder: Path) -> None:
    assert f"workflows/{folder.name}/run.sh" in (folder / "README.md").read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.parent.name)
def test_scripts_parse(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.parent.name)
def test_scripts_are_clean(script: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck here")
    subprocess.run(["shellcheck", script], check=True)


def test_settings_of_the_workstation_are_settings() -> None:
    values = tomllib.loads((WORKFLOWS / "gpu-workstation" / "run.toml").read_text())
    assert RunConfig.from_dict(values).tiling.core_size == values["tiling"]["core_size"]


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*/*.yaml")), ids=lambda path: path.name)
def test_yaml_is_well_formed(path: Path) -> None:
    assert yaml.safe_load(path.read_text())


def test_settings_of_dask_are_known_to_dask() -> None:
    import distributed  # noqa: F401 - puts its settings into Dask's

    def check(ours: dict[str, Any], known: dict[str, Any]) -> None:
        for name, value in ours.items():
            assert name in known
            if isinstance(value, dict):
                check(value, known[name])

    ours = yaml.safe_load((WORKFLOWS / "hosts" / "dask.yaml").read_text())
    check(ours, dask.config.config)


@pytest.fixture(scope="module")
def dask_job() -> dict[str, Any]:
    job: dict[str, Any] = yaml.safe_load((WORKFLOWS / "kubernetes" / "job.yaml").read_text())
    return job


def test_kubernetes_job_has_the_fields_of_the_operator(dask_job: dict[str, Any]) -> None:
    # What the operator's definition requires: DaskJob in version v1 of kubernetes.dask.org
    assert (dask_job["apiVersion"], dask_job["kind"]) == ("kubernetes.dask.org/v1", "DaskJob")
    assert set(dask_job["spec"]) == {"job", "cluster"}
    cluster = dask_job["spec"]["cluster"]["spec"]
    assert set(cluster) == {"worker", "scheduler"}
    assert {"replicas", "spec"} == set(cluster["worker"])
    assert {"service", "spec"} == set(cluster["scheduler"])
    service = cluster["scheduler"]["service"]
    assert service["selector"] == {
        "dask.org/cluster-name": dask_job["metadata"]["name"],
        "dask.org/component": "scheduler",
    }
    ports = {p["name"]: p for p in cluster["scheduler"]["spec"]["containers"][0]["ports"]}
    for port in service["ports"]:
        assert ports[port["targetPort"]]["containerPort"] == port["port"]


def test_kubernetes_commands_are_accepted(dask_job: dict[str, Any]) -> None:
    runner, worker = (_containers(dask_job, part) for part in ("job", "worker"))
    program, verb, *arguments = next(runner)["args"]
    assert program == "roadex"
    command = cli.get_command(click.Context(cli), verb)
    command.make_context(verb, list(arguments))
    scheduler = next(a for a in arguments if a.startswith("--scheduler="))
    assert re.fullmatch(rf".*//{dask_job['metadata']['name']}-scheduler:8786", scheduler)
    assert next(worker)["args"][:2] == ["dask", "worker"]
    dask_worker.make_context("worker", next(_containers(dask_job, "worker"))["args"][2:])


def _containers(dask_job: dict[str, Any], part: str) -> Iterator[dict[str, Any]]:
    spec = dask_job["spec"]
    within = spec["job"] if part == "job" else spec["cluster"]["spec"][part]
    yield from within["spec"]["containers"]
