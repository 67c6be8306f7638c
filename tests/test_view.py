"""``roadex view``: right pixels, verdicts that are stored, and nobody else gets in."""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from matplotlib import colormaps
from PIL import Image

import roadex
from roadex.config import RunConfig
from roadex.errors import NetworkError, OutputError, SceneError
from roadex.imagery.reader import open_grid
from roadex.network.road_network import RoadNetwork
from roadex.outputs.review import write_verdict
from roadex.pipeline.plan import plan_run
from roadex.pipeline.view import Tiles, ViewedRun
from roadex.pipeline.view_server import ViewServer, open_browser

LYING = {
    "as it is": ((500, 600), Affine(1, 0, 5e5, 0, -1, 5e6)),
    "turned": ((150, 280), Affine(0, -1, 5e5, -1, 0, 5e6)),
    "finer": ((150, 280), Affine(0.5, 0, 5e5, 0, -0.5, 5e6)),
}
"""Sizes of scenes and how they lie; the last one is warped to the pixels of the model."""


@pytest.fixture(scope="module")
def config(model):
    return RunConfig.from_dict(
        {
            "tiling": {"core_size": 256, "chip_size": 256, "halo": 32},
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"workers": 0, "gpus": "none"},
        }
    )


@pytest.fixture(scope="module")
def runs(config, tmp_path_factory):
    """Return a function that gives the folder of a run of a scene that lies so; computed once."""
    folder, done = tmp_path_factory.mktemp("runs"), {}

    def run(lying: str) -> Path:
        if lying not in done:
            place = folder / lying.replace(" ", "-")
            place.mkdir()
            (height, width), transform = LYING[lying]
            pixels = np.random.default_rng(3).integers(1, 255, (3, height, width), dtype=np.uint8)
            pixels[:, 60:130, 180:260] = 0
            with rasterio.open(
                place / "scene.tif", "w", driver="GTiff", height=height, width=width, count=3,
                dtype="uint8", crs="EPSG:32633", transform=transform, nodata=0,
            ) as file:  # fmt: skip
                file.write(pixels)
            done[lying] = roadex.run(place / "scene.tif", place / "out", config=config).paths.folder
        return done[lying]

    return run


@pytest.fixture
def folder(runs, tmp_path) -> Path:
    """Return a copy of a run that a test may change; its scene is where it was."""
    return shutil.copytree(runs("as it is"), tmp_path / "out")


@contextmanager
def served(folder: Path):
    server = ViewServer(ViewedRun.open(folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server(folder):
    with served(folder) as server:
        yield server


def ask(server: ViewServer, path: str, *, method: str = "GET", body: object = None, **headers: str):
    """Return status and content; ``path`` is behind the token unless it begins with a slash."""
    path = path if path.startswith("/") else f"/{server.token}/{path}"
    text = None if body is None else json.dumps(body)
    if text is not None:
        headers = {"Content-Type": "application/json"} | headers
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection(*server.server_address, timeout=20)) as connection:
        connection.request(method, path, body=text, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def pixels(content: bytes | None) -> np.ndarray:
    assert content is not None
    return np.asarray(Image.open(io.BytesIO(content)))


# ---------------------------------------------------------------- tiles


@pytest.mark.parametrize("lying", LYING)
def test_grid_and_full_resolution_are_those_of_the_run(runs, config, lying) -> None:
    run = ViewedRun.open(runs(lying))
    plan = plan_run(runs(lying).parent / "scene.tif", config)
    assert run.grid.shape == plan.grid.shape
    assert run.grid.transform.almost_equals(plan.grid.transform)
    assert run.grid.crs == plan.grid.crs
    tiles = Tiles(run)
    n_rows, n_cols = (-(-size // 256) for size in plan.grid.shape)
    with open_grid(plan.scene, plan.grid) as reader:
        image, valid = reader.read(rasterio.windows.Window(0, 0, n_cols * 256, n_rows * 256))
    for row in range(n_rows):
        for col in range(n_cols):
            found = pixels(tiles.imagery(0, row, col))
            part = (slice(row * 256, row * 256 + 256), slice(col * 256, col * 256 + 256))
            assert np.array_equal(found[..., 3] > 0, valid[part])
            expected = np.moveaxis(image, 0, -1)[part].round().astype(np.uint8)
            assert np.array_equal(found[valid[part], :3], expected[valid[part]])
    tiles.close()


def test_full_resolution_has_the_bytes_of_the_file(runs) -> None:
    tiles = Tiles(ViewedRun.open(runs("as it is")))
    with rasterio.open(runs("as it is").parent / "scene.tif") as file:
        expected = np.moveaxis(file.read(), 0, -1)
    found = pixels(tiles.imagery(0, 1, 2))  # at the corner: 244 x 88 px of it show the scene
    assert np.array_equal(found[:244, :88, :3], expected[256:, 512:])
    assert not found[244:].any()
    assert not found[:, 88:].any()
    tiles.close()


def test_coarser_tiles_are_means(runs) -> None:
    run = ViewedRun.open(runs("as it is"))
    assert run.n_levels == 3
    tiles = Tiles(run)
    with rasterio.open(runs("as it is").parent / "scene.tif") as file:
        whole = file.read().astype(float)
    found = pixels(tiles.imagery(1, 0, 0))
    expected = whole[:, :500, :512].reshape(3, 250, 2, 256, 2).mean(axis=(2, 4))
    filled = (whole[0] > 0)[:500, :512].reshape(250, 2, 256, 2).all(axis=(1, 3))
    difference = np.abs(np.moveaxis(expected, 0, -1) - found[:250, :, :3])[filled]
    assert difference.max() < 1.01
    assert not found[40:60, 95:125, 3].any()  # without imagery
    tiles.close()


def test_large_scenes_have_tiles_between_full_resolution_and_overview(runs, monkeypatch) -> None:
    run = ViewedRun.open(runs("as it is"))
    from_overview = Tiles(run)
    monkeypatch.setattr("roadex.pipeline.view._OVERVIEW_PX", 128)
    from_window = Tiles(run)
    for level, row, col in ((1, 0, 0), (1, 0, 1), (2, 0, 0)):
        a, b = (
            pixels(tiles.imagery(level, row, col)).astype(int)
            for tiles in (from_overview, from_window)
        )
        seen = (a[..., 3] == 255) & (b[..., 3] == 255)
        assert seen.mean() > 0.1
        assert np.abs(a - b)[seen].max() <= 1
    from_overview.close()
    from_window.close()


def test_probability_has_its_colours_and_no_data_is_see_through(runs, tmp_path) -> None:
    folder = shutil.copytree(runs("as it is"), tmp_path / "out")
    with rasterio.open(folder / "probability.tif") as raster:
        stored = raster.read(1)
    assert (stored == 255).any()
    tiles = Tiles(ViewedRun.open(folder))
    found = pixels(tiles.probability(0, 0, 1))
    tiles.close()
    stored = stored[:256, 256:512]
    assert not found[stored == 255].any()
    high = (stored >= 127) & (stored < 255)
    assert high.any()
    expected = np.round(colormaps["cividis"](stored[high] / 254) * 255)
    assert np.array_equal(found[high], expected)
    assert found[..., 3][stored < 60].max(initial=0) < 128


@pytest.mark.parametrize(
    "path", ["9/0/0", "0/2/0", "0/0/3", "0/-1/0", "0/0/0/0", "7/99999999/0", "a/0/0"]
)
def test_tiles_that_do_not_exist_are_not_found(server, path) -> None:
    for kind in ("imagery", "probability", "network"):
        assert ask(server, f"tiles/{kind}/{path}.png")[0] == 404
    assert ask(server, "tiles/imagery/0/0/0.png")[0] == 200


# ---------------------------------------------------------------- network and verdicts


def test_places_of_the_network_lie_on_the_pixels_of_the_imagery(server, folder) -> None:
    network = json.loads(ask(server, "network.json")[1])
    edges = RoadNetwork.read(folder).edges
    assert network["columns"]["edge_id"] == edges["edge_id"].tolist()
    assert network["shape"] == [500, 600]
    for flat, line in zip(network["lines"], edges.geometry, strict=True):
        places = np.cumsum(np.reshape(flat, (-1, 2)), axis=0) * network["step"]
        x, y = np.array(line.coords).T
        ends = np.stack([5e6 - y, x - 5e5], axis=1)[[0, -1]]
        assert np.abs(places[[0, -1]] - ends).max() <= network["step"] / 2 + 1e-6


def verdicts(folder: Path) -> dict[int, str | None]:
    frame = pyogrio.read_dataframe(folder / "roads.gpkg", layer="road_edges", read_geometry=False)
    return {
        int(i): review if isinstance(review, str) else None
        for i, review in zip(frame["edge_id"], frame["review"], strict=True)
    }


def an_edge(folder: Path, number: int = 0) -> tuple[int, float]:
    edge = RoadNetwork.read(folder).edges.iloc[number]
    return int(edge["edge_id"]), round(float(edge["length_m"]), 1)


def test_a_verdict_changes_one_value_and_can_be_taken_back(server, folder) -> None:
    before = verdicts(folder)
    edge_id, length_m = an_edge(folder, 1)
    geometry = RoadNetwork.read(folder).edges.geometry
    for review in ("ok", "wrong", None):
        body = {"edge_id": edge_id, "length_m": length_m, "review": review}
        assert ask(server, "review", method="POST", body=body) == (200, b"{}")
        assert verdicts(folder) == before | {edge_id: review}
        columns = json.loads(ask(server, "network.json")[1])["columns"]
        assert columns["review"][columns["edge_id"].index(edge_id)] == review
    assert RoadNetwork.read(folder).edges.geometry.geom_equals_exact(geometry, 0).all()


def test_after_a_verdict_the_file_is_as_sound_as_before(folder) -> None:
    path = folder / "roads.gpkg"
    write_verdict(path, *an_edge(folder), "ok")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        n_edges = database.execute("SELECT count(*) FROM road_edges").fetchone()
        assert database.execute("SELECT count(*) FROM rtree_road_edges_geom").fetchone() == n_edges
        (changed,) = database.execute(
            "SELECT last_change FROM gpkg_contents WHERE table_name = 'road_edges'"
        ).fetchone()
    assert not changed.startswith("1970")
    assert not list(folder.glob("roads.gpkg?*"))
    x0, y0, x1, y1 = pyogrio.read_bounds(path, layer="road_edges")[1][:, 0]
    found = pyogrio.read_dataframe(path, layer="road_edges", bbox=(x0, y0, x1, y1))
    assert len(found) > 0
    # The run does not take its network for untouched any more, so it does not replace it.
    report = json.loads((folder / "report.json").read_text())
    assert roadex.pipeline.report.is_as_reported(path, report, "network") is False


def test_a_locked_file_is_refused_in_words_and_stays_as_it_is(server, folder, monkeypatch) -> None:
    monkeypatch.setattr("roadex.outputs.review._WAIT_S", 0.1)
    edge_id, length_m = an_edge(folder)
    body = {"edge_id": edge_id, "length_m": length_m, "review": "wrong"}
    with closing(sqlite3.connect(folder / "roads.gpkg", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        status, text = ask(server, "review", method="POST", body=body)
        other.execute("ROLLBACK")
    assert status == 409
    assert b"locked by another program" in text
    assert set(verdicts(folder).values()) == {None}


def test_a_file_that_qgis_shows_without_editing_takes_verdicts(folder) -> None:
    path = folder / "roads.gpkg"
    edge_id, length_m = an_edge(folder)
    with closing(sqlite3.connect(path, isolation_level=None)) as qgis:
        qgis.execute("PRAGMA journal_mode=WAL")  # as QGIS opens it
        qgis.execute("BEGIN")
        qgis.execute("SELECT count(*) FROM road_edges").fetchall()
        write_verdict(path, edge_id, length_m, "wrong")
        qgis.execute("COMMIT")
        (seen,) = qgis.execute(
            "SELECT review FROM road_edges WHERE edge_id = ?", (edge_id,)
        ).fetchone()
        qgis.execute("PRAGMA journal_mode=DELETE")
    assert seen == "wrong"
    assert verdicts(folder)[edge_id] == "wrong"


def test_a_network_that_was_made_anew_is_not_marked(folder) -> None:
    edge_id, length_m = an_edge(folder)
    with pytest.raises(OutputError, match="was edited or made anew"):
        write_verdict(folder / "roads.gpkg", edge_id, length_m + 5, "ok")
    with pytest.raises(OutputError, match="was edited or made anew"):
        write_verdict(folder / "roads.gpkg", 10**6, length_m, "ok")
    with closing(sqlite3.connect(folder / "roads.gpkg")) as database, database:
        database.create_function("ST_IsEmpty", 1, lambda _: 0)
        for name in ("MinX", "MaxX", "MinY", "MaxY"):
            database.create_function(f"ST_{name}", 1, lambda _: 0.0)
        database.execute(
            "UPDATE road_edges SET edge_id = ?, length_m = ? WHERE fid <= 2", (edge_id, length_m)
        )
    with pytest.raises(OutputError, match="2 such edges"):
        write_verdict(folder / "roads.gpkg", edge_id, length_m, "ok")
    assert set(verdicts(folder).values()) == {None}


def test_what_is_no_verdict_is_refused(server, folder) -> None:
    edge_id, length_m = an_edge(folder)
    good = {"edge_id": edge_id, "length_m": length_m, "review": "ok"}
    bad = [
        good | {"review": "perhaps"}, good | {"review": 1}, good | {"edge_id": "0"},
        good | {"edge_id": True}, good | {"edge_id": 2**70}, good | {"length_m": None}, [good],
        {"edge_id": edge_id}, good | {"more": "x" * 1000}, 5,
    ]  # fmt: skip
    for body in bad:
        assert ask(server, "review", method="POST", body=body)[0] == 400, body
    # As a form of another page could send it without being asked first.
    status, _ = ask(server, "review", method="POST", body=good, Content_Type="text/plain")
    assert status == 400
    assert set(verdicts(folder).values()) == {None}
    with pytest.raises(ValueError, match="perhaps"):
        write_verdict(folder / "roads.gpkg", edge_id, length_m, "perhaps")


# ---------------------------------------------------------------- who gets in


def test_only_the_printed_address_opens(server, folder) -> None:
    edge_id, length_m = an_edge(folder)
    body = {"edge_id": edge_id, "length_m": length_m, "review": "ok"}
    other = "x" * len(server.token)
    for token in ("", other, server.token[:-1], f"{server.token}x", "%C3%A4"):
        for path in ("", "network.json", "tiles/imagery/0/0/0.png", "view.js"):
            assert ask(server, f"/{token}/{path}")[0] == 403
        assert ask(server, f"/{token}/review", method="POST", body=body)[0] == 403
    assert ask(server, "/")[0] == 403
    assert set(verdicts(folder).values()) == {None}
    assert ask(server, "")[0] == 200


def test_other_machines_and_other_pages_are_refused(server, folder) -> None:
    assert server.server_address[0] == "127.0.0.1"
    edge_id, length_m = an_edge(folder)
    body = {"edge_id": edge_id, "length_m": length_m, "review": "ok"}
    port = server.server_address[1]
    for host in ("example.org", f"example.org:{port}", "127.0.0.1.example.org", "[::1", ""):
        assert ask(server, "network.json", Host=host)[0] == 403, host
    for origin in ("https://example.org", "null", f"http://127.0.0.1:{port + 1}"):
        for kind in ({}, {"method": "POST", "body": body}):
            assert ask(server, "review", Origin=origin, **kind)[0] == 403, origin
    assert set(verdicts(folder).values()) == {None}
    own = f"http://127.0.0.1:{port}"
    assert ask(server, "review", method="POST", body=body, Origin=own)[0] == 200
    assert ask(server, "network.json", Host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..\\..\\report.json", "report.json",
        "/etc/passwd", "view.js/../../report_page.py", "leaflet.LICENSE", "tiles/../report.json",
        "map.js\0.html",
    ],
)  # fmt: skip
def test_no_other_file_is_served(server, path) -> None:
    request = f"GET /{server.token}/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(server.server_address, timeout=20) as connection:
        connection.sendall(request.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 404")


def test_answers_tell_the_browser_to_stay_here(server) -> None:
    with closing(http.client.HTTPConnection(*server.server_address, timeout=20)) as connection:
        connection.request("GET", f"/{server.token}/")
        answer = connection.getresponse()
        answer.read()
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_browser_is_started_without_the_token(monkeypatch) -> None:
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with open_browser("http://127.0.0.1:1/secret/", opens=True):
        page = Path(urlsplit(opened[0]).path)
        assert "secret" not in opened[0]
        assert "http://127.0.0.1:1/secret/" in page.read_text()
        assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
    assert not page.exists()
    with open_browser("http://127.0.0.1:1/secret/", opens=False):
        assert len(opened) == 1


# ---------------------------------------------------------------- what is missing


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
    profile = {"driver": "GTiff", "height": 40, "width": 40, "count": 3, "dtype": "uint8",
               "crs": "EPSG:32633", "transform": LYING["as it is"][1]}  # fmt: skip
    with rasterio.open(tmp_path / "other.tif", "w", **profile) as file:
        file.write(np.full((3, 40, 40), 9, np.uint8))
    with pytest.raises(SceneError, match="is not the imagery of this run"):
        ViewedRun.open(folder, scene=[str(tmp_path / "other.tif")])


def test_imagery_that_was_changed_is_not_shown_as_that_of_the_run(folder) -> None:
    report = json.loads((folder / "report.json").read_text())
    report["scene_identity"] = "0" * 16
    (folder / "report.json").write_text(json.dumps(report))
    run = ViewedRun.open(folder)
    assert run.scene is None
    assert "was changed since the run" in run.note


def test_what_is_no_run_or_no_network_is_an_error(folder, tmp_path) -> None:
    with pytest.raises(OutputError, match="holds no results"):
        ViewedRun.open(tmp_path)
    (folder / "roads.gpkg").unlink()
    with pytest.raises(NetworkError, match="does not exist"):
        ViewServer(ViewedRun.open(folder))


# ---------------------------------------------------------------- the command


def test_command_serves_until_interrupted(folder) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from roadex.cli import main; main()", "view", str(folder),
         "--no-open"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    try:
        address = urlsplit(process.stdout.readline().strip())
        with closing(http.client.HTTPConnection(address.netloc, timeout=20)) as connection:
            connection.request("GET", f"{address.path}network.json")
            assert json.loads(connection.getresponse().read())["has_imagery"]
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
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
