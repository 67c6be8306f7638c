"""Fixtures: small rasters made on the spot, and the folder of real imagery where there is one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

SMALL_NETWORK = {"encoder": "tu-mobilenetv3_small_050", "bottleneck": 32}


def scene_maker(folder: Path):
    """Return a function that writes a GeoTIFF; what is not given is an 8-bit RGB scene at 1 m."""

    def make(
        name: str = "scene.tif",
        *,
        shape: tuple[int, int] = (96, 128),
        bands: int = 3,
        dtype: str = "uint8",
        crs: str | None = "EPSG:32633",
        transform: Affine | None = Affine(1, 0, 500_000, 0, -1, 5_400_000),  # noqa: B008
        values: np.ndarray | None = None,
        colours: tuple[str, ...] | None = None,
        **profile: object,
    ) -> Path:
        if values is None:
            rng = np.random.default_rng(0)
            values = rng.integers(20, 200, (bands, *shape)).astype(dtype)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if transform is not None:
            profile["transform"] = transform
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=values.shape[0],
            height=values.shape[1],
            width=values.shape[2],
            dtype=values.dtype,
            crs=crs,
            **profile,
        ) as raster:
            raster.write(values)
            if colours:
                raster.colorinterp = [rasterio.enums.ColorInterp[c] for c in colours]
        return path

    return make


@pytest.fixture
def make_scene(tmp_path):
    """Return a function that writes a scene into the folder of the test."""
    return scene_maker(tmp_path)


@pytest.fixture(scope="module")
def make_shared_scene(tmp_path_factory):
    """Return a function that writes a scene for all tests of a module, which leave it as it is."""
    return scene_maker(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real imagery, or skip."""
    folder = os.environ.get("ROADEX_TEST_DATA")
    if not folder:
        pytest.skip("ROADEX_TEST_DATA is not set: no real imagery here")
    return Path(folder)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory):
    """Return a function that writes a model file, of a network with random weights.

    What it sees does not matter, but its logits are spread, so that there is something to
    vectorize.
    """
    import torch

    from roadex.models import create_network
    from roadex.models.metadata import ModelMetadata
    from roadex.models.modelfile import save_model

    def make(network: str, **arguments: object) -> Path:
        torch.manual_seed(0)
        made = create_network(network, **arguments).eval()
        last = [m for m in made.modules() if isinstance(m, torch.nn.Conv2d)][-1]
        with torch.no_grad():
            logits = made(torch.rand(1, 3, 256, 256) * 2 - 1)
            factor = 3 / logits.std()
            last.weight *= factor
            last.bias += factor * (last.bias - logits.mean()) - last.bias
        metadata = ModelMetadata(
            name="small", network=network, arguments=arguments, gsd_m=1.0, gsd_range_m=(0.7, 1.4)
        )
        return save_model(made, metadata, tmp_path_factory.mktemp("model") / "small.safetensors")

    return make


@pytest.fixture(scope="session")
def model(make_model) -> Path:
    """Return the model file of a small D-LinkNet."""
    return make_model("dlinknet", **SMALL_NETWORK)


@pytest.fixture(scope="session")
def finished_run(model, tmp_path_factory) -> Path:
    """Return the folder of a run that found some lines; its scene lies beside it."""
    import roadex
    from roadex.config import RunConfig

    folder = tmp_path_factory.mktemp("finished")
    rng = np.random.default_rng(0)
    scene = folder / "scene.tif"
    with rasterio.open(
        scene, "w", driver="GTiff", height=192, width=256, count=3, dtype="uint8", crs="EPSG:32633",
        transform=Affine(1, 0, 5e5, 0, -1, 5e6),
    ) as file:  # fmt: skip
        file.write(rng.integers(1, 255, (3, 192, 256), dtype=np.uint8))
    config = RunConfig.from_dict(
        {
            "tiling": {"core_size": 64, "chip_size": 64, "halo": 32},
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"workers": 0, "gpus": "none"},
        }
    )
    return roadex.run(scene, folder / "out", config=config).paths.folder


@pytest.fixture(scope="session")
def scheduler():
    """Return the address of a one-thread cluster inside this process."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="session")
def call():
    """Return a function that runs a command line here and returns its exit code."""
    from roadex.cli import main

    def run(*words: object) -> int:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["roadex", *map(str, words)])
            with pytest.raises(SystemExit) as end:
                main()
        return end.value.code or 0

    return run


@pytest.fixture
def roadex(call, capsys):
    """Return a function that runs a command line here: exit code, standard output and error."""

    def run(*words: object) -> tuple[int, str, str]:
        code = call(*words)
        out, err = capsys.readouterr()
        return code, out, err

    return run
