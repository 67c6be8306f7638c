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
from roadex.pipeline import predict_tiles as predict_tiles_module
from roadex.pipeline.predict import predict_scene
from roadex.pipeline.resume import WORK_FOLDER
from roadex.pipeline.run import run
from roadex.pipeline.vectorize import vectorize_rasters
from roadex.probability.tile_store import TileStore

RESULTS = ("probability.tif", "roads.gpkg", "preview.png")


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def scene(make_shared_scene):
    """Return a scene of six tiles."""
    return make_shared_scene(shape=(100, 140))


@pytest.fixture(scope="module")
def finished(scene, tmp_path_factory):
    """Return a function that gives the folder of a run in one go; each is computed once."""
    done = {}

    def folder_of(config):
        if repr(config) not in done:
            folder = tmp_path_factory.mktemp("finished")
            run(scene, folder, config=config)
            done[repr(config)] = folder
        return done[repr(config)]

    return folder_of


@pytest.fixture
def out(finished, settings, tmp_path):
    """Return a folder with the results of a run, which the test may change."""
    return shutil.copytree(finished(settings()), tmp_path / "out")


def test_results_are_complete_and_nothing_else_is_left(finished, settings):
    folder = finished(settings())
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["preview.png", "probability.tif", "report.html", "report.json", "roads.gpkg"]
    report = json.loads((folder / "report.json").read_text())
    assert report["tiles"] == 6
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
        shape=(100, 100), crs="EPSG:4326", transform=Affine(1e-5, 0, 15, 0, -1e-5, 48.7)
    )
    result = run(scene, tmp_path / "out", config=settings())
    edges = gpd.read_file(result.paths.network, layer="road_edges")
    assert edges.crs.to_epsg() == 4326


def test_same_run_gives_the_same_bytes(scene, finished, settings, tmp_path):
    assert not run(scene, tmp_path, config=settings()).is_done_before
    for name in RESULTS:
        assert (tmp_path / name).read_bytes() == (finished(settings()) / name).read_bytes(), name


@pytest.mark.parametrize("place", ["on the scene's pixels", "resampled"])
def test_probability_is_the_same_bytes_for_any_tile_size(place, make_scene, settings, tmp_path):
    size = 1.0 if place == "on the scene's pixels" else 0.61
    scene = make_scene(shape=(200, 280), transform=Affine(size, 0, 5e5, 0, -size, 5.4e6))
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


def test_existing_results_are_not_replaced_unasked(scene, out, settings):
    before = (out / "roads.gpkg").stat().st_mtime_ns
    with pytest.raises(OutputError, match="--overwrite"):
        run(scene, out, config=settings(tta="flip"))
    assert (out / "roads.gpkg").stat().st_mtime_ns == before
    run(scene, out, config=settings(tta="flip"), overwrite=True)
    assert (out / "roads.gpkg").stat().st_mtime_ns != before


def test_the_same_run_again_was_done_before(scene, out, settings, monkeypatch):
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(predict_tiles_module, "run_tasks", None)
        again = run(scene, out, config=settings())
    assert again.is_done_before
    report = json.loads((out / "report.json").read_text())
    assert again.summary["road_km"] == report["result"]["road_km"] > 0
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert not run(scene, out, config=settings(), overwrite=True).is_done_before


def with_threshold(config, high):
    return replace(config, vector=replace(config.vector, high=high))


def test_another_threshold_makes_the_network_anew_without_the_model(
    scene, out, finished, settings, monkeypatch
):
    config = with_threshold(settings(), 0.8)
    first = (out / "roads.gpkg").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(predict_tiles_module, "run_tasks", None)
        run(scene, out, config=config)
    fresh = finished(config)
    assert first != (fresh / "roads.gpkg").read_bytes()
    for name in RESULTS:
        assert (out / name).read_bytes() == (fresh / name).read_bytes()


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
    stage, scene, out, finished, settings
):
    first, other = settings(), settings(tta="flip")
    with pytest.raises(KeyboardInterrupt):
        run(scene, out, config=other, overwrite=True, progress=EndAfter(stage))
    with pytest.raises(OutputError, match="--overwrite"):  # half of the results are the other's
        run(scene, out, config=first)
    run(scene, out, config=other)
    for name in ("probability.tif", "roads.gpkg"):
        assert (out / name).read_bytes() == (finished(other) / name).read_bytes()


def test_a_probability_of_another_command_is_not_taken_for_that_of_the_run(scene, out, settings):
    predict_scene([scene], out / "probability.tif", config=settings(tta="flip"), overwrite=True)
    with pytest.raises(OutputError, match="--overwrite"):
        run(scene, out, config=with_threshold(settings(), 0.8))


@pytest.mark.parametrize("high", [0.7, 0.8])
def test_a_network_made_anew_that_was_cut_off_is_not_the_old_one(
    scene, finished, settings, tmp_path, high
):
    low, high_one = (with_threshold(settings(), threshold) for threshold in (0.7, 0.8))
    out = shutil.copytree(finished(low), tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run(scene, out, config=high_one, progress=EndAfter("write"))
    config = with_threshold(settings(), high)
    if high == 0.7:  # the report's, but the network there is the other one
        with pytest.raises(OutputError, match="--overwrite"):
            run(scene, out, config=config)
    run(scene, out, config=config, overwrite=high == 0.7)
    assert (out / "roads.gpkg").read_bytes() == (finished(config) / "roads.gpkg").read_bytes()


def test_an_edited_network_is_not_made_anew_unasked(scene, out, settings):
    path = out / "roads.gpkg"
    edited = gpd.read_file(path, layer="road_edges").iloc[1:]
    edited.to_file(path, layer="road_edges")
    content = path.read_bytes()
    with pytest.raises(OutputError, match="--overwrite"):
        run(scene, out, config=with_threshold(settings(), 0.8))
    assert path.read_bytes() == content
    run(scene, out, config=with_threshold(settings(), 0.8), overwrite=True)
    assert path.read_bytes() != content


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
    scene, finished, settings, tmp_path, monkeypatch
):
    whole, parts = finished(settings()), tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        run(scene, parts, config=settings(), progress=Interrupt(after=3))
    assert not (parts / "roads.gpkg").exists()
    done = []
    monkeypatch.setattr(
        predict_tiles_module, "run_tasks", _counting(predict_tiles_module.run_tasks, done)
    )
    run(scene, parts, config=settings())
    assert 0 < len(done) <= 4
    for name in ("probability.tif", "roads.gpkg"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name
    assert not (parts / WORK_FOLDER).exists()


def _counting(run_tasks, done):
    def counted(client, function, items, **options):
        items = list(items)
        done.extend(items)
        return run_tasks(client, function, items, **options)

    return counted


def test_failed_tile_is_a_hole_that_the_next_run_fills(
    scene, finished, settings, tmp_path, monkeypatch
):
    write = TileStore.write

    def failing(store, tile, stored):
        if tile.key == "r00001_c00001":
            msg = "disk trouble"
            raise OSError(msg)
        write(store, tile, stored)

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(TileStore, "write", failing)
        with pytest.raises(RunError, match=r"1 of 6.*r00001_c00001"):
            run(scene, out, config=settings())
    with rasterio.open(out / "probability.tif") as raster:
        hole = raster.read(1) == NODATA
    assert hole[64:, 64:128].all()
    assert hole.sum() == 36 * 64
    report = json.loads((out / "report.json").read_text())
    assert list(report["result"]["failed_tiles"]) == ["r00001_c00001"]

    run(scene, out, config=settings())
    whole = finished(settings()) / "probability.tif"
    assert (out / "probability.tif").read_bytes() == whole.read_bytes()


def test_error_of_every_tile_is_the_error_of_the_run(scene, settings, tmp_path, monkeypatch):
    def failing(store, tile, stored):
        msg = "cannot write tile: disk full"
        raise OutputError(msg)

    monkeypatch.setattr(TileStore, "write", failing)
    with pytest.raises(OutputError, match="disk full"):
        run(scene, tmp_path / "out", config=settings())
    assert not (tmp_path / "out" / "probability.tif").exists()


def test_truncated_scene_gives_what_can_be_read_and_says_so(make_scene, settings, tmp_path):
    broken = make_scene("broken.tif", shape=(150, 200))
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(RunError, match=r"tiles failed.*cannot read.*broken\.tif"):
        run(broken, tmp_path / "out", config=settings())


def test_stages_one_by_one_give_the_network_of_the_whole(scene, finished, settings, tmp_path):
    whole = finished(settings())
    predict_scene([scene], tmp_path / "p.tif", config=settings())
    assert (tmp_path / "p.tif").read_bytes() == (whole / "probability.tif").read_bytes()
    network, _ = vectorize_rasters(
        [tmp_path / "p.tif"], tmp_path / "roads.gpkg", config=settings(), tile_size=96
    )
    together = gpd.read_file(whole / "roads.gpkg", layer="road_edges")
    apart = gpd.read_file(tmp_path / "roads.gpkg", layer="road_edges")
    assert len(apart) == len(together) > 0
    assert (apart.geometry == together.geometry).all()
    assert len(network.edges) == len(apart)
