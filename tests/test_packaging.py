"""What people install from says the same everywhere."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]

CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
IMPORT_NAMES = {
    "pil": "pillow",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}


def requirements(*, extras: bool) -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"])
    if extras:
        lines += [line for group in project["optional-dependencies"].values() for line in group]
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(r.name): r for r in parsed if r.name != "roadex"}


def environment() -> dict[str, str]:
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    lines = [entry for entry in entries if isinstance(entry, str)]
    lines += [line for entry in entries if isinstance(entry, dict) for line in entry["pip"]]
    named = [re.match(r"([A-Za-z0-9._-]+)\s*(.*)", line) for line in lines if line != "-e ."]
    return {match[1]: match[2].replace(" ", "") for match in named if match}


def constraints() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pins}


def third_party_imports() -> set[str]:
    names: set[str] = set()
    for path in (ROOT / "roadex").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"roadex"}


def test_environment_yml_lists_the_packages_of_pyproject() -> None:
    wanted = {CONDA_NAMES.get(name, name) for name in requirements(extras=True)}
    assert set(environment()) - {"python", "pip"} == wanted


def test_environment_yml_has_the_bounds_of_pyproject() -> None:
    listed = environment()
    for name, requirement in requirements(extras=True).items():
        bounds = Requirement(f"x{listed[CONDA_NAMES.get(name, name)]}").specifier
        assert bounds == requirement.specifier, name


def test_environment_yml_allows_the_python_versions_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert environment()["python"] == project["requires-python"]


def test_every_requirement_is_pinned_within_its_bounds() -> None:
    pins = constraints()
    for name, requirement in requirements(extras=True).items():
        assert requirement.specifier.contains(pins[name]), name


def test_every_import_of_the_package_is_a_declared_dependency() -> None:
    declared = set(requirements(extras=True))
    imported = {canonicalize_name(name) for name in third_party_imports()}
    assert {IMPORT_NAMES.get(name, name) for name in imported} <= declared


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize(
    ("answer", "message"),
    [("exit 1", "needs Python 3.11, 3.12 or 3.13; "), (None, "there is no ")],
    ids=["too old", "missing"],
)
def test_make_says_which_python_it_needs(tmp_path: Path, answer: str | None, message: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    python = tmp_path / "some-python"
    if answer is not None:
        python.write_text(f"#!/bin/sh\n{answer}\n")
        python.chmod(0o755)
    run = subprocess.run(
        ["make", "-C", str(tmp_path), f"PYTHON={python}", "env"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert run.returncode != 0
    assert message in run.stderr
    assert not (tmp_path / ".venv").exists()
