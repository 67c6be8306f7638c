"""The map of ``report.html`` and ``roadex view`` in a real browser, with clicks and keys."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from PIL import Image

from roadex.network.edited import rebuild
from roadex.network.road_network import RoadNetwork
from roadex.outputs import write_network
from roadex.outputs.report_page import write_report_page
from roadex.pipeline.view import ViewedRun
from tests.browser import Browser

pytestmark = pytest.mark.service

ROWS = (40, 90, 140)
"""Rows of three roads in a grid of 192 x 256 px, from the least sure to the surest."""

UNSURE = (215, 25, 28)

_AT_REST = "!document.querySelector('.leaflet-zoom-anim, .leaflet-pan-anim')"


@pytest.fixture(scope="module")
def folder(finished_run, tmp_path_factory) -> Path:
    """Return a run whose network is three roads from column 20 to 230."""
    place = shutil.copytree(finished_run, tmp_path_factory.mktemp("pages") / "out")
    lines = [shapely.LineString([(5e5 + 20, 5e6 - r), (5e5 + 230, 5e6 - r)]) for r in ROWS]
    columns = {"prob_mean": [0.4, 0.7, 0.97], "prob_min": 0.3, "bridged": 0.0, "width_m": 5.0}
    edges = gpd.GeoDataFrame(columns, geometry=lines, crs="EPSG:32633")
    write_network(rebuild(edges), place / "roads.gpkg", provenance={}, overwrite=True)
    report = json.loads((place / "report.json").read_text())
    grid = ViewedRun.open(place).grid
    network = RoadNetwork.read(place)
    write_report_page(place / "report.html", report, network.edges, place / "preview.png", grid)
    return place


def by_row(folder: Path) -> list[int]:
    """Return the ids of the three roads from the least sure one."""
    edges = RoadNetwork.read(folder).edges
    rows = (5e6 - edges.geometry.centroid.y).round()
    return [int(edges.loc[rows == row, "edge_id"].item()) for row in ROWS]


def place_of(browser: Browser, row: float, col: float) -> tuple[float, float]:
    """Return where a pixel of the grid is in the window; the picture of the map spans the grid."""
    x, y, width, height = browser.evaluate(
        "(() => { const r = document.querySelector('.leaflet-image-layer')"
        ".getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()"
    )
    return x + (col + 0.5) / 256 * width, y + row / 192 * height


def seen(browser: Browser, folder: Path) -> np.ndarray:
    with Image.open(browser.screenshot(folder / "seen.png")) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def is_like(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(pixels - colour).max(axis=-1) < 12


@pytest.fixture(params=[(1200, "light"), (400, "dark")], ids=["wide", "narrow"])
def browser(request, tmp_path) -> Iterator[Browser]:
    width, scheme = request.param
    with Browser(tmp_path / "profile", width=width, height=900, scheme=scheme) as browser:
        yield browser


# ---------------------------------------------------------------- report.html


def test_map_of_the_report_works_from_disk_without_a_network(folder, browser, tmp_path) -> None:
    browser.open((folder / "report.html").as_uri())
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture = seen(browser, tmp_path)
    assert is_like(picture, UNSURE).sum() > 100
    paper = picture[-1, 0].mean()
    assert paper > 200 or paper < 60

    width = "document.querySelector('.leaflet-image-layer').getBoundingClientRect().width"
    before = browser.evaluate(width)
    browser.click(".leaflet-control-zoom-in")
    browser.wait_for(f"Math.abs({width} - 2 * {before}) < 2 && {_AT_REST}")
    browser.evaluate("document.getElementById('map').focus()")
    browser.press("-")
    browser.wait_for(f"Math.abs({width} - {before}) < 2 && {_AT_REST}")

    browser.click_at(*place_of(browser, ROWS[2], 125))
    browser.wait_for("!!document.querySelector('.leaflet-popup-content table')")
    words = browser.evaluate("document.querySelector('.leaflet-popup-content').innerText")
    assert f"edge\t{by_row(folder)[2]}\n" in words
    assert "length\t210.1 m" in words

    browser.click(".leaflet-control-layers-base label:nth-child(2) input")
    browser.wait_for("document.querySelector('.leaflet-image-layer').alt === 'probability'")
    browser.click(".leaflet-control-layers-overlays input")
    browser.wait_for("!document.querySelector('.leaflet-control-layers-overlays input').checked")
    assert browser.errors() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [
        (folder / "report.html").as_uri()
    ]


# ---------------------------------------------------------------- roadex view


@contextmanager
def viewed(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve a run in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from roadex.cli import main; main()", "view", str(folder),
         "--no-open"],
        stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def verdicts(folder: Path) -> dict[int, object]:
    frame = pyogrio.read_dataframe(folder / "roads.gpkg", layer="road_edges", read_geometry=False)
    texts = frame["review"].astype(object).where(frame["review"].notna(), None)
    return dict(zip(frame["edge_id"].tolist(), texts.tolist(), strict=True))


_TILES = (
    "(() => { const all = [...document.querySelectorAll('.leaflet-tile')]; "
    "return all.length > 0 && all.every((tile) => tile.naturalWidth === 256); })()"
)
_EDGE = "document.querySelector('#values td')?.textContent"


@pytest.fixture
def copied(folder, tmp_path) -> Path:
    return shutil.copytree(folder, tmp_path / "out")


def test_roads_are_reviewed_by_keys_and_clicks(copied, browser) -> None:
    first, second, third = by_row(copied)
    with viewed(copied) as (address, _):
        browser.open(address)
        browser.wait_for(_TILES)
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browser.press("n")
        browser.wait_for(f"{_EDGE} === '{first}'")
        browser.press("a")
        browser.wait_for(f"{_EDGE} === '{second}'")
        assert verdicts(copied)[first] == "ok"
        browser.click("#wrong")
        browser.wait_for(f"{_EDGE} === '{third}'")
        assert verdicts(copied) == {first: "ok", second: "wrong", third: None}
        browser.wait_for("document.getElementById('progress').textContent.startsWith('2 of 3')")

        browser.press("u")
        browser.wait_for(f"{_EDGE} === '{second}'")
        assert verdicts(copied) == {first: "ok", second: None, third: None}
        held = "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'w', repeat: true}))"
        browser.evaluate(f"for (let i = 0; i < 9; i++) {held}")
        browser.press("w")
        browser.wait_for(f"{_EDGE} === '{third}'")
        assert verdicts(copied) == {first: "ok", second: "wrong", third: None}

        browser.click("#skip")
        browser.press("p")
        browser.wait_for(f"{_EDGE} === '{second}'")
        browser.press("u")
        browser.wait_for("document.getElementById('progress').textContent.startsWith('1 of 3')")
        assert verdicts(copied)[second] is None
        browser.press("n")
        browser.press("n")
        browser.wait_for("document.getElementById('status').textContent.includes('last road')")
        assert browser.errors() == []
        assert all(url.startswith((address, "data:")) for url in browser.requests())


def test_a_click_on_a_road_chooses_it_and_a_lock_is_said(copied, browser) -> None:
    first, second, _ = by_row(copied)
    with viewed(copied) as (address, process):
        browser.open(address)
        browser.wait_for(_TILES)
        browser.click_at(*place_of(browser, ROWS[1], 128))
        browser.wait_for(f"{_EDGE} === '{second}'")
        browser.click_at(*place_of(browser, ROWS[0] + 1, 60))
        browser.wait_for(f"{_EDGE} === '{first}'")
        with closing(sqlite3.connect(copied / "roads.gpkg", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            browser.press("w")
            browser.wait_for("document.getElementById('status').textContent.includes('locked')")
            other.execute("ROLLBACK")
        assert verdicts(copied)[first] is None
        browser.press("w")
        browser.wait_for("document.getElementById('progress').textContent.startsWith('1 of 3')")
        process.send_signal(signal.SIGINT)
        process.wait(20)
        browser.press("w")
        browser.wait_for("document.getElementById('status').textContent.includes('not answer')")


def test_roads_are_seen_on_one_side_of_the_line(copied, browser, tmp_path) -> None:
    with viewed(copied) as (address, _):
        browser.open(address)
        browser.wait_for(_TILES)
        left, top, width, height = browser.evaluate(
            "(() => { const r = document.getElementById('map').getBoundingClientRect(); "
            "return [r.x, r.y, r.width, r.height]; })()"
        )
        assert height > 300
        middle = left + width / 2
        window = (slice(int(top), int(top + height)), slice(int(left), int(left + width)))
        everywhere = is_like(seen(browser, tmp_path)[window], UNSURE)
        left_half = everywhere[:, : int(width / 2)].sum()
        assert left_half > 300
        by_chance = 0.1 * left_half  # the imagery is noise

        browser.drag((left + 1, top + height / 2), (middle, top + height / 2))
        browser.wait_for("Math.abs(document.getElementById('swipe').value - 50) <= 1")
        swiped = is_like(seen(browser, tmp_path)[window], UNSURE)
        assert swiped[:, : int(width / 2) - 5].sum() < by_chance
        right = slice(int(width / 2) + 20, None)
        assert swiped[:, right].sum() == pytest.approx(everywhere[:, right].sum(), rel=0.1)

        browser.evaluate("document.getElementById('swipe').focus()")
        for _ in range(10):
            browser.press("ArrowLeft")
        browser.wait_for("Math.abs(document.getElementById('swipe').value - 40) <= 2")
        browser.click("#roads")
        browser.wait_for("!document.getElementById('roads').checked")
        assert is_like(seen(browser, tmp_path)[window], UNSURE).sum() < by_chance
        browser.click("#probability")
        browser.wait_for(
            "[...document.querySelectorAll('.leaflet-probability-pane img')]"
            ".some((tile) => tile.naturalWidth === 256)"
        )
        assert browser.errors() == []
