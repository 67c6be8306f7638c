"""The scene of the tutorial and what is found in it at first."""

from __future__ import annotations

import tempfile
from pathlib import Path

from demo import shrunk
from sketch import save_small

from roadex.config import RunConfig
from roadex.pipeline.result import RunResult
from roadex.pipeline.run import run
from roadex.synthetic import generate_scene, write_scene

NAMES = ("tutorial-found.jpg",)

WIDTH_PX = 1200


def make(folder: Path) -> None:
    """Extract the roads of the scene and shrink the preview."""
    with tempfile.TemporaryDirectory() as place:
        found = extract(write_place(Path(place))["scene"], Path(place) / "out")
        save_small(shrunk(found.paths.preview, WIDTH_PX), folder / NAMES[0])


def write_place(folder: Path) -> dict[str, Path]:
    """Write a place the packaged model gets wrong: its divided road lies in bare sand."""
    return write_scene(generate_scene(shape=(640, 640), seed=6, style="desert"), folder)


def extract(scene: Path, output: Path, *, model: Path | None = None) -> RunResult:
    """Run with the packaged model or another one, in this process."""
    chosen = {"model": str(model)} if model else {}
    settings = {
        "predict": {"tta": "none", "precision": "float32"} | chosen,
        "cluster": {"workers": 0, "gpus": "none"},
    }
    return run(scene, output, config=RunConfig.from_dict(settings))
