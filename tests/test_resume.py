"""Going on with unfinished work: the bytes of a fresh run, one at work at a time, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from PIL import Image

from roadex.config import PredictConfig, RunConfig, TilingConfig
from roadex.errors import OutputError
from roadex.imagery.scene import open_scene
from roadex.models.modelfile import load_model, save_model
from roadex.pipeline import predict_tiles as predict_tiles_module
from roadex.pipeline.plan import plan_run, request_key, tiles_key
from roadex.pipeline.predict import predict_scene
from roadex.pipeline.predict_images import predict_deepglobe
from roadex.pipeline.resume import WORK_FOLDER, claim
from roadex.pipeline.run import run
from roadex.pipeline.tasks import run_tasks
from roadex.probability.tile_store import TileStore

N_TILES = 6


class Killed(BaseException):
    """Stands for a death of the process, which nothing can catch."""


class KillAfter:
    """A display that ends a run after some tiles were predicted."""

    def __init__(self, n_tiles: int) -> None:
        self.left = n_tiles

    def start(self, stage, total): ...

    def finish(self, stage): ...

    def advance(self, stage, steps=1):
        self.left -= steps if stage == "predict" else 0
        if self.left <= 0:
            raise Killed


@pytest.fixture
def scene(make_scene) -> Path:
    return make_scene(shape=(128, 192))


@pytest.fixture
def settings(model) -> Callable[..., RunConfig]:
    def make(store=None, tiling=None, vector=None, **predict) -> RunConfig:
        return RunConfig.from_dict(
            {
                "tiling": {"core_size": 64, "chip_size": 64, "halo": 32} | (tiling or {}),
                "predict": {"model": str(model), "tta": "none"} | predict,
                "vector": vector or {},
                "cluster": {"workers": 0, "gpus": "none", "retries": 0, "store": store},
            }
        )

    return make


@pytest.fixture
def todo(monkeypatch) -> list[set[str]]:
    """Return the keys of the tiles that were predicted, run by run."""
    runs: list[set[str]] = []

    def noting(crew, function, items, **options):
        items = list(items)
        runs.append({tile.key for tile in items})
        return run_tasks(crew, function, items, **options)

    monkeypatch.setattr(predict_tiles_module, "run_tasks", noting)
    return runs


def kill(scenes, path: Path, config: RunConfig, n_tiles: int = 3, **options) -> None:
    with pytest.raises(Killed):
        predict_scene(scenes, path, config=config, progress=KillAfter(n_tiles), **options)


def other_model(model: Path, path: Path, **metadata) -> str:
    loaded = load_model(model)
    network = loaded.network
    if not metadata:
        with torch.no_grad():
            network.segmentation_head.conv3.bias += 0.5
    return str(save_model(network, replace(loaded.metadata, **metadata), path))


CHANGES = {
    "augmentation": {"tta": "flip"},
    "model": {"model": {}},
    "pixel size": {"model": {"gsd_m": 1.3}},
    "tile size": {"tiling": {"core_size": 128}},
    "chip size": {"tiling": {"core_size": 96, "chip_size": 96}},
    "context": {"tiling": {"halo": 64}},
    "nodata": {"nodata": "50"},
    "bands": {"bands": [3, 2, 1]},
}
"""What decides the values of tiles, changed between an interruption and the next run; of a model
what it says of itself, or nothing for other weights."""

NO_CHANGE = {
    "precision": "tests/models/test_int8.py, tests/test_float_form.py",
    "native_gsd": "the work grid, whose place and size are in the key",
    "aoi": "tests/test_area.py",
    "trusted_inputs_only": "decides whether a scene is read, not what it holds",
}
"""Settings of inference that are not among the changes, and why."""


def test_every_setting_of_inference_is_a_change_or_left_out_for_a_reason() -> None:
    changed = {name for change in CHANGES.values() for name in change} - {"tiling"}
    changed |= {name for change in CHANGES.values() for name in change.get("tiling", {})}
    known = [field.name for kind in (PredictConfig, TilingConfig) for field in fields(kind)]
    assert sorted([*changed, *NO_CHANGE]) == sorted(known)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_setting_gives_the_bytes_of_a_fresh_run(
    change, scene, settings, model, tmp_path
) -> None:
    values = dict(CHANGES[change])
    if "model" in values:
        values["model"] = other_model(model, tmp_path / "other.safetensors", **values["model"])
    changed = settings(**values)
    kill([scene], tmp_path / "p.tif", settings())
    predict_scene([scene], tmp_path / "p.tif", config=changed)
    predict_scene([scene], tmp_path / "fresh.tif", config=changed)
    assert (tmp_path / "p.tif").read_bytes() == (tmp_path / "fresh.tif").read_bytes()
    assert not (tmp_path / WORK_FOLDER).exists()  # tiles of the first settings are gone too


def test_all_that_decides_the_values_of_tiles_is_in_their_key(scene, settings) -> None:
    config = settings()
    plan = plan_run([scene], config)
    radiometry = replace(plan.scene.radiometry, gamma=0.5)
    changes = [
        (replace(plan.scene, radiometry=radiometry), plan.grid),
        (plan.scene, replace(plan.grid, transform=plan.grid.transform @ Affine.scale(2))),
        (plan.scene, replace(plan.grid, shape=(1, 2))),
    ]
    keys = {tiles_key(*change, plan.model_sha256, config) for change in changes}
    assert len(keys | {plan.key}) == 4


def test_a_changed_stretch_gives_the_bytes_of_a_fresh_run(
    make_scene, settings, model, tmp_path
) -> None:
    values = np.random.default_rng(1).integers(300, 3000, (3, 128, 192)).astype(np.uint16)
    scene = make_scene(values=values)
    stretch = ((20.0, 180.0),) * 3
    path = other_model(model, tmp_path / "stretched.safetensors", stretch=stretch)
    # The weights and the hash are kept alike: only what the model says of its imagery differs.
    changed = settings(model=path)
    before, after = (plan_run([scene], config) for config in (settings(), changed))
    assert before.key != after.key
    same_model = replace(before, scene=after.scene)
    assert same_model.scene.radiometry != before.scene.radiometry
    kill([scene], tmp_path / "p.tif", settings())
    predict_scene([scene], tmp_path / "p.tif", config=changed)
    predict_scene([scene], tmp_path / "fresh.tif", config=changed)
    assert (tmp_path / "p.tif").read_bytes() == (tmp_path / "fresh.tif").read_bytes()


def test_a_replaced_scene_of_the_same_size_is_another(scene, settings, tmp_path, todo) -> None:
    config = settings()
    kill([scene], tmp_path / "p.tif", config)
    request, identity = request_key([scene], config), open_scene([scene]).identity
    state = scene.stat()
    with rasterio.open(scene, "r+") as raster:
        raster.write(255 - raster.read())
    os.utime(scene, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert scene.stat().st_size == state.st_size
    assert request_key([scene], config) != request
    assert open_scene([scene]).identity != identity
    predict_scene([scene], tmp_path / "p.tif", config=config)
    assert len(todo[1]) == N_TILES


@pytest.mark.parametrize("what", ["source", "mask"])
def test_a_replaced_file_behind_the_scene_is_another_scene(
    what, make_scene, settings, tmp_path
) -> None:
    source = make_scene("source.tif")
    scene = tmp_path / "scene.vrt"
    subprocess.run(
        [sys.executable, "-c", f"""
import rasterio.shutil
rasterio.shutil.copy({str(source)!r}, {str(scene)!r}, driver="VRT")
"""],
        check=True,
    )  # fmt: skip
    if what == "mask":
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(source, "r+") as raster:
            raster.write_mask(True)
    behind = source if what == "source" else Path(f"{source}.msk")
    opened = source if what == "mask" else scene
    identity, request = open_scene([opened]).identity, request_key([opened], settings())
    state = behind.stat()
    os.utime(behind, ns=(state.st_atime_ns, state.st_mtime_ns + 10**9))
    assert open_scene([opened]).identity != identity
    assert request_key([opened], settings()) != request


def test_what_a_viewer_leaves_beside_a_scene_changes_nothing(scene, settings) -> None:
    identity, request = open_scene([scene]).identity, request_key([scene], settings())
    scene.with_name(f"{scene.name}.aux.xml").write_text("<PAMDataset/>")
    state = scene.stat()
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(scene, "r+") as raster:
        raster.build_overviews([2], rasterio.enums.Resampling.average)
    os.utime(scene, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert scene.with_name(f"{scene.name}.ovr").exists()
    assert (open_scene([scene]).identity, request_key([scene], settings())) == (identity, request)


def test_a_damaged_tile_is_predicted_again(scene, settings, tmp_path, todo) -> None:
    config = settings()
    kill([scene], tmp_path / "p.tif", config)
    tiles = sorted((tmp_path / WORK_FOLDER).glob("*/r*"))
    content = bytearray(tiles[0].read_bytes())
    content[-1] ^= 1
    tiles[0].write_bytes(content)
    predict_scene([scene], tmp_path / "p.tif", config=config)
    assert tiles[0].name in todo[1]
    assert len(todo[1]) == N_TILES - len(tiles) + 1
    predict_scene([scene], tmp_path / "fresh.tif", config=config)
    assert (tmp_path / "p.tif").read_bytes() == (tmp_path / "fresh.tif").read_bytes()


def test_two_results_in_one_folder_keep_each_others_tiles(
    make_scene, settings, tmp_path, todo
) -> None:
    one, two = make_scene("one.tif", shape=(128, 192)), make_scene("two.tif", shape=(64, 128))
    kill([one], tmp_path / "a.tif", settings())
    predict_scene([two], tmp_path / "b.tif", config=settings())
    predict_scene([one], tmp_path / "a.tif", config=settings())
    assert 0 < len(todo[2]) < N_TILES
    assert not (tmp_path / WORK_FOLDER).exists()


def test_two_results_of_the_same_tiles_share_them(scene, settings, tmp_path, todo) -> None:
    store = tmp_path / "store"
    kill([scene], tmp_path / "a" / "p.tif", settings(str(store)))
    with_other_lines = settings(str(store), vector={"min_component_m": 5.0})
    kill([scene], tmp_path / "b" / "p.tif", with_other_lines, n_tiles=5)
    predict_scene([scene], tmp_path / "a" / "p.tif", config=settings(str(store)))
    (key,) = store.iterdir()
    assert len(TileStore(str(key)).keys()) == N_TILES  # the second result still needs them
    predict_scene([scene], tmp_path / "b" / "p.tif", config=with_other_lines)
    assert todo[-1] == set()
    assert list(store.iterdir()) == []


def test_tiles_in_a_shared_store_give_no_leave_to_replace_other_results(
    make_scene, settings, tmp_path
) -> None:
    one, two = make_scene("one.tif", shape=(128, 192)), make_scene("two.tif", shape=(64, 128))
    store = str(tmp_path / "store")
    run([two], tmp_path / "b", config=settings(store))
    before = (tmp_path / "b" / "probability.tif").read_bytes()
    kill([one], tmp_path / "a" / "probability.tif", settings(store))
    with pytest.raises(OutputError, match="--overwrite"):
        run([one], tmp_path / "b", config=settings(store))
    assert (tmp_path / "b" / "probability.tif").read_bytes() == before


def test_leave_to_overwrite_holds_for_the_request_it_was_given_for(
    make_scene, settings, tmp_path
) -> None:
    one, two = make_scene("one.tif", shape=(128, 192)), make_scene("two.tif", shape=(64, 128))
    path = tmp_path / "p.tif"
    predict_scene([two], path, config=settings())
    kill([one], path, settings(), overwrite=True)
    with pytest.raises(OutputError, match="--overwrite"):
        predict_scene([two], path, config=settings(tta="flip"))
    predict_scene([one], path, config=settings())
    with pytest.raises(OutputError, match="--overwrite"):
        predict_scene([one], path, config=settings())


@pytest.mark.parametrize("place", ["this process", "another process"])
def test_a_second_run_is_told_who_is_at_work(place, scene, settings, tmp_path) -> None:
    out = tmp_path / "out"
    plan = plan_run([scene], settings())
    with claim(out / "probability.tif", plan, settings().cluster):
        said = rf"probability\.tif is being made by process {os.getpid()} on .* since 20"
        if place == "this process":
            with pytest.raises(OutputError, match=said):
                run([scene], out, config=settings())
            return
        done = subprocess.run(
            [
                sys.executable, "-c", "import sys; from roadex.cli import main; main()",
                "run", str(scene), "-o", str(out), "--tta", "none",
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert f"is being made by process {os.getpid()} on" in done.stderr


def test_a_dead_process_holds_nothing(scene, settings, tmp_path, model) -> None:
    code = f"""
import os
from roadex.config import RunConfig
from roadex.pipeline.plan import plan_run
from roadex.pipeline.resume import claim
from pathlib import Path
config = RunConfig.from_dict({settings().to_dict()!r})
with claim(Path({str(tmp_path / "p.tif")!r}), plan_run([{str(scene)!r}], config), config.cluster):
    os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert (tmp_path / WORK_FOLDER / "p.tif.lock").exists()
    predict_scene([scene], tmp_path / "p.tif", config=settings())
    assert not (tmp_path / WORK_FOLDER).exists()


def test_a_refused_run_leaves_no_trace(scene, settings, tmp_path) -> None:
    predict_scene([scene], tmp_path / "p.tif", config=settings())
    names = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="--overwrite"):
        predict_scene([scene], tmp_path / "p.tif", config=settings())
    assert {path.name for path in tmp_path.iterdir()} == names


def pixels(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_masks_of_another_model_are_no_masks_of_this_one(make_images, settings, model, tmp_path):
    masks = tmp_path / "masks"
    predict_deepglobe(make_images(2), masks, config=settings())
    first = pixels(masks)
    other = settings(model=other_model(model, tmp_path / "other.safetensors"))
    with pytest.raises(OutputError, match=r"holds masks made otherwise \(model: .*--overwrite"):
        predict_deepglobe(tmp_path / "images", masks, config=other)
    assert pixels(masks) == first
    predict_deepglobe(tmp_path / "images", masks, config=other, overwrite=True)
    predict_deepglobe(tmp_path / "images", tmp_path / "fresh", config=other)
    assert pixels(masks) == pixels(tmp_path / "fresh") != first


def test_probability_that_is_asked_for_later_is_written(make_images, settings, tmp_path) -> None:
    folder, masks = make_images(2), tmp_path / "masks"
    predict_deepglobe(folder, masks, config=settings())
    predict_deepglobe(folder, masks, config=settings(), with_probability=True)
    assert len(list(masks.glob("*_probability.png"))) == 2


def test_masks_of_unknown_origin_are_not_taken_for_own(make_images, settings, tmp_path) -> None:
    folder, masks = make_images(1), tmp_path / "masks"
    masks.mkdir()
    Image.new("RGB", (64, 64)).save(masks / "0_mask.png")
    with pytest.raises(OutputError, match="masks of unknown origin"):
        predict_deepglobe(folder, masks, config=settings())


@pytest.fixture
def make_images(tmp_path) -> Callable[[int], Path]:
    def make(n_images: int) -> Path:
        folder = tmp_path / "images"
        folder.mkdir()
        rng = np.random.default_rng(0)
        for i in range(n_images):
            values = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)
            Image.fromarray(values).save(folder / f"{i}_sat.jpg")
        return folder

    return make
