"""A run in an unkind world: stores that fail, full disks, bad files, lost workers, short memory."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import rasterio

from roadex.config import NODATA, ClusterConfig, RunConfig
from roadex.errors import OutputError, RunError, SceneError
from roadex.imagery.tiling import Tiles, plan_tiles
from roadex.pipeline import predict_tiles as predict_tiles_module
from roadex.pipeline.predict import predict_scene
from roadex.pipeline.run import run
from roadex.pipeline.tasks import run_tasks
from roadex.probability.source import RasterSource
from roadex.probability.store_source import LeftOut, StoreSource
from roadex.probability.tile_store import TileStore

RESULTS = ("roads.gpkg", "probability.tif", "preview.png")


@pytest.fixture
def settings(model, scheduler):
    def make(**cluster):
        return RunConfig.from_dict(
            {
                "tiling": {"core_size": 64, "chip_size": 64, "halo": 32},
                "predict": {"model": str(model), "tta": "none"},
                "cluster": {"scheduler": scheduler, "retries": 0} | cluster,
            }
        )

    return make


@pytest.fixture
def todo(monkeypatch):
    """Return the keys of the tiles that were given to workers, run by run."""
    runs = []

    def noting(client, function, items, **options):
        items = list(items)
        runs.append({tile.key for tile in items})
        return run_tasks(client, function, items, **options)

    monkeypatch.setattr(predict_tiles_module, "run_tasks", noting)
    return runs


def test_a_full_store_stops_the_run_and_the_next_one_does_the_rest(
    make_scene, settings, tmp_path, monkeypatch, todo
):
    scene, out = make_scene(shape=(128, 192)), tmp_path / "out"
    write = TileStore.write

    def full(store, tile, stored):
        if len(store.keys()) == 2:
            msg = "cannot write: No space left on device"
            raise OutputError(msg)
        write(store, tile, stored)

    with monkeypatch.context() as patched:
        patched.setattr(TileStore, "write", full)
        with pytest.raises(OutputError, match=r"No space left.*2 of 6 tiles.*the other 4"):
            run(scene, out, config=settings())
    assert not (out / "roads.gpkg").exists()
    run(scene, out, config=settings())
    assert len(todo[0]) == 6
    assert 1 <= len(todo[1]) <= 4  # a tile in the making may have been stored after the error
    whole = run(scene, tmp_path / "whole", config=settings())
    for name in RESULTS:
        assert (out / name).read_bytes() == (whole.paths.folder / name).read_bytes()


def test_a_bad_block_of_the_scene_is_a_hole_and_mended_is_all_that_is_done(
    make_scene, settings, tmp_path, todo, monkeypatch
):
    # Of a larger scene the block would hardly be among what is looked at beforehand.
    monkeypatch.setattr("roadex.imagery.radiometry._SAMPLE_SIZE", 16)
    monkeypatch.setattr("roadex.imagery.radiometry._SAMPLE_GRID", 2)
    layout = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}
    scene, out = make_scene(shape=(256, 256), **layout), tmp_path / "out"
    sound, state = scene.read_bytes(), scene.stat()
    run(scene, tmp_path / "whole", config=settings())

    def replace(content):
        scene.write_bytes(content)
        os.utime(scene, ns=(state.st_atime_ns, state.st_mtime_ns))

    start = len(sound) // 2
    replace(sound[:start] + b"\xff" * 64 + sound[start + 64 :])
    with pytest.raises(RunError, match=r"tiles failed.*cannot read.*scene\.tif"):
        run(scene, out, config=settings())
    with rasterio.open(out / "probability.tif") as raster:
        holes = raster.read(1) == NODATA
    replace(sound)
    run(scene, out, config=settings())
    # The tiles that look at the bad block with their halo: it and its eight neighbours at most.
    assert 1 <= len(todo[2]) <= 9
    assert holes.sum() == 64 * 64 * len(todo[2])
    for name in RESULTS:
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_vectorizing_reads_the_same_from_the_store_and_from_the_raster(tmp_path):
    from affine import Affine
    from pyproj import CRS
    from rasterio.crs import CRS as RasterCRS  # noqa: N811

    from roadex.config import TilingConfig
    from roadex.probability.raster import ProbabilityProfile, probability_writer

    shape, rng = (150, 170), np.random.default_rng(0)
    values = rng.integers(0, 255, shape).astype(np.uint8)
    transform = Affine(1, 0, 5e5, 0, -1, 5e6)
    store = TileStore(str(tmp_path / "tiles"))
    profile = ProbabilityProfile(shape, RasterCRS.from_epsg(32633), transform, {})
    with probability_writer(tmp_path / "p.tif", profile) as raster:
        for tile in plan_tiles(shape, TilingConfig(core_size=64, chip_size=64, halo=32)):
            part = values[tile.core.toslices()]
            if tile.key == "r00001_c00001":
                part = np.full_like(part, NODATA)
            else:
                store.write(tile, part)
            raster.write(part, 1, window=tile.core)
    holes = frozenset({"r00001_c00001"})
    tiles = StoreSource(store, Tiles(shape, 64), transform, CRS.from_epsg(32633), LeftOut(holes))
    raster = RasterSource.open(tmp_path / "p.tif")
    for window in [(0, 0, *shape), (63, 60, 5, 70), (149, 169, 1, 1), (64, 64, 64, 64)]:
        np.testing.assert_array_equal(tiles.read(*window), raster.read(*window))


def test_a_tile_that_vanishes_is_an_error_not_a_hole(tmp_path):
    from affine import Affine
    from pyproj import CRS

    store = TileStore(str(tmp_path))
    source = StoreSource(
        store, Tiles((64, 64), 64), Affine.identity(), CRS.from_epsg(32633), LeftOut()
    )
    with pytest.raises(
        RunError, match=r"r00000_c00000 disappeared from .*run the same command again"
    ):
        source.read(0, 0, 10, 10)


@pytest.fixture
def two_kinds():
    """Return a client of a cluster in this process: one worker with a GPU, so it says, one not."""
    from distributed import Client, Scheduler, SpecCluster, Worker

    workers = {
        "gpu": {"cls": Worker, "options": {"nthreads": 2, "resources": {"GPU": 1}}},
        "cpu": {"cls": Worker, "options": {"nthreads": 1}},
    }
    scheduler = {"cls": Scheduler, "options": {"dashboard_address": "127.0.0.1:0"}}
    options = {"protocol": "inproc://", "dashboard": False}
    for worker in workers.values():
        worker["options"] |= options
    scheduler["options"]["protocol"] = "inproc://"
    with (
        SpecCluster(workers=workers, scheduler=scheduler) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def where_am_i(_item):
    from distributed import get_worker

    return get_worker().name


def places(client, **options):
    return {o.result for o in run_tasks(client, where_am_i, range(12), **options)}


def test_inference_goes_to_gpus_and_everything_else_to_the_others(two_kinds):
    assert places(two_kinds, config=ClusterConfig(), is_inference=True) == {"gpu"}
    assert places(two_kinds, config=ClusterConfig(), is_inference=False) == {"cpu"}
    without = ClusterConfig(gpus="none", tiles_in_flight=6)
    assert "cpu" in places(two_kinds, config=without, is_inference=True)


def test_no_worker_for_too_long_is_an_error_not_a_wait(two_kinds):
    two_kinds.retire_workers(list(two_kinds.scheduler_info()["workers"]))
    config = ClusterConfig(worker_timeout_s=0.1)
    with pytest.raises(RunError, match="no worker"):
        list(run_tasks(two_kinds, where_am_i, range(3), config=config))


def test_few_tasks_are_with_the_scheduler_at_any_time(two_kinds):
    started = []

    def items():
        for i in range(100):
            started.append(i)
            yield i

    config = ClusterConfig(tiles_in_flight=2)
    for n_done, _ in enumerate(run_tasks(two_kinds, str, items(), config=config)):
        assert len(started) - n_done <= 2 * 3 + 1


def test_gpu_workers_see_one_gpu_each_and_the_others_none(monkeypatch):
    from roadex.pipeline.local_cluster import local_workers

    monkeypatch.setattr("roadex.pipeline.capacity.default_workers", lambda: 4)
    workers = local_workers(ClusterConfig(gpus="0,3"))
    assert [worker.name for worker in workers] == ["gpu-0", "gpu-3", "cpu-0", "cpu-1"]
    visible = [worker.environment({})["CUDA_VISIBLE_DEVICES"] for worker in workers]
    assert visible == ["0", "3", "", ""]
    assert [worker.options.get("resources") for worker in workers] == [
        {"GPU": 1}, {"GPU": 1}, None, None,
    ]  # fmt: skip


@pytest.mark.slow
def test_a_lost_scheduler_is_one_line_and_the_next_run_goes_on(
    make_scene, settings, model, tmp_path, todo
):
    scene, out = make_scene(shape=(192, 256)), tmp_path / "out"

    class Killer:
        def start(self, stage, total): ...
        def finish(self, stage): ...
        def advance(self, stage, _steps=1):
            if stage == "predict" and not killed:
                killed.append(stage)
                scheduler.kill()

    killed = []
    path = tmp_path / "scheduler.json"
    environment = os.environ | {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical"}
    dask = [sys.executable, "-m", "dask"]
    common = ["--scheduler-file", path, "--no-dashboard", "--host", "127.0.0.1"]
    options = {"env": environment, "cwd": tmp_path}
    scheduler = subprocess.Popen([*dask, "scheduler", *common, "--port", "0"], **options)
    worker = subprocess.Popen([*dask, "worker", *common, "--nthreads", "1"], **options)
    try:
        config = settings(scheduler=None, scheduler_file=str(path))
        with pytest.raises(RunError, match="scheduler"):
            predict_scene([scene], out / "p.tif", config=config, progress=Killer())
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
    predict_scene([scene], out / "p.tif", config=settings())
    predict_scene([scene], out / "whole.tif", config=settings())
    assert 0 < len(todo[1]) < 12
    assert (out / "p.tif").read_bytes() == (out / "whole.tif").read_bytes()


@pytest.mark.service
def test_a_disk_that_is_really_full(make_scene, settings, tmp_path, todo):
    """A store on a file system of 16 KiB, then made larger."""
    mount = shutil.which("mount")
    disk, scene, out = tmp_path / "disk", make_scene(shape=(128, 192)), tmp_path / "out"
    disk.mkdir()
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=16k", "x", disk]).returncode
    ):
        pytest.skip("no right to mount a file system")
    try:
        config = settings(store=str(disk))
        with pytest.raises(OutputError, match=r"No space left.*of 6 tiles are done"):
            run(scene, out, config=config)
        subprocess.run([mount, "-o", "remount,size=1m", disk], check=True)
        run(scene, out, config=config)
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", disk], check=True)
    assert len(todo[0]) == 6
    assert 0 < len(todo[1]) < 6
    whole = run(scene, tmp_path / "whole", config=settings())
    for name in RESULTS:
        assert (out / name).read_bytes() == (whole.paths.folder / name).read_bytes()


@pytest.fixture
def s3(monkeypatch, tmp_path):
    """Return the address of an S3 server on this machine that fails now and then."""
    pytest.importorskip("moto")
    s3fs = pytest.importorskip("s3fs")
    program = Path(__file__).with_name("faulty_s3.py")
    with (tmp_path / "s3.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, program], stdout=subprocess.PIPE, stderr=log, text=True
        )
    place = f"127.0.0.1:{server.stdout.readline().strip()}"
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": f"http://{place}",
        "AWS_S3_ENDPOINT": place, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("bucket")
    yield f"http://{place}"
    s3fs.S3FileSystem.clear_instance_cache()
    server.kill()
    server.wait()
    server.stdout.close()


@pytest.mark.service
@pytest.mark.filterwarnings("default")
def test_scene_and_tiles_on_a_failing_s3_give_the_same_bytes(make_scene, settings, tmp_path, s3):
    import s3fs

    layout = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}
    scene = make_scene(shape=(200, 260), **layout)
    os.utime(scene, ns=(0, 0))  # of a scene behind a URL the time is not known
    remote = s3fs.S3FileSystem()
    remote.put_file(str(scene), "bucket/scenes/scene.tif")
    whole = run(scene, tmp_path / "whole", config=settings())
    config = settings(store="s3://bucket/tiles", retries=2)
    result = run("s3://bucket/scenes/scene.tif", tmp_path / "out", config=config)
    for name in RESULTS:
        assert (whole.paths.folder / name).read_bytes() == (
            result.paths.folder / name
        ).read_bytes(), name
    with urllib.request.urlopen(f"{s3}/-/counts") as answer:
        counts = json.load(answer)
    assert counts["500"] > 5
    assert counts["late"] > 3
    assert not remote.find("bucket/tiles")


@pytest.mark.service
@pytest.mark.filterwarnings("default")
def test_missing_objects_are_one_line(settings, tmp_path, s3):
    for url in ("s3://bucket/nope.tif", f"{s3}/bucket/nope.tif?secret=1"):
        with pytest.raises(SceneError, match=r"nope\.tif does not exist") as error:
            run(url, tmp_path / "out", config=settings())
        assert "\n" not in str(error.value)
