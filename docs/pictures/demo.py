"""What ``roadex demo`` makes: image, probability, network."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image
from sketch import save_small

from roadex.config import DemoConfig, RunConfig
from roadex.pipeline.demo import run_demo

NAMES = ("demo.jpg",)

WIDTH_PX = 1512


def make(folder: Path) -> None:
    """Run the demonstration and shrink its preview."""
    with tempfile.TemporaryDirectory() as place:
        # The same on every machine: what else there is depends on the processor.
        config = RunConfig.from_dict({"predict": {"precision": "float32"}})
        done = run_demo(Path(place) / "demo", demo=DemoConfig(), config=config)
        save_small(shrunk(done.run.paths.preview, WIDTH_PX), folder / NAMES[0])


def shrunk(picture: Path, width: int) -> Image.Image:
    """Return a picture of this width."""
    with Image.open(picture) as image:
        height = round(image.height * width / image.width)
        return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
