"""What must not be loosened: secrets, pickles, open ports, second tries, old readers, edges."""

from __future__ import annotations

import io
import json
import pickle
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import torch
from affine import Affine
from rasterio.windows import Window

from roadex.config import ClusterConfig, RunConfig, TrainConfig
from roadex.errors import OutputError, RoadexError, TrainingError, public_text
from roadex.imagery.locations import public_name
from roadex.imagery.reader import open_grid
from roadex.imagery.scene import open_scene
from roadex.imagery.work_grid import plan_grid
from roadex.models.encoders import read_tensors
from roadex.models.scaling import Scaling
from roadex.pipeline.crew import CallingProcess
from roadex.pipeline.run import run
from roadex.pipeline.tasks import run_tasks
from roadex.probability.raster import ProbabilityProfile, probability_writer
from roadex.progress import LogDisplay
from roadex.training.checkpoint import CHECKPOINT_NAME
from roadex.training.loop import train

SECRET = "hunter2"

WITH_SECRETS = {
    "https://ann:hunter2@host/a.tif": "https://host/a.tif",
    "https://hunter2@host:8080/a.tif": "https://host:8080/a.tif",
    "https://host/a.tif?X-Amz-Signature=hunter2&X-Amz-Expires=9": "https://host/a.tif",
    "https://host/a.tif?hunter2": "https://host/a.tif",
    "/vsicurl/https://ann:hunter2@host/a.tif?sig=hunter2": "/vsicurl/https://host/a.tif",
    "/vsicurl?use_head=no&url=https%3A%2F%2Fhost%2Fa.tif%3Fsig%3Dhunter2": "/vsicurl",
    "s3://key:hunter2@bucket/tiles": "s3://bucket/tiles",
    "ftp://ann:hunt@er2hunter2@host/tiles": "ftp://host/tiles",
    "https://ann:hun/hunter2@host/a.tif": "https://host/a.tif",
    "https://10.0.0.1:9/hunter2@x/a.tif": "https://x/a.tif",
    "tls://ann:hunter2@scheduler:8786": "tls://scheduler:8786",
    "PG:dbname=gis user=ann password=hunter2 table=ortho": "PG:dbname=gis user=ann password=*** "
    "table=ortho",
    "zip+https://host/a.zip?token=hunter2!b.tif": "zip+https://host/a.zip",
    "az://box/a.tif?sv=2024&sig=hunter2": "az://box/a.tif",
    "WMS:https://host/wms?APIKEY=hunter2&LAYERS=x": "WMS:https://host/wms",
}
"""URLs and names with a secret in each place it can have, and what may be shown."""


@pytest.mark.parametrize("name", WITH_SECRETS)
def test_no_form_of_a_name_shows_a_secret(name: str) -> None:
    assert public_name(name) == WITH_SECRETS[name]
    assert public_text(f"cannot read {name}. Try again") == (
        f"cannot read {WITH_SECRETS[name]}. Try again"
    )


@pytest.mark.parametrize(
    "text",
    [
        "/home/ann/a.tif",
        "see docs/cluster.md",
        "https://host/a.tif",
        "https://host/tiles/a@2x.tif",
        "https://host:8080/a.tif",
        "key=value",
        "50 % at p=0.5",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert public_text(text) == text
    assert public_name("token=a.tif") == "token=a.tif"  # a file of this disk has the name it has


@pytest.mark.parametrize("name", WITH_SECRETS)
def test_errors_and_logs_show_no_secret(name: str) -> None:
    assert SECRET not in str(OutputError(f"cannot write to {name}: refused"))
    stream = io.StringIO()
    LogDisplay(stream).note(f"reading {name}")
    assert "reading" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_results_show_no_secret_and_no_folder(make_scene, model, tmp_path) -> None:
    settings = {
        "predict": {"model": str(model), "tta": "none"},
        "cluster": {"workers": 0, "gpus": "none", "store": f"memory://ann:{SECRET}@host/tiles"},
    }
    result = run(make_scene(), tmp_path / "out", config=RunConfig.from_dict(settings))
    assert SECRET not in result.paths.report.read_text()
    assert json.loads(result.paths.report.read_text())["cluster"]["store"] == "memory://host/tiles"
    content = result.paths.network.read_bytes()
    for folder in (tmp_path, model.parent):
        assert str(folder).encode() not in content
    assert SECRET.encode() not in content
    with closing(sqlite3.connect(result.paths.network)) as database:
        ((provenance,),) = database.execute("SELECT metadata FROM gpkg_metadata").fetchall()
    assert json.loads(provenance)["scene"]["files"] == ["scene.tif"]


class _Hostile:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.trace), "w"))


@pytest.mark.parametrize("by", ["torch", "pickle"])
@pytest.mark.parametrize("reader", ["encoder weights", "training checkpoint"])
def test_a_hostile_pickle_is_refused_and_not_run(by: str, reader: str, tmp_path: Path) -> None:
    trace, content = tmp_path / "executed", {"network": _Hostile(tmp_path / "executed")}
    path = tmp_path / (CHECKPOINT_NAME if reader == "training checkpoint" else "encoder.pth")
    if by == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    if reader == "encoder weights":
        with pytest.raises(RoadexError, match="cannot read weights"):
            read_tensors(path)
    else:
        config = TrainConfig(network="unet-quarter", arguments={}, steps=1)
        with pytest.raises(TrainingError, match="does not fit this training"):
            train([], config, folder=tmp_path, scaling=Scaling((1.0,) * 3, (0.0,) * 3))
    assert not trace.exists()


def test_the_scheduler_of_a_run_listens_on_this_machine_alone() -> None:
    import psutil
    from distributed import SpecCluster

    from roadex.pipeline.local_cluster import scheduler_of

    me = psutil.Process()
    before = {c.laddr for c in me.net_connections("inet") if c.status == "LISTEN"}
    scheduler, security = scheduler_of(ClusterConfig(gpus="none"))
    with SpecCluster(scheduler=scheduler, security=security, workers={}, silence_logs=False):
        opened = {c.laddr for c in me.net_connections("inet") if c.status == "LISTEN"} - before
    assert {address.ip for address in opened} == {"127.0.0.1"}


@pytest.mark.parametrize("place", ["calling process", "cluster"])
def test_a_task_that_fails_twice_is_done(place: str, scheduler: str) -> None:
    from distributed import Client

    tries: list[int] = []

    def fails_twice(item: int) -> int:
        tries.append(item)
        if len(tries) < 3:
            raise OSError(item)
        return item + 1

    config = ClusterConfig(retries=2)
    if place == "calling process":
        outcomes = list(run_tasks(CallingProcess(1), fails_twice, [7], config=config))
    else:
        with Client(scheduler, set_as_default=False) as client:
            outcomes = list(run_tasks(client, fails_twice, [7], config=config))
    assert [(o.result, o.error) for o in outcomes] == [(8, None)]


BUSY_SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

content, left = open(sys.argv[1], "rb").read(), [2]


class Busy(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200 if self.path == "/scene.tif" else 404)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def do_GET(self):
        if self.path != "/scene.tif" or left[0]:
            is_busy = self.path == "/scene.tif"
            left[0] -= is_busy
            self.send_response(503 if is_busy else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        whole = f"bytes=0-{len(content) - 1}"
        asked = self.headers.get("Range", whole).partition("=")[2].partition("-")
        first, last = int(asked[0]), min(int(asked[2] or len(content)), len(content) - 1)
        self.send_response(206)
        self.send_header("Content-Length", str(last + 1 - first))
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[first : last + 1])

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
print(server.server_port, flush=True)
server.serve_forever()
"""
"""A program of its own: GDAL waits for it without letting threads of its process run."""


def test_a_server_that_is_busy_twice_is_asked_again(make_scene) -> None:
    command = [sys.executable, "-c", BUSY_SERVER, str(make_scene())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = server.stdout.readline().strip()
            scene = open_scene([f"http://127.0.0.1:{port}/scene.tif"])
        finally:
            server.kill()
    assert scene.shape == (96, 128)


def test_who_reads_the_old_probability_goes_on_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "p.tif"
    profile = ProbabilityProfile((64, 64), "EPSG:32633", Affine(1, 0, 5e5, 0, -1, 5e6), {})
    for value in (10, 200):
        old = path.open("rb") if path.exists() else None
        before = path.read_bytes() if old else b""
        with probability_writer(path, profile) as raster:
            raster.write(np.full((64, 64), value, np.uint8), 1)
        if old:
            with old:
                assert old.read() == before
            assert path.read_bytes() != before


def test_warped_pixels_less_than_half_covered_are_no_imagery(
    make_scene,
) -> None:
    values = np.full((3, 120, 160), 90, np.uint8)
    values[:, :10] = 0
    scene_path = make_scene(
        values=values, nodata=0, crs="EPSG:4326", transform=Affine(1e-5, 0, 15, 0, -1e-5, 48.7)
    )
    scene = open_scene([scene_path])
    grid = plan_grid(scene, gsd_m=1.0, gsd_range_m=(0.7, 1.4))
    with open_grid(scene, grid) as reader:
        _, valid = reader.read(Window(0, 0, grid.shape[1], grid.shape[0]))
    metres = gpd.GeoSeries.from_wkt(
        ["POLYGON((15 48.6999, 15.0016 48.6999, 15.0016 48.6988, 15 48.6988, 15 48.6999))"],
        crs=4326,
    ).to_crs(grid.crs.to_epsg())
    expected = metres.area.iloc[0] / grid.gsd_m**2
    # All pixels that are touched would be 2 % more; GDAL goes a quarter of a pixel beyond an edge.
    assert valid.sum() == pytest.approx(expected, rel=0.012)
