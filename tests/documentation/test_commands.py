"""Every command and every Python example of README, documentation and help is run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import click
import geopandas as gpd
import pytest

from roadex.cli import cli
from roadex.config import RunConfig
from roadex.pipeline.run import run

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "workflows").glob("*/README.md")),
]  # fmt: skip

SHORT_TRAINING = (
    "steps=2", "epochs=0", "batch_size=2", "chip_size=64", "evaluate_every=2", "checkpoint_every=2",
    "loader_processes=0", "tta=none",
)  # fmt: skip
"""Settings that end a documented training after two steps."""

ELSEWHERE = {
    "--gpus": "needs a GPU (tests marked gpu)",
    "--jobqueue": "needs a batch system: tests/cluster/test_slurm.py runs it",
    "--scheduler": "needs a cluster: tests/cluster and tests/test_faults.py run it",
    "--scheduler-file": "needs a cluster: tests/cluster/test_hosts.py runs it",
    "--store": "needs an object store: tests/test_faults.py runs it",
    "--split": "needs all images of DeepGlobe: tests/scoring/test_score_deepglobe.py has splits",
    "import": "needs a published checkpoint: tests/models/test_checkpoints.py imports one",
    "s3://": "needs an object store: tests/test_faults.py runs it",
    "view": "serves until it is interrupted: tests/view/test_opening.py runs it",
    "tiny": "needs an extension: tests/test_example_plugin.py runs it",
    "network=tiny": "needs an extension: tests/test_example_plugin.py runs it",
    "vector.add=lone-roads": "needs an extension: tests/test_example_plugin.py runs it",
    "roads.wkt": "needs an extension: tests/test_example_plugin.py runs it",
    "length_ratio": "needs an extension: tests/test_example_plugin.py runs it",
}
"""Parts of a command that make it one for another test, with the reason."""

OTHER_PROGRAMS = {
    "make": "the checks call it",
    "git": "no program of this project",
    "sbatch": "needs SLURM: tests/cluster/test_slurm.py runs it",
    "conda": "needs conda",
    "docker": "needs Docker: tests/test_packaging.py reads the Dockerfile",
    "rattler-build": "needs rattler-build: tests/test_packaging.py compares the recipe",
    "pip": "an installation of its own",
    "osmium": "needs osmium-tool: tests/test_mapper_path.py runs it",
    "qgis_process": "needs QGIS: tests/test_qgis_processing.py runs it",
    "python": "benchmarks need real imagery and hours",
}
"""First words of documented commands that are not run here, with the reason."""

OUTPUT_OPTIONS = ("-o", "--output", "--json", "--csv", "--sheet", "--zip")
OUTPUT_POSITION = {"generate": 0, "align": 1}
"""Verbs whose result is named without an option, and at which position."""


_QUOTED = "\0"
"""Stands before a pattern that the shell must leave alone."""


class Command(NamedTuple):
    """A documented command and where it stands."""

    place: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(self.words)}".replace(_QUOTED, "")


def _commands_in(text: str, place: str) -> Iterator[Command]:
    """Yield the commands of indented and fenced blocks; a backslash continues a line."""
    joined = re.sub(r"\\\n\s*", " ", text)
    programs = "|".join(["roadex", *OTHER_PROGRAMS])
    for line in re.findall(rf"^(?:    |  )\s*((?:{programs}) .+)$", joined, flags=re.MULTILINE):
        marked = re.sub(r"'([^']*\*[^']*)'", rf"'{_QUOTED}\1'", line)
        yield Command(place, tuple(shlex.split(marked, comments=True)))


def _all_commands() -> list[Command]:
    found = [c for page in PAGES for c in _commands_in(page.read_text(), page.name)]
    for path, command in _verbs(cli, ("roadex",)):
        context = click.Context(command, info_name=path[-1], **cli.context_settings)
        found += _commands_in(command.get_help(context), f"{' '.join(path)} --help")
    return list({command.words: command for command in found}.values())


def _verbs(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _verbs(inner, (*path, name))


COMMANDS = _all_commands()
OURS = [command for command in COMMANDS if command.words[0] == "roadex"]


def _reason_elsewhere(command: Command) -> str | None:
    return next(
        (
            why
            for part, why in ELSEWHERE.items()
            if any(word == part or word.startswith(part) for word in command.words)
        ),
        None,
    )


def test_commands_are_found_in_pages_and_help() -> None:
    places = {command.place for command in OURS}
    assert {"README.md", "training.md", "cluster.md", "roadex train --help"} <= places
    assert len(OURS) > 50


@pytest.mark.parametrize("command", OURS, ids=str)
def test_documented_options_exist(command: Command) -> None:
    # Parsing alone: paths are looked at when a command runs.
    verb: click.Command = cli
    words, context = list(command.words[1:]), None
    while isinstance(verb, click.Group):
        context = verb.make_context("roadex", words, parent=context)
        _, inner, words = verb.resolve_command(context, [*context._protected_args, *context.args])
        assert inner is not None
        verb = inner
    # With a parent: a command remembers the names of its help option from its first context.
    verb.make_parser(click.Context(verb, parent=context)).parse_args(words)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [command for command in OURS if not _reason_elsewhere(command)], ids=str
)
def test_documented_command_works(
    command: Command, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = _runnable(list(command.words[1:]), here)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["roadex", *words])
        with pytest.raises(SystemExit) as end:
            _main()
    said = capsys.readouterr()
    assert end.value.code in (0, None), f"{words}\n{said.out}\n{said.err}"


def _main() -> None:
    from roadex.cli import main

    main()


def _runnable(words: list[str], folder: Path) -> list[str]:
    """Expand patterns as a shell does, make room for results, and keep trainings short."""
    verb = words[0]
    words = words[: words.index(">")] if ">" in words else words  # where a shell sends the text
    words = [word.replace("town.osm.pbf", "town.osm") for word in words]  # as GDAL reads both
    for option, value in pairwise(words):
        if option in OUTPUT_OPTIONS:
            _remove(folder / value)
    positional = [word for word in words[1:] if not word.startswith("-")]
    if verb in OUTPUT_POSITION:
        _remove(folder / positional[OUTPUT_POSITION[verb]])
    if verb == "correct":
        _make_run(folder)
        words += ["--steps", "1"]
    expanded = [path for word in words for path in _as_a_shell_does(word, folder)]
    if verb == "train" and "--smoke" not in words and "--check" not in words:
        expanded += [word for setting in SHORT_TRAINING for word in ("--set", setting)]
    return expanded


def _make_run(folder: Path) -> None:
    """Make ``out`` the results of a run, and the edited network one of them."""
    for path in (folder / "out", folder / "runs" / "correct-mine"):
        _remove(path)
    config = RunConfig.from_dict(
        {"predict": {"tta": "none"}, "cluster": {"workers": 0, "gpus": "none"}}
    )
    run(folder / "scene.tif", folder / "out", config=config)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.unlink(missing_ok=True)


def _as_a_shell_does(word: str, folder: Path) -> list[str]:
    if "*" not in word or _QUOTED in word:
        return [word.replace(_QUOTED, "")]
    return sorted(str(path.relative_to(folder)) for path in folder.glob(word)) or [word]


INPUTS = ("scene.tif", "area.geojson", "town.osm", "other.tif", "other.gpkg", "scenes")
"""What a reader of the tutorial has before the first command."""


@pytest.mark.slow
def test_the_tutorial_works_from_top_to_bottom(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in INPUTS:
        copy = shutil.copytree if (world / name).is_dir() else shutil.copy
        copy(world / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "tutorial.md"
    commands = [c for c in _commands_in(page.read_text(), page.name) if c.words[0] == "roadex"]
    assert len(commands) > 10
    for command in commands:
        words = [word.replace("town.osm.pbf", "town.osm") for word in command.words]
        if "edited.gpkg" in words and not Path("edited.gpkg").exists():
            _edit(Path("out/roads.gpkg"), Path("edited.gpkg"))
        words += ["--steps", "1"] if words[1] == "correct" else []
        words = [path for word in words for path in _as_a_shell_does(word, tmp_path)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as end:
            _main()
        assert end.value.code in (0, None), str(command)
    assert Path("mine.safetensors").exists()


def _edit(network: Path, edited: Path) -> None:
    """Delete the longest road, as a person would who knows better."""
    shutil.copy(network, edited)
    edges = gpd.read_file(network, layer="road_edges")
    edges.drop(index=edges["length_m"].idxmax()).to_file(edited, layer="road_edges")


PYTHON = [
    (page.name, code)
    for page in PAGES
    for code in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
]


@pytest.mark.slow
@pytest.mark.parametrize(("place", "code"), PYTHON, ids=[place for place, _ in PYTHON])
def test_documented_python_works_as_a_plain_script(place: str, code: str, here: Path) -> None:
    shutil.rmtree(here / "out", ignore_errors=True)
    (here / "script.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=here, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f"{place}\n{done.stderr}"
    assert "Traceback" not in done.stderr


def test_commands_left_to_other_tests_exist_and_so_do_those_tests() -> None:
    words = {word for command in COMMANDS for word in command.words}
    for part, reason in ELSEWHERE.items():
        assert any(word.startswith(part) for word in words), f"nothing documented has {part}"
        for path in re.findall(r"tests/[a-z_/]+(?:\.py)?", reason):
            assert (ROOT / path).exists(), path
