"""A network as QGIS opens it; needs QGIS and the Massachusetts tiles of ROADEX_TEST_DATA."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from PIL import Image
from sketch import save_small

from roadex.config import RunConfig
from roadex.pipeline.run import run

NAMES = ("network.png",)

TILE = "massachusetts/val/sat/10378720.tif"

_OPENER = Path(__file__).parents[2] / "tests" / "vector" / "open_in_qgis.py"


def make(folder: Path) -> None:
    """Run on a tile and let QGIS draw the GeoPackage."""
    tile = Path(os.environ["ROADEX_TEST_DATA"]) / TILE
    config = RunConfig.from_dict(
        {"predict": {"precision": "float32"}, "cluster": {"workers": 0, "gpus": "none"}}
    )
    with tempfile.TemporaryDirectory() as place:
        network = run(tile, Path(place) / "out", config=config).paths.network
        drawn = Path(place) / "drawn.png"
        subprocess.run(
            ["/usr/bin/python3", _OPENER, network, drawn], check=True, capture_output=True,
            env=os.environ | {"XDG_RUNTIME_DIR": place},
        )  # fmt: skip
        with Image.open(drawn) as picture:
            save_small(picture.convert("RGB"), folder / NAMES[0])
