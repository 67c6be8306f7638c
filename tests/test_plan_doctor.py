"""What is said before a run: plan and doctor are quick, honest, and change nothing."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from roadex.config import TTA_VIEWS, ClusterConfig, RunConfig
from roadex.imagery.tiling import plan_chips
from roadex.inference.speed_trial import Calibration
from roadex.pipeline import capacity, crew, run
from roadex.pipeline.doctor import FAILED, check_installation
from roadex.pipeline.estimate import PLAIN_BYTES, STORED_BYTES, estimate_run
from roadex.pipeline.plan import plan_run
from roadex.progress import time_text


def test_plan_says_what_a_run_would_do_and_writes_nothing(roadex, make_scene, model, tmp_path):
    scene = make_scene(shape=(300, 500))
    before = set(tmp_path.rglob("*"))
    code, out, err = roadex(
        "plan", scene, "-o", tmp_path / "out", "-m", model, "--tile-size", "128", "--json",
        "--set", "tiling.chip_size=64", "--no-calibration", "--workers", "3",
    )  # fmt: skip
    assert code == 0, err
    plan = json.loads(out)
    assert plan["tiles"] == 3 * 4
    assert plan["work_grid"]["is_native"]
    assert plan["workers"]["inference"] == 3
    assert plan["seconds"] is None
    assert set(tmp_path.rglob("*")) == before


def test_the_cost_of_views_is_said_where_it_is_large(make_scene, model):
    config = RunConfig.from_dict({"predict": {"model": str(model)}})
    plan = plan_run([make_scene(shape=(1500, 1500))], config)
    assert plan.cost_of_views(config, 4) is None  # seconds
    large = replace(plan, chips=plan_chips((40_000, 40_000), config.tiling))
    said = large.cost_of_views(config, 4)
    seconds = large.load(config).core_seconds / 4
    assert f"4 views of each chip (flip): about {time_text(seconds)} on 4 cores" in said
    assert said.endswith(f"with --tta none about {time_text(seconds / 4)}")
    without = RunConfig.from_dict({"predict": {"model": str(model), "tta": "none"}})
    assert large.cost_of_views(without, 4) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(50.2, "50 s"), (89.4, "89 s"), (90, "2 min"), (5000, "83 min"),
                          (7200, "2.0 h")]
)  # fmt: skip
def test_times_are_said_as_people_say_them(seconds, text):
    assert time_text(seconds) == text


@pytest.mark.slow
def test_plan_tries_the_model(make_scene, model, tmp_path):
    config = RunConfig.from_dict({"predict": {"model": str(model)}, "cluster": {"workers": 2}})
    estimate = estimate_run([make_scene()], tmp_path, config=config)
    assert estimate.calibration.seconds_per_mpx > 0
    assert 1e8 < estimate.worker_bytes < 3e9
    assert estimate.seconds["predict"] > 0
    without = estimate.seconds_with("none", estimate.calibration)
    assert without["predict"] - 10 == pytest.approx((estimate.seconds["predict"] - 10) / 4)
    assert estimate.to_dict()["seconds_without_tta"] == pytest.approx(
        sum(without.values()), abs=0.1
    )


def test_views_are_those_of_the_augmentation():
    from roadex.inference.tta import VIEWS

    assert {name: len(views) for name, views in VIEWS.items()} == TTA_VIEWS


def test_plan_of_a_batch_is_the_sum_of_its_scenes(roadex, make_scene, model, tmp_path, monkeypatch):
    calibration = Calibration(
        device="cpu", seconds_per_mpx=1800.0, base_bytes=10**8, bytes_per_pixel=100.0
    )
    tried = []
    monkeypatch.setattr(
        "roadex.pipeline.estimate.calibrate", lambda *_, **__: (tried.append(1), calibration)[1]
    )
    paths = [make_scene(f"{name}.tif", shape=(300, 500)) for name in "ab"]
    paths.append(tmp_path / "missing.tif")
    listed = tmp_path / "scenes.txt"
    listed.write_text("\n".join(path.name for path in paths))
    options = ("-m", model, "--workers", "2", "--json", "--price", "2.5", "-o", tmp_path / "out")
    _, out, _ = roadex("plan", paths[0], *options)
    one = json.loads(out)
    for words in (("--each", *paths), ("--list", listed)):
        tried.clear()
        code, out, err = roadex("plan", *words, *options)
        assert code == 0, err
        both = json.loads(out)
        assert len(tried) == 1
        assert (both["scenes"], both["tiles"]) == (2, 2 * one["tiles"])
        assert list(both["errors"]) == ["missing"]
        # Workers start once.
        assert both["seconds"]["predict"] - 10 == pytest.approx(
            2 * (one["seconds"]["predict"] - 10), abs=0.2
        )
        hours = sum(both["seconds"].values()) / 3600
        assert both["cost"] == pytest.approx(2.5 * hours, abs=0.01)
    code, out, err = roadex("plan", "--each", *paths, *options[:4], "--price", "2.5")
    assert code == 0
    assert "2, 0.3 megapixels" in " ".join(out.split())
    assert "missing" in out
    assert "cost" in out


def test_a_batch_of_which_nothing_can_be_done_is_refused(roadex, model, tmp_path):
    code, _, err = roadex("plan", "--each", tmp_path / "no.tif", "-m", model, "--no-calibration")
    assert (code, "none of 1 scenes can be done; no: " in err) == (2, True)


def test_a_full_disk_is_warned_of(make_scene, model, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    config = RunConfig.from_dict({"predict": {"model": str(model)}})
    estimate = estimate_run([make_scene()], tmp_path, config=config, with_calibration=False)
    assert "0.0 GB are free" in estimate.warnings[-1]


def test_disk_is_needed_for_the_tiles_the_plain_raster_and_the_cog(make_scene, model, tmp_path):
    path = make_scene(shape=(600, 800))
    config = RunConfig.from_dict({"predict": {"model": str(model)}})
    estimate = estimate_run([path], tmp_path, config=config, with_calibration=False)
    here = 0.48e6 * (2 * STORED_BYTES + PLAIN_BYTES)
    assert estimate.disk_bytes == pytest.approx(here, abs=1)
    cluster = replace(config.cluster, store="s3://bucket/tiles")
    elsewhere = replace(estimate, config=replace(config, cluster=cluster))
    assert elsewhere.disk_bytes == pytest.approx(here - 0.48e6 * STORED_BYTES, abs=1)


def test_workers_without_memory_are_warned_of(make_scene, model, tmp_path):
    config = RunConfig.from_dict({"predict": {"model": str(model)}, "cluster": {"workers": 3}})
    estimate = estimate_run([make_scene()], tmp_path, config=config, with_calibration=False)
    enough = 3 * estimate.worker_bytes
    assert not replace(estimate, free_memory_bytes=enough).warnings
    said = replace(estimate, free_memory_bytes=enough - 1).warnings[-1]
    assert said.startswith("3 workers need")
    assert "fewer --workers" in said


@pytest.mark.parametrize(("gpus", "workers"), [(0, 4), (3, 1), (4, 1), (9, 1)])
def test_gpus_take_cores_from_the_other_workers_but_one(monkeypatch, gpus, workers):
    monkeypatch.setattr(capacity, "default_workers", lambda: 4)
    assert capacity.count_cpu_workers(ClusterConfig(), gpus) == workers
    assert capacity.count_cpu_workers(ClusterConfig(workers=7), gpus) == 7


def test_the_cost_of_views_is_that_of_all_workers(monkeypatch):
    monkeypatch.setattr(capacity, "default_workers", lambda: 4)
    said = []
    work = SimpleNamespace(
        config=RunConfig.from_dict({"cluster": {"gpus": "none"}}),
        plan=SimpleNamespace(cost_of_views=lambda _, n_cores: f"on {n_cores} cores"),
        watch=SimpleNamespace(note=said.append),
    )
    run._say_cost(work, crew=object())
    run._say_cost(work, crew=crew.CallingProcess(2))
    assert said == ["on 4 cores", "on 2 cores"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_scene_of_ten_gigapixels_is_planned_in_seconds_and_little_memory(make_scene, tmp_path):
    """100 000 x 100 000 px, a sparse virtual raster over generated tiles."""
    tile = make_scene("tile.tif", shape=(1000, 1000), tiled=True)
    bands = []
    for band, colour in enumerate(("Red", "Green", "Blue"), start=1):
        sources = "".join(
            f"<SimpleSource><SourceFilename>{tile}</SourceFilename><SourceBand>{band}</SourceBand>"
            '<SrcRect xOff="0" yOff="0" xSize="1000" ySize="1000"/>'
            f'<DstRect xOff="{col}" yOff="{row}" xSize="1000" ySize="1000"/></SimpleSource>'
            for row in range(0, 100_000, 1000)
            for col in range(row % 5000, 100_000, 5000)
        )
        bands.append(
            f'<VRTRasterBand dataType="Byte" band="{band}"><NoDataValue>0</NoDataValue>'
            f"<ColorInterp>{colour}</ColorInterp>{sources}</VRTRasterBand>"
        )
    scene = tmp_path / "scene.vrt"
    scene.write_text(
        '<VRTDataset rasterXSize="100000" rasterYSize="100000"><SRS>EPSG:32633</SRS>'
        f"<GeoTransform>500000,1,0,5400000,0,-1</GeoTransform>{''.join(bands)}</VRTDataset>"
    )
    code = (
        "import resource, sys; sys.argv = ['roadex', 'plan', sys.argv[1], '--no-calibration', "
        "'--native-gsd', '--json']\n"
        "from roadex.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "status = open('/proc/self/status').read()  # ru_maxrss would count the tests' own memory\n"
        "peak = int(status.split('VmHWM:')[1].split()[0])\n"
        "print(peak / 1024, used.ru_utime + used.ru_stime, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, scene], capture_output=True, text=True, check=True
    )
    megabytes, seconds = map(float, done.stderr.split()[-2:])
    assert json.loads(done.stdout)["tiles"] == 98 * 98
    assert megabytes < 500
    assert seconds < 10


def test_doctor_finds_everything_in_order_here(roadex, tmp_path):
    code, out, err = roadex("doctor", "--store", tmp_path / "store", "--gpus", "none")
    assert code == 0, err
    for word in ("torch", "gdal", "memory", "disk", "dask", "can be written, read and emptied"):
        assert word in out
    assert not list((tmp_path / "store").glob("*"))


def test_doctor_says_what_is_wrong_and_exits_with_2(roadex, tmp_path, monkeypatch):
    monkeypatch.setattr("roadex.pipeline.cluster._CONNECT_TIMEOUT_S", 1)
    (tmp_path / "file").touch()
    code, out, err = roadex(
        "doctor", "--store", tmp_path / "file", "--scheduler", "tcp://127.0.0.1:9", "--json"
    )
    states = {check["name"]: check["state"] for check in json.loads(out)}
    assert code == 2
    assert states["store"] == states["dask"] == FAILED
    assert "checks failed: dask, store" in err


def test_doctor_counts_the_workers_of_a_cluster(scheduler, tmp_path):
    checks = {c.name: c for c in check_installation(ClusterConfig(scheduler=scheduler), tmp_path)}
    assert "1 workers, 0 with a GPU" in checks["dask"].detail
