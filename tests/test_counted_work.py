"""Work that is counted, not timed: what a run computes and reads; also by `make bench-quick`.

Seconds of a shared machine say little; forward passes and pixels read are the same anywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from roadex.config import RunConfig
from roadex.imagery.native import NativeReader
from roadex.inference.float_form import FloatForm
from roadex.network import issues
from roadex.outputs import gpkg
from roadex.pipeline import crew, report, worker
from roadex.pipeline.plan import plan_run
from roadex.pipeline.predict import predict_scene
from roadex.pipeline.run import run
from roadex.probability.tile_store import TileStore

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 1500, 2500


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """At the pixel size of the model."""
    path = tmp_path_factory.mktemp("counted") / "scene.tif"
    values = np.random.default_rng(0).integers(1, 255, (3, HEIGHT, WIDTH), dtype=np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=3, dtype="uint8",
        crs="EPSG:32631", transform=from_origin(500_000, 5_000_000, 1, 1), tiled=True,
        blockxsize=256, blockysize=256,
    ) as raster:  # fmt: skip
        raster.write(values)
    return path


def settings(model: Path | str, tta: str = "none") -> RunConfig:
    predict = {"model": str(model), "tta": tta}
    return RunConfig.from_dict({"predict": predict, "cluster": {"workers": 0, "gpus": "none"}})


@pytest.mark.parametrize(("tta", "n_views"), [("none", 1), ("flip", 4)])
def test_every_chip_goes_through_the_network_once_per_view(
    tta, n_views, scene, model, tmp_path, monkeypatch
) -> None:
    shapes, passes = [], []
    compute, build = FloatForm.probability, FloatForm.__init__

    def built(self: FloatForm, *arguments: Any, **options: Any) -> None:
        build(self, *arguments, **options)
        self._network.register_forward_hook(lambda *_: passes.append(1))

    def counting(self: FloatForm, image: np.ndarray, how: str) -> Any:
        shapes.append(image.shape)
        return compute(self, image, how)

    monkeypatch.setattr(worker, "_LOADED", {})
    monkeypatch.setattr(FloatForm, "__init__", built)
    monkeypatch.setattr(FloatForm, "probability", counting)
    run(scene, tmp_path / "out", config=settings(model, tta))
    chips = plan_run(scene, settings(model, tta)).chips
    assert sorted(shapes) == sorted((3, int(c.read.height), int(c.read.width)) for c in chips)
    assert len(passes) == n_views * len(chips)
    given = sum(height * width for _, height, width in shapes)
    assert given < 1.4 * HEIGHT * WIDTH  # 1.35: contexts of 64 px around cores of 1024 and less


@pytest.mark.parametrize(
    ("do", "most"),
    [
        (predict_scene, 1.4),  # what the network is given
        (run, 2.6),  # and once more where roads are, for their surface: here they are everywhere
    ],
)
def test_a_scene_is_hardly_read_more_than_once(
    do, most, scene, model, tmp_path, monkeypatch
) -> None:
    pixels = []
    read = NativeReader.read

    def counting(self: NativeReader, window: Window, *more: Any) -> Any:
        pixels.append(int(window.height) * int(window.width))
        return read(self, window, *more)

    monkeypatch.setattr(NativeReader, "read", counting)
    do(scene, tmp_path / "out", config=settings(model))
    assert HEIGHT * WIDTH < sum(pixels) < most * HEIGHT * WIDTH


def test_a_tile_is_stored_once_and_read_twice(scene, model, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(crew, "default_workers", lambda: 1)  # two threads may miss a tile at once
    counts = {"write": 0, "read": 0}
    for name in counts:
        whole = getattr(TileStore, name)

        def counting(self: TileStore, *arguments: Any, _name=name, _whole=whole) -> Any:
            counts[_name] += 1
            return _whole(self, *arguments)

        monkeypatch.setattr(TileStore, name, counting)
    run(scene, tmp_path / "out", config=settings(model))
    n_tiles = len(plan_run(scene, settings(model)).wanted)
    assert counts["write"] == n_tiles
    assert counts["read"] <= 2 * n_tiles + 2  # for the raster and for the lines


def test_places_to_look_at_are_found_once(scene, model, tmp_path, monkeypatch) -> None:
    calls = []

    def counting(edges: Any, nodes: Any) -> Any:
        calls.append(len(edges))
        return issues.find_issues(edges, nodes)

    for module in (gpkg, report):
        monkeypatch.setattr(module, "find_issues", counting, raising=False)
    result = run(scene, tmp_path / "out", config=settings(model))
    assert calls == [len(result.edges)]
