"""The page beside a result: whole, self-contained, and true."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from roadex.config import RunConfig
from roadex.pipeline.run import run


@pytest.fixture
def result(make_scene, model, tmp_path):
    config = RunConfig.from_dict(
        {
            "tiling": {"core_size": 64, "chip_size": 64, "halo": 32},
            "predict": {"model": str(model), "tta": "none"},
            "cluster": {"workers": 0, "gpus": "none"},
        }
    )
    scene = make_scene("a <b>&c.tif", shape=(192, 256))
    return run(scene, tmp_path / "out", config=config)


class Balanced(HTMLParser):
    """Sees that every element is closed in its turn."""

    VOID = ("meta", "img", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - the parser's
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_says_what_the_report_says(result) -> None:
    page = Balanced()
    content = (result.paths.folder / "report.html").read_text()
    page.feed(content)
    assert page.open == []
    assert f"{result.summary['road_km']:,.1f} km of road" in page.text
    assert "a <b>&c.tif" in page.text  # as text, not as markup
    total = sum(step["change_km"] for step in result.summary["cleaning"])
    traced_km = result.summary["cleaning"][0]["km"] - result.summary["cleaning"][0]["change_km"]
    assert traced_km + total == pytest.approx(result.summary["cleaning"][-1]["km"], abs=0.01)
    for step in result.summary["cleaning"]:
        assert f"{step['change_km']:+,.2f} km, {step['change_edges']:+,} edges" in page.text
    for kind in result.summary["issues"]:
        assert f"{result.summary['issues'][kind]:,}" in page.text
    # The bars of each plot add up to the length of all roads.
    for caption in ("confidence",):
        figure = content[: content.index(f"Kilometres by {caption}</figcaption>")].rpartition(
            "<figure>"
        )[2]
        km = [float(v) for v in re.findall(r": ([\d.]+) km</title>", figure)]
        assert sum(km) == pytest.approx(result.summary["road_km"], abs=0.06)


def test_the_page_needs_nothing_from_elsewhere(result) -> None:
    content = (result.paths.folder / "report.html").read_text()
    assert not re.search(r'(src|href)="(?!data:)', content)
    assert "<script" not in content
    assert "@import" not in content


@pytest.mark.service
@pytest.mark.parametrize("width", [1200, 400])
def test_a_browser_shows_the_page(result, tmp_path, width) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium")
    picture = tmp_path / "page.png"
    subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1600",
            f"--screenshot={picture}", str(result.paths.folder / "report.html"),
        ],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] == width
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50  # words, picture and bars
