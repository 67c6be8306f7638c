"""The page of a batch: every scene is on it, failures first, and it needs nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from roadex.config import RunConfig
from roadex.errors import OutputError
from roadex.imagery.scene_list import name_scenes
from roadex.outputs.index_page import IndexEntry, thumbnail, write_index
from roadex.outputs.own_files import check_replaceable
from roadex.outputs.preview import network_panel
from roadex.pipeline.batch import extract_many


class Page(HTMLParser):
    """Words, links and pictures, and whether every element is closed in its turn."""

    def __init__(self, path):
        super().__init__()
        self.open, self.words, self.links, self.pictures = [], [], [], []
        self.content = path.read_text("utf-8")
        self.feed(self.content)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "a":
            self.links.append(values["href"])
        if tag == "img":
            self.pictures.append(values["src"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)


def entry(name, **values):
    result = {
        "road_km": 12.34, "confidence": 0.871, "expected_completeness": 0.93, "failed_tiles": [],
        "warnings": [],
    }  # fmt: skip
    shown = {"state": "done", "is_good": True, "error": "", "result": result,
             "page": f"{name}/report.html", "picture": ""}  # fmt: skip
    return IndexEntry(name=name, **(shown | values))


@pytest.fixture
def preview(tmp_path):
    """Return a preview as a run writes it: imagery, probability, network, side by side."""
    x = np.arange(300)
    sheet = np.full((300, 924, 3), 255, np.uint8)  # three panels and two gaps
    sheet[:, -300:] = np.where((x[:, None] % 50 < 6), (255, 214, 10), (40, 70, 40))
    path = tmp_path / "preview.png"
    Image.fromarray(sheet).save(path)
    return path


def test_the_picture_is_the_network_and_nothing_beside_it(preview):
    with Image.open(preview) as image:
        panel = np.asarray(network_panel(image))
    assert panel.shape == (300, 300, 3)
    assert panel[..., 2].max() == 40


@pytest.fixture
def folder(tmp_path, preview):
    warned = entry("b").result | {"warnings": ["the scene is <dark>", "bands were guessed"]}
    entries = [
        entry("a", picture=thumbnail(preview, 5)),
        entry("b", result=warned, picture=thumbnail(preview, 5)),
        entry("c", state="failed", is_good=False, error="no <CRS>", result={}, page=""),
        entry("d#e&f", state="incomplete", is_good=False, error="2 tiles failed",
              result=entry("d").result | {"failed_tiles": ["r0 c1", "r0 c2"]},
              picture=thumbnail(preview, 5)),
    ]  # fmt: skip
    write_index(tmp_path, entries, 5)
    return tmp_path


def test_the_page_says_what_became_of_each_scene(folder):
    page = Page(folder / "index.html")
    assert page.open == []
    assert "37.0 km of road" in page.text
    for text in ("Roads of 5 scenes", "Not complete: 2", "Complete: 2", "Not done yet: 1",
                 "Scenes with warnings: 1"):  # fmt: skip
        assert text in page.text
    assert "confidence 0.87" in page.text
    assert "the scene is <dark>" in page.text
    assert "failed: no <CRS>" in page.text
    assert "2 tiles missing" in page.text
    assert page.text.index("no <CRS>") < page.text.index("bands were guessed")
    assert page.links == ["d%23e%26f/report.html", "a/report.html", "b/report.html"]


def test_the_page_needs_nothing_from_elsewhere(folder):
    page = Page(folder / "index.html")
    assert len(page.pictures) == 3
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in page.pictures)
    assert all(":" not in link for link in page.links)
    assert not re.search(r"<script|@import|url\(", page.content)


def test_pictures_get_smaller_where_there_are_many_scenes(preview, tmp_path):
    sizes = [len(thumbnail(preview, n)) for n in (300, 301, 3001)]
    assert sizes[0] > sizes[1] > sizes[2] == 0
    preview.write_bytes(b"not a picture")
    assert thumbnail(preview, 1) == thumbnail(tmp_path / "nothing.png", 1) == ""


def test_an_index_of_another_program_is_left_alone(folder):
    check_replaceable(folder / "index.html", overwrite=True)
    (folder / "index.html").write_text("<html>my site</html>")
    with pytest.raises(OutputError, match="was not written by roadex"):
        check_replaceable(folder / "index.html", overwrite=True)


def test_a_batch_has_a_page_whose_links_lead_to_the_reports(make_scene, model, tmp_path):
    config = RunConfig.from_dict(
        {
            "tiling": {"core_size": 64, "chip_size": 64, "halo": 32},
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"workers": 0, "gpus": "none"},
        }
    )
    scene = make_scene("a.tif", shape=(70, 90))
    (tmp_path / "bad.tif").write_text("not a raster")
    listed = name_scenes((None, str(path)) for path in (scene, tmp_path / "bad.tif"))
    outcomes = extract_many(listed, tmp_path / "out", config=config)
    page = Page(tmp_path / "out" / "index.html")
    assert page.links == ["a/report.html"]
    assert (tmp_path / "out" / page.links[0]).exists()
    assert len(page.pictures) == 1
    assert "not a raster" in page.text
    result = outcomes[0].report["result"]
    assert f"{result['road_km']:,.1f} km, confidence {result['confidence']:.2f}" in page.text

    (tmp_path / "out" / "index.html").write_text("my own page")
    with pytest.raises(OutputError, match="not written by roadex"):
        extract_many(listed, tmp_path / "out", config=config)


@pytest.mark.service
@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [1200, 400])
def test_a_browser_shows_the_page_in_light_and_dark(folder, width, scheme):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium")
    picture = folder / "page.png"
    number = {"dark": 0, "light": 1}[scheme]  # of Blink's enum PreferredColorScheme
    subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--blink-settings=preferredColorScheme={number}",
            f"--user-data-dir={folder / 'profile'}", f"--window-size={width},1600",
            f"--screenshot={picture}", str(folder / "index.html"),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] == width
    paper = pixels[-1, -1].mean()
    assert paper < 60 if scheme == "dark" else paper > 200
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50  # words and pictures
