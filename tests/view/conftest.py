"""Runs to view, each computed once, and a server."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio

import roadex
from roadex.config import RunConfig
from tests.view.viewer import LYING, served


@pytest.fixture(scope="session")
def config(model):
    return RunConfig.from_dict(
        {
            "tiling": {"core_size": 256, "chip_size": 256, "halo": 32},
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"workers": 0, "gpus": "none"},
        }
    )


@pytest.fixture(scope="session")
def runs(config, tmp_path_factory):
    """Return a function that gives the folder of a run of a scene that lies so; computed once."""
    folder, done = tmp_path_factory.mktemp("runs"), {}

    def run(lying: str) -> Path:
        if lying not in done:
            place = folder / lying.replace(" ", "-")
            place.mkdir()
            (height, width), transform = LYING[lying]
            pixels = np.random.default_rng(3).integers(1, 255, (3, height, width), dtype=np.uint8)
            pixels[:, 60:130, 180:260] = 0
            with rasterio.open(
                place / "scene.tif", "w", driver="GTiff", height=height, width=width, count=3,
                dtype="uint8", crs="EPSG:32633", transform=transform, nodata=0,
            ) as file:  # fmt: skip
                file.write(pixels)
            done[lying] = roadex.run(place / "scene.tif", place / "out", config=config).paths.folder
        return done[lying]

    return run


@pytest.fixture
def folder(runs, tmp_path) -> Path:
    """Return a copy of a run that a test may change; its scene is where it was."""
    return shutil.copytree(runs("as it is"), tmp_path / "out")


@pytest.fixture(scope="session")
def shared_server(runs):
    """Return a server of a run that no test may change."""
    with served(runs("as it is")) as server:
        yield server


@pytest.fixture
def server(folder):
    """Return a server of a run that this test alone changes."""
    with served(folder) as server:
        yield server
