"""One input at a time: made from a healthy one, given to commands, judged by the laws."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.fuzz.laws import Ending, check_outputs, run_command, state_of

Words = list[str]


@dataclass(frozen=True, slots=True)
class Bench:
    """The folders one worker works in."""

    folder: Path

    @property
    def healthy(self) -> Path:
        """Inputs of all kinds, each kind in a folder of its own; they stay as they are."""
        return self.folder / "healthy"

    @property
    def inputs(self) -> Path:
        """The input at work, and what belongs to it."""
        return self.folder / "inputs"

    @property
    def outputs(self) -> Path:
        """What the commands write."""
        return self.folder / "outputs"

    @property
    def work(self) -> Path:
        """What a command reads and writes."""
        return self.folder / "work"

    @property
    def said(self) -> Path:
        """What the last command printed."""
        return self.folder / "said.txt"

    @property
    def scene(self) -> str:
        """A healthy scene."""
        return str(self.healthy / "geotiff" / "plain.tif")

    @property
    def model(self) -> str:
        """The smallest model."""
        return str(self.healthy / "model" / "tiny.safetensors")


@dataclass(frozen=True, slots=True)
class Case:
    """A broken input and what it is given to."""

    note: str
    """What was done to it."""

    commands: Iterator[Words]
    """One after the other until one is refused; made when they are needed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of inputs."""

    name: str
    what: str
    """What it is and who reads it, for the table."""

    prepare: Callable[[Path], object]
    """Writes the healthy inputs into a folder."""

    make: Callable[[Random, Bench, Path], Case]
    """Breaks one of them into the folder of inputs; the folder of healthy ones is the last."""

    share: int = 1
    """How many inputs of it are made in a round: more of what is cheap to run."""


def run_case(kind: Kind, seed: int, number: int, bench: Bench) -> tuple[Ending, str]:
    """Make one input and run its commands.

    Returns
    -------
    ending, note
        The first law that is broken, else how the first command ended; and what was done to the
        input.
    """
    for folder in (bench.inputs, bench.outputs, bench.work):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    rng = Random(f"{kind.name}:{seed}:{number}")
    case = kind.make(rng, bench, bench.healthy / kind.name)
    before = state_of(bench.inputs)
    first: Ending | None = None
    for words in case.commands:
        ending = run_command(words)
        if ending.verdict not in ("accepted", "refused"):
            return ending, f"{case.note}: roadex {' '.join(words)}"
        broken = check_outputs(bench.outputs) or _check_inputs(bench, before)
        if broken is not None:
            return broken, f"{case.note}: roadex {' '.join(words)}"
        first = first or ending
        if ending.verdict == "refused":
            break
        bench.said.write_text(ending.output, encoding="utf-8")
    assert first is not None
    return first, case.note


def _check_inputs(bench: Bench, before: dict[str, bytes]) -> Ending | None:
    after = state_of(bench.inputs)
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return Ending("changed", f"{changed} changed", f"changed {changed[0]}") if changed else None


def put(bench: Bench, name: str, content: bytes) -> Path:
    """Write a file among the inputs."""
    path = bench.inputs / name
    path.write_bytes(content)
    return path


def here(*, has_gpus: bool = True) -> Words:
    """Return options that keep the work in this process."""
    return ["--workers", "0", *(["--gpus", "none"] if has_gpus else [])]


def plan_words(bench: Bench, scene: str, *options: str, model: str = "") -> Words:
    """Return the command that plans a scene; it opens it and reads samples of it."""
    return [
        "plan", scene, "--no-calibration", "--json", "-m", model or bench.model, *here(),
        "-o", str(bench.outputs / "out"), *options,
    ]  # fmt: skip


def predict_words(bench: Bench, scene: str, *, model: str = "") -> Words:
    """Return the command that reads all pixels of a scene and writes its probability."""
    return [
        "predict", scene, "-o", str(bench.outputs / "probability.tif"), "-m", model or bench.model,
        "--tta", "none", "-q", *here(),
    ]  # fmt: skip
