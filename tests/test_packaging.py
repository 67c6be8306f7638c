"""What people install from says the same everywhere."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]

CONDA_NAMES = {"build": "python-build", "matplotlib": "matplotlib-base", "torch": "pytorch"}
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


def project_table() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


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


def recipe() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "release" / "conda" / "recipe.yaml").read_text())


def test_conda_recipe_has_the_requirements_of_pyproject() -> None:
    project = project_table()
    lines = [line.partition(" ") for line in recipe()["requirements"]["run"]]
    listed = {name: Requirement(f"x{bounds}").specifier for name, _, bounds in lines}
    assert listed.pop("__linux") == SpecifierSet()
    assert listed.pop("python") == SpecifierSet(project["requires-python"])
    assert listed == {
        CONDA_NAMES.get(name, name): requirement.specifier
        for name, requirement in requirements(extras=False).items()
    }
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    host = {line.replace(" ", "") for line in recipe()["requirements"]["host"]}
    assert host == {f"python{project['requires-python']}", "pip", *build}


def test_conda_recipe_says_what_pyproject_says() -> None:
    project, about = project_table(), recipe()["about"]
    assert recipe()["context"]["version"] == project["version"]
    assert about["summary"] == project["description"]
    assert about["license"] == project["license"]
    assert about["license_file"] == project["license-files"]
    points = [f"{name} = {place}" for name, place in project["scripts"].items()]
    assert recipe()["build"]["python"]["entry_points"] == points


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


def test_notice_names_everybody_whom_the_model_card_names() -> None:
    card = (ROOT / "docs" / "models" / "roadex-light.md").read_text()
    rows = re.findall(r"^\|.*\| yes \|$", card, flags=re.MULTILINE)
    names = {name for row in rows for name in re.findall(r'"([^"]+)"', row)}
    assert len(names) >= 7
    notice = " ".join((ROOT / "NOTICE").read_text().split())
    assert [name for name in names if name not in notice] == []


@pytest.fixture
def check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_check", ROOT / "release" / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_versions_and_changelog_fit_together(check: ModuleType) -> None:
    assert list(check.find_problems(ROOT)) == []


CHANGELOGS = {
    "## [Unreleased]\n- new\n": ([], "rename [Unreleased]"),
    "## [Unreleased]\n- new\n## [1.1.0] - 2026-01-01\n- old\n": ([], "rename [Unreleased]"),
    "## [Unreleased]\n\n## [1.2.0] - 2026-01-01\n- new\n": ([], None),
    "## [Unreleased]\n\n## [1.1.0] - 2026-01-01\n- old\n": (["says nothing of 1.2.0"], None),
    "## [Unreleased]\n- more\n## [1.2.0] - 2026-01-01\n": (["changes after 1.2.0"], None),
    "## [1.3.0] - 2026-02-01\n- x\n## [1.2.0] - 2026-01-01\n- y\n": (["section of"], None),
}


@pytest.mark.parametrize("changelog", CHANGELOGS)
def test_release_check_compares_version_and_changelog(
    check: ModuleType, tmp_path: Path, changelog: str
) -> None:
    _write_release(tmp_path, changelog, citation="1.2.0")
    problems, step = CHANGELOGS[changelog]
    found = list(check.find_problems(tmp_path))
    assert len(found) == len(problems)
    assert all(part in text for part, text in zip(problems, found, strict=True))
    if not problems:
        left = check.left_to_do(tmp_path)
        assert left is None if step is None else step in left


def test_release_check_compares_versions(check: ModuleType, tmp_path: Path) -> None:
    _write_release(tmp_path, "## [Unreleased]\n- new\n", citation="1.1.0")
    (problem,) = check.find_problems(tmp_path)
    assert problem == "CITATION.cff has version 1.1.0, pyproject.toml 1.2.0"


def _write_release(root: Path, changelog: str, *, citation: str) -> None:
    (root / "release" / "conda").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (root / "CITATION.cff").write_text(f"version: {citation}\n")
    (root / "release" / "conda" / "recipe.yaml").write_text('context:\n  version: "1.2.0"\n')
    (root / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}")


@pytest.mark.slow
def test_list_of_packages_names_what_roadex_needs_and_their_licences(tmp_path: Path) -> None:
    if importlib.util.find_spec("cyclonedx_py") is None:
        pytest.skip("no cyclonedx-bom here (pip install 'roadex[release]')")
    rule = re.search(r"^sbom:.*\n(?:\t.*\n)+", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert rule is not None
    options = re.search(r"cyclonedx-py (environment .*)--output-file", rule[0], re.DOTALL)
    assert options is not None
    words = options[1].replace("\\\n", " ").split()
    file = tmp_path / "roadex.cdx.json"
    command = [sys.executable, "-m", "cyclonedx_py", *words, "--output-file", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    components = json.loads(file.read_text())["components"]
    licensed = {canonicalize_name(one["name"]) for one in components if one.get("licenses")}
    assert set(requirements(extras=False)) <= licensed


def docker_stages() -> dict[str, list[tuple[str, str]]]:
    """Return the instructions of each stage of the Dockerfile, by its name."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    stages: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages[name] = [*stages.get(base, [])]
            assert base in stages or base == "python:3.12-slim"
        elif word and word != "#":
            stages[name].append((word, rest))
    return stages


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_images_do_not_run_as_root_and_start_roadex(name: str) -> None:
    stages = docker_stages()
    assert list(stages)[-1] == "cpu"
    last = dict(stages[name])
    assert last["USER"] == "roadex"
    assert last["ENTRYPOINT"] == '["roadex"]'
    copied = re.search(r"--from=(\S+) ", last["COPY"])
    assert copied is not None
    assert copied[1] in stages
    installed = " ".join(rest for word, rest in stages[copied[1]] if word == "RUN")
    extras = re.search(r"/src\[([\w,]+)\]", installed)
    assert extras is not None
    assert set(extras[1].split(",")) <= set(project_table()["optional-dependencies"])


def test_images_are_given_all_that_an_installation_needs() -> None:
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), flags=re.MULTILINE)
    assert all((ROOT / name).exists() for name in allowed)
    project = project_table()
    needed = {"pyproject.toml", "constraints.txt", "roadex", project["readme"]}
    assert set(allowed) == needed | set(project["license-files"])


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
