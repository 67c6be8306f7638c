"""The main job: the same result however it is cut, resumed or interrupted, and honest failures."""

import json
import shutil
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine

from roadex.config import NODATA, RunConfig
from roadex.errors import OutputError, RunError, SceneError
from roadex.pipeline import predict as predict_scene_module
from roadex.pipeline.predict import predict_scene
from roadex.pipeline.resume import WORK_FOLDER
from roadex.pipeline.run import run
from roadex.pipeline.vectorize import vectorize_rasters
from roadex.probability.tile_store import TileStore


@pytest.fixture
def settings(model, scheduler):
    def make(core_size=64, **predict):
        return RunConfig.from_dict(
            {
                "tiling": {"core_size": core_size, "chip_size": core_size, "halo": 32},
                "predict": {"model": str(model), "tta": "none"} | predict,
                "cluster": {"scheduler": scheduler, "retries": 0},
            }
        )

    return make


@pytest.fixture
def scene(make_scene):
    return make_scene(shape=(150, 200))


def test_results_are_complete_and_nothing_else_is_left(scene, settings, tmp_path):
    result = run(scene, tmp_path / "out", config=settings())
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["preview.png", "probability.tif", "report.html", "report.json", "roads.gpkg"]
    report = json.loads(result.paths.report.read_text())
    assert report["tiles"] == 12
    assert report["result"]["failed_tiles"] == {}
    assert report["model"]["sha256"]
    assert set(report["result"]["seconds"]) == {"plan", "predict", "stitch", "vectorize", "write"}


def test_probability_lies_on_the_pixels_of_the_scene(scene, settings, tmp_path):
    path = tmp_path / "p.tif"
    predict_scene([scene], path, config=settings())
    with rasterio.open(path) as probability, rasterio.open(scene) as image:
        assert probability.transform == image.transform
        assert probability.crs == image.crs
        assert probability.shape == image.shape
        assert (probability.read(1) != NODATA).all()


def test_network_is_in_the_crs_of_the_scene(make_scene, settings, tmp_path):
    scene = make_scene(
        shape=(200, 200), crs="EPSG:4326", transform=Affine(1e-5, 0, 15, 0, -1e-5, 48.7)
    )
    result = run(scene, tmp_path / "out", config=settings())
    edges = gpd.read_file(result.paths.network, layer="road_edges")
    assert edges.crs.to_epsg() == 4326


def test_same_run_gives_the_same_bytes(scene, settings, tmp_path):
    first, second = (tmp_path / name for name in ("a", "b"))
    for folder in (first, second):
        run(scene, folder, config=settings())
    for name in ("probability.tif", "roads.gpkg", "preview.png"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


@pytest.mark.parametrize("place", ["on the scene's pixels", "resampled"])
def test_probability_is_the_same_bytes_for_any_tile_size(place, make_scene, settings, tmp_path):
    size = 1.0 if place == "on the scene's pixels" else 0.61
    scene = make_scene(shape=(300, 420), transform=Affine(size, 0, 5e5, 0, -size, 5.4e6))
    contents = set()
    for core_size in (64, 100, 192, 1024):
        config = settings(64)
        config = replace(config, tiling=replace(config.tiling, core_size=core_size))
        path = tmp_path / f"{core_size}.tif"
        plan = predict_scene([scene], path, config=config)
        assert plan.grid.is_native == (place == "on the scene's pixels")
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_seams_are_as_small_as_the_halo_promises(scene, settings, tmp_path):
    stored = []
    for core_size in (64, 256):
        predict_scene([scene], tmp_path / f"{core_size}.tif", config=settings(core_size))
        with rasterio.open(tmp_path / f"{core_size}.tif") as raster:
            stored.append(raster.read(1).astype(int))
    assert np.abs(stored[0] - stored[1]).mean() < 3


def test_scene_without_imagery_gives_valid_empty_layers(make_scene, settings, tmp_path):
    scene = make_scene(values=np.zeros((3, 100, 100), np.uint8), nodata=0)
    result = run(scene, tmp_path / "out", config=settings())
    for layer in ("road_edges", "road_nodes"):
        frame = gpd.read_file(result.paths.network, layer=layer)
        assert len(frame) == 0
        assert frame.crs.to_epsg() == 32633
    assert "no imagery" in result.summary["warnings"][0]


def test_existing_results_are_not_replaced_unasked(scene, settings, tmp_path):
    run(scene, tmp_path, config=settings())
    before = (tmp_path / "roads.gpkg").stat().st_mtime_ns
    with pytest.raises(OutputError, match="--overwrite"):
        run(scene, tmp_path, config=settings(tta="flip"))
    assert (tmp_path / "roads.gpkg").stat().st_mtime_ns == before
    run(scene, tmp_path, config=settings(tta="flip"), overwrite=True)


def test_the_same_run_again_was_done_before(scene, settings, tmp_path, monkeypatch):
    first = run(scene, tmp_path, config=settings())
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(predict_scene_module, "run_tasks", None)
        again = run(scene, tmp_path, config=settings())
    assert (first.is_done_before, again.is_done_before) == (False, True)
    assert again.summary["road_km"] == first.summary["road_km"]
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert not run(scene, tmp_path, config=settings(), overwrite=True).is_done_before


def with_threshold(config, high):
    return replace(config, vector=replace(config.vector, high=high))


def test_another_threshold_makes_the_network_anew_without_the_model(
    scene, settings, tmp_path, monkeypatch
):
    config = with_threshold(settings(), 0.8)
    run(scene, tmp_path / "out", config=settings())
    first = (tmp_path / "out" / "roads.gpkg").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(predict_scene_module, "run_tasks", None)
        run(scene, tmp_path / "out", config=config)
    fresh = run(scene, tmp_path / "fresh", config=config)
    assert first != fresh.paths.network.read_bytes()
    for name in ("probability.tif", "roads.gpkg", "preview.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


class EndAfter:
    """A display that interrupts a run when a stage is over."""

    def __init__(self, stage):
        self.stage = stage

    def start(self, stage, total): ...

    def advance(self, stage, steps=1): ...

    def finish(self, stage):
        if stage == self.stage:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stage", ["stitch", "vectorize", "write"])
def test_results_of_a_run_that_failed_are_not_taken_for_those_of_the_report(
    stage, scene, settings, tmp_path, monkeypatch
):
    first, other = settings(), settings(tta="flip")
    run(scene, tmp_path / "out", config=first)
    with pytest.raises(KeyboardInterrupt):
        run(scene, tmp_path / "out", config=other, overwrite=True, progress=EndAfter(stage))
    with pytest.raises(OutputError, match="--overwrite"):  # half of the results are the other's
        run(scene, tmp_path / "out", config=first)
    run(scene, tmp_path / "out", config=other)
    fresh = run(scene, tmp_path / "fresh", config=other)
    for name in ("probability.tif", "roads.gpkg"):
        assert (tmp_path / "out" / name).read_bytes() == (fresh.paths.folder / name).read_bytes()


def test_a_probability_of_another_command_is_not_taken_for_that_of_the_run(
    scene, settings, tmp_path
):
    run(scene, tmp_path, config=settings())
    predict_scene(
        [scene], tmp_path / "probability.tif", config=settings(tta="flip"), overwrite=True
    )
    with pytest.raises(OutputError, match="--overwrite"):
        run(scene, tmp_path, config=with_threshold(settings(), 0.8))


@pytest.mark.parametrize("high", [0.7, 0.8])
def test_a_network_made_anew_that_was_cut_off_is_not_the_old_one(scene, settings, tmp_path, high):
    first = with_threshold(settings(), 0.7)
    run(scene, tmp_path / "out", config=first)
    with pytest.raises(KeyboardInterrupt):
        run(
            scene,
            tmp_path / "out",
            config=with_threshold(settings(), 0.8),
            progress=EndAfter("write"),
        )
    config = with_threshold(settings(), high)
    if high == 0.7:  # the report's, but the network there is the other one
        with pytest.raises(OutputError, match="--overwrite"):
            run(scene, tmp_path / "out", config=config)
    run(scene, tmp_path / "out", config=config, overwrite=high == 0.7)
    fresh = run(scene, tmp_path / "fresh", config=config)
    content = (tmp_path / "out" / "roads.gpkg").read_bytes()
    assert content == fresh.paths.network.read_bytes()


def test_an_edited_network_is_not_made_anew_unasked(scene, settings, tmp_path):
    result = run(scene, tmp_path, config=settings())
    edited = result.edges.iloc[1:]
    edited.to_file(result.paths.network, layer="road_edges")
    content = result.paths.network.read_bytes()
    with pytest.raises(OutputError, match="--overwrite"):
        run(scene, tmp_path, config=with_threshold(settings(), 0.8))
    assert result.paths.network.read_bytes() == content
    run(scene, tmp_path, config=with_threshold(settings(), 0.8), overwrite=True)


def test_input_error_leaves_nothing_behind(settings, tmp_path):
    with pytest.raises(SceneError):
        run(tmp_path / "nope.tif", tmp_path / "out", config=settings())
    assert not (tmp_path / "out").exists()


class Interrupt:
    """A display that interrupts a run after some tiles."""

    def __init__(self, after):
        self.left = after

    def start(self, stage, total): ...

    def advance(self, _stage, steps=1):
        self.left -= steps
        if self.left <= 0:
            raise KeyboardInterrupt

    def finish(self, stage): ...


def test_interrupted_run_goes_on_and_ends_with_the_same_bytes(
    scene, settings, tmp_path, monkeypatch
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(scene, whole, config=settings())
    with pytest.raises(KeyboardInterrupt):
        run(scene, parts, config=settings(), progress=Interrupt(after=6))
    assert not (parts / "roads.gpkg").exists()
    done = []
    monkeypatch.setattr(
        predict_scene_module, "run_tasks", _counting(predict_scene_module.run_tasks, done)
    )
    run(scene, parts, config=settings())
    assert 0 < len(done) <= 7
    for name in ("probability.tif", "roads.gpkg"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name
    assert not (parts / WORK_FOLDER).exists()


def _counting(run_tasks, done):
    def counted(client, function, items, **options):
        items = list(items)
        done.extend(items)
        return run_tasks(client, function, items, **options)

    return counted


def test_failed_tile_is_a_hole_that_the_next_run_fills(scene, settings, tmp_path, monkeypatch):
    write = TileStore.write

    def failing(store, tile, stored):
        if tile.key == "r00001_c00001":
            msg = "disk trouble"
            raise OSError(msg)
        write(store, tile, stored)

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(TileStore, "write", failing)
        with pytest.raises(RunError, match=r"1 of 12.*r00001_c00001"):
            run(scene, out, config=settings())
    with rasterio.open(out / "probability.tif") as raster:
        hole = raster.read(1) == NODATA
    assert hole[64:128, 64:128].all()
    assert hole.sum() == 64 * 64
    report = json.loads((out / "report.json").read_text())
    assert list(report["result"]["failed_tiles"]) == ["r00001_c00001"]

    run(scene, out, config=settings())
    whole = run(scene, tmp_path / "whole", config=settings())
    assert (out / "probability.tif").read_bytes() == whole.paths.probability.read_bytes()


def test_error_of_every_tile_is_the_error_of_the_run(scene, settings, tmp_path, monkeypatch):
    def failing(store, tile, stored):
        msg = "cannot write tile: disk full"
        raise OutputError(msg)

    monkeypatch.setattr(TileStore, "write", failing)
    with pytest.raises(OutputError, match="disk full"):
        run(scene, tmp_path / "out", config=settings())
    assert not (tmp_path / "out" / "probability.tif").exists()


def test_truncated_scene_gives_what_can_be_read_and_says_so(scene, settings, tmp_path):
    broken = tmp_path / "broken.tif"
    shutil.copy(scene, broken)
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(RunError, match=r"tiles failed.*cannot read.*broken\.tif"):
        run(broken, tmp_path / "out", config=settings())


def test_stages_one_by_one_give_the_network_of_the_whole(scene, settings, tmp_path):
    result = run(scene, tmp_path / "out", config=settings())
    predict_scene([scene], tmp_path / "p.tif", config=settings())
    assert (tmp_path / "p.tif").read_bytes() == result.paths.probability.read_bytes()
    network, _ = vectorize_rasters(
        [tmp_path / "p.tif"], tmp_path / "roads.gpkg", config=settings(), tile_size=96
    )
    together = gpd.read_file(result.paths.network, layer="road_edges")
    apart = gpd.read_file(tmp_path / "roads.gpkg", layer="road_edges")
    assert len(apart) == len(together) > 0
    assert (apart.geometry == together.geometry).all()
    assert len(network.edges) == len(apart)
