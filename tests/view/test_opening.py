"""``roadex view``: what can be opened, what is missing, and the command."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from urllib.parse import urlsplit

import numpy as np
import pytest
import rasterio
from affine import Affine

from roadex.errors import NetworkError, OutputError, SceneError
from roadex.pipeline.view import Tiles, ViewedRun
from roadex.pipeline.view_server import ViewServer
from tests.view.viewer import LYING, ask, pixels, served


def test_without_the_imagery_the_preview_is_shown_and_it_is_said(folder, tmp_path, runs) -> None:
    report = json.loads((folder / "report.json").read_text())
    moved = shutil.copy(report["scene_paths"][0], tmp_path / "moved.tif")
    report["scene_paths"] = [str(tmp_path / "gone.tif")]
    (folder / "report.json").write_text(json.dumps(report))
    with served(folder) as server:
        network = json.loads(ask(server, "network.json")[1])
        assert network["has_imagery"] is False
        assert "gone.tif" in network["note"]
        assert ask(server, "tiles/imagery/0/0/0.png")[0] == 404
        status, picture = ask(server, "preview.jpg")
        assert status == 200
        assert pixels(picture).shape == (500, 600, 3)
    assert ViewedRun.open(folder, scene=[str(moved)]).scene is not None
    with pytest.raises(SceneError, match=r"gone\.tif"):
        ViewedRun.open(folder, scene=[str(tmp_path / "gone.tif")])


@pytest.mark.parametrize(("shape", "east"), [((40, 40), 0), ((500, 600), 600)])
def test_imagery_of_another_size_or_place_is_refused(shape, east, folder, tmp_path) -> None:
    other, (height, width) = tmp_path / "other.tif", shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8",
               "crs": "EPSG:32633",
               "transform": LYING["as it is"][1] @ Affine.translation(east, 0)}  # fmt: skip
    with rasterio.open(other, "w", **profile) as file:
        file.write(np.full((3, *shape), 9, np.uint8))
    with pytest.raises(SceneError, match="is not the imagery of this run"):
        ViewedRun.open(folder, scene=[str(other)])


def test_imagery_that_was_changed_is_not_shown_as_that_of_the_run(folder) -> None:
    report = json.loads((folder / "report.json").read_text())
    report["scene_identity"] = "0" * 16
    (folder / "report.json").write_text(json.dumps(report))
    run = ViewedRun.open(folder)
    assert run.scene is None
    assert "was changed since the run" in run.note


def test_imagery_for_a_model_of_its_own_with_four_bands_is_shown(folder, tmp_path) -> None:
    report = json.loads((folder / "report.json").read_text())
    with rasterio.open(report["scene_paths"][0]) as scene:
        profile, values = scene.profile | {"count": 4, "photometric": "minisblack"}, scene.read()
    with rasterio.open(tmp_path / "four.tif", "w", **profile) as file:
        file.write(values[[0, 1, 2, 0]])
    report["scene"]["bands"] = [3, 2, 1, 4]
    report["model"]["name"] = "of-its-own"
    (folder / "report.json").write_text(json.dumps(report))
    run = ViewedRun.open(folder, scene=[str(tmp_path / "four.tif")])
    tiles = Tiles(run)
    found = pixels(tiles.imagery(0, 0, 0))
    tiles.close()
    assert np.array_equal(found[:60, :60, :3], np.moveaxis(values[::-1, :60, :60], 0, -1))


def test_what_is_no_run_or_no_network_is_an_error(folder, tmp_path) -> None:
    with pytest.raises(OutputError, match="holds no results"):
        ViewedRun.open(tmp_path)
    (folder / "roads.gpkg").unlink()
    with pytest.raises(NetworkError, match="does not exist"):
        ViewServer(ViewedRun.open(folder))


# Tests that a shell runs in the background pass on to programs that they ignore interrupts.
HEARING = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from roadex.cli import main; main()"
)


def test_command_serves_until_interrupted(folder) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HEARING, "view", str(folder), "--no-open"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        address = urlsplit(process.stdout.readline().strip())
        with closing(http.client.HTTPConnection(address.netloc, timeout=20)) as connection:
            connection.request("GET", f"{address.path}network.json")
            assert json.loads(connection.getresponse().read())["has_imagery"]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert out.endswith("ended\n")
    assert err == ""


def test_command_says_which_port_is_taken(folder, roadex) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        code, _, err = roadex("view", folder, "--no-open", "--port", port)
    assert code == 2
    assert f"cannot listen on port {port}" in err
    assert "--port" in err
