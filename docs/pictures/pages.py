"""The map of a report and ``roadex view``, as Chromium shows them."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image
from sketch import save_small
from tutorial import extract, write_place

from roadex.pipeline.view import ViewedRun
from roadex.pipeline.view_server import ViewServer

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.browser import Browser

NAMES = ("report.jpg", "view.jpg")

WIDTH_PX, HEIGHT_PX = 1100, 700

_IS_COMPLETE = (
    "document.querySelectorAll('.leaflet-tile').length > 0 && "
    "[...document.querySelectorAll('.leaflet-tile')].every((tile) => "
    "tile.naturalWidth && tile.style.opacity === '1')"
)

_PAUSE_S = 3
"""Until the tiles of the zoom before are gone."""

_SCALE = "document.querySelector('.leaflet-control-scale-line').textContent"


def make(folder: Path) -> None:
    """Extract the roads of the tutorial's scene and look at them."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        # Processes of a browser that was killed may write a moment longer.
        found = extract(write_place(Path(place))["scene"], Path(place) / "out")
        with Browser(Path(place) / "profile", width=WIDTH_PX, height=HEIGHT_PX) as browser:
            browser.open(found.paths.page.as_uri())
            browser.evaluate("document.getElementById('map').scrollIntoView({block: 'center'})")
            _save(browser, Path(place), folder / NAMES[0])
            _look(browser, found.paths.folder)
            _save(browser, Path(place), folder / NAMES[1])


def _look(browser: Browser, run: Path) -> None:
    """Go to the least sure road, with half of the map swiped away."""
    server = ViewServer(ViewedRun.open(run))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        browser.open(server.address)
        browser.wait_for(_IS_COMPLETE)
        before = browser.evaluate(_SCALE)
        browser.press("n")
        browser.wait_for(f"{_SCALE} !== {before!r}")
        browser.wait_for("!document.querySelector('.leaflet-zoom-anim, .leaflet-pan-anim')")
        browser.evaluate(
            "document.getElementById('swipe').value = 45; "
            "document.getElementById('swipe').dispatchEvent(new Event('input'))"
        )
        time.sleep(_PAUSE_S)
        browser.wait_for(_IS_COMPLETE)
    finally:
        server.shutdown()
        server.server_close()


def _save(browser: Browser, place: Path, path: Path) -> None:
    with Image.open(browser.screenshot(place / "seen.png")) as picture:
        save_small(picture.convert("RGB"), path)
