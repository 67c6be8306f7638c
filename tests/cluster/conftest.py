"""A small run to repeat under all kinds of trouble, and what to start it with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine

from roadex import run as run_scene
from roadex.config import RunConfig
from roadex.pipeline.resume import WORK_FOLDER

SIZE, CORE, HALO = 320, 64, 32
TTA = "flip"
THRESHOLDS = {"low": 0.5, "high": 0.52}
"""In the middle of what the network sees in noise, so that there are roads."""

RESULTS = ("probability.tif", "roads.gpkg")


@dataclass(frozen=True)
class SmallRun:
    """A scene of 25 tiles, each some tenths of a second of work, and what must come out."""

    scene: Path
    model: Path
    results: dict[str, bytes]

    n_tiles = (SIZE // CORE) ** 2

    def config(self, **cluster: object) -> RunConfig:
        """Return the settings of the run, on some cluster."""
        return _config(self.model, cluster)

    @property
    def arguments(self) -> list[str]:
        """Return the same settings as arguments of ``roadex run``, but for ``-o``."""
        chosen = ["--model", self.model, "--tta", TTA, "--tile-size", CORE]
        values = {"tiling.chip_size": CORE, "tiling.halo": HALO} | {
            f"vector.{n}": v for n, v in THRESHOLDS.items()
        }
        settings = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
        return [str(a) for a in (self.scene, *chosen, *settings)]

    def stored_tiles(self, output: Path) -> int:
        """Count the finished tiles of a run that is not complete."""
        return sum("." not in path.name for path in output.glob(f"{WORK_FOLDER}/*/r*"))

    def check(self, output: Path) -> None:
        """Compare all bytes of the results."""
        for name, content in self.results.items():
            assert (output / name).read_bytes() == content, f"{output / name} differs"
        assert not (output / WORK_FOLDER).exists()


def _config(model: Path, cluster: dict[str, object]) -> RunConfig:
    return RunConfig.from_dict(
        {
            "tiling": {"core_size": CORE, "chip_size": CORE, "halo": HALO},
            "predict": {"model": str(model), "tta": TTA},
            "vector": THRESHOLDS,
            "cluster": cluster,
        }
    )


@pytest.fixture(scope="session")
def small_run(model: Path, scheduler: str, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    folder = tmp_path_factory.mktemp("small-run")
    scene = folder / "scene.tif"
    values = np.random.default_rng(0).integers(20, 200, (3, SIZE, SIZE), dtype=np.uint8)
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "crs": "EPSG:32633"}
    transform = Affine(1, 0, 500_000, 0, -1, 5_400_000)
    with rasterio.open(
        scene, "w", width=SIZE, height=SIZE, transform=transform, **profile
    ) as raster:
        raster.write(values)
    run_scene(scene, folder / "whole", config=_config(model, {"scheduler": scheduler}))
    assert len(gpd.read_file(folder / "whole" / "roads.gpkg", layer="road_edges")) > 50
    results = {name: (folder / "whole" / name).read_bytes() for name in RESULTS}
    return SmallRun(scene, model, results)


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Return a function that waits for something, or says what it waited for in vain."""

    def wait(is_so: Callable[[], object], *, what: str, timeout_s: float = 240) -> None:
        deadline = time.monotonic() + timeout_s
        while not is_so():
            assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s in vain: {what}"
            time.sleep(0.02)

    return wait


@pytest.fixture
def roadex() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts ``roadex`` as a process of its own; it is ended in the end."""
    started = []

    def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
        command = [str(Path(sys.executable).with_name("roadex")), *map(str, arguments)]
        process = subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def command_environment() -> dict[str, str]:
    """Return an environment in which scripts find this ``roadex`` and ``dask``."""
    tools = [str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"]
    return os.environ | {"PATH": os.pathsep.join(tools)}
