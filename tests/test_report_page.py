"""The page beside a result: whole, self-contained, and true."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

from roadex.config import RunConfig
from roadex.outputs.report_map import map_section
from roadex.outputs.web_map import web_file
from roadex.pipeline.run import run
from roadex.pipeline.view import ViewedRun


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


def test_the_page_says_how_much_is_paved(result) -> None:
    page = Balanced()
    page.feed((result.paths.folder / "report.html").read_text())
    surface = result.summary["surface"]
    km = [surface[f"{name}_km"] for name in ("paved", "unpaved", "unknown")]
    assert surface["reason"] == ""
    assert sum(km) == pytest.approx(result.summary["road_km"], abs=0.002)
    assert f"{km[0]:,.1f} km, {km[0] / sum(km):.0%} of the length" in page.text
    assert {"surface", "surface_prob"} <= set(result.edges.columns)


def test_the_page_needs_nothing_from_elsewhere(result) -> None:
    content = (result.paths.folder / "report.html").read_text()
    markup = re.sub(r"<script.*?</script>", "", content, flags=re.DOTALL)
    assert not re.search(r'(src|href)="(?!data:)', markup)
    assert not re.search(r"@import|url\(", markup)
    assert "default-src 'none'" in markup
    assert "<script src" not in content


def _content_of_map(parts: list[str]) -> dict:
    (script,) = (part for part in parts if 'id="map-content"' in part)
    return json.loads(script.partition(">")[2].removesuffix("</script>"))


def test_the_map_shows_edges_where_they_are_and_nothing_ends_its_script(result) -> None:
    run = ViewedRun.open(result.paths.folder)
    edges = result.edges.assign(surface="</script><script>alert(1)</script>")
    parts = map_section(edges, result.paths.preview, run.grid)
    (script,) = (part for part in parts if 'id="map-content"' in part)
    assert script.count("<") == 2  # of the element alone
    network = _content_of_map(parts)["network"]
    assert network["columns"]["surface"][0] == edges["surface"].iloc[0]
    lengths = [
        np.hypot(*np.reshape(flat, (-1, 2))[1:].T).sum() * network["step"]
        for flat in network["lines"]
    ]
    assert lengths == pytest.approx(edges.length.tolist(), rel=0.03, abs=1)  # of 1 m pixels


def test_a_large_network_is_cut_to_its_longest_edges_and_the_page_says_so(
    result, monkeypatch
) -> None:
    monkeypatch.setattr("roadex.outputs.report_map._MOST_EDGES", 3)
    run, edges = ViewedRun.open(result.paths.folder), result.edges
    parts = map_section(edges, result.paths.preview, run.grid)
    columns = _content_of_map(parts)["network"]["columns"]
    longest = edges.nlargest(3, "length_m")
    assert sorted(columns["edge_id"]) == sorted(longest["edge_id"])
    share = longest["length_m"].sum() / edges["length_m"].sum()
    assert f"the 3 longest of {len(edges):,} edges, {share:.0%} of the length" in " ".join(parts)


def test_colours_of_the_map_are_those_of_the_style_in_qgis() -> None:
    style = (files("roadex.outputs") / "styles" / "road_edges_confidence.qml").read_text()
    bounds = re.findall(r'<range [^>]*lower="([\d.]+)" upper="([\d.]+)" label="([^"]+)"', style)
    lines = re.findall(r'name="line_color" value="(\d+),(\d+),(\d+),255"', style)[1::2]
    drawn = re.findall(r'\[([\w.]+), "#(\w{6})", "([^"]+)"\]', web_file("map.js"))
    assert len(drawn) == len(bounds) == 5
    for (upto, paint, label), (_, upper, named), rgb in zip(drawn, bounds, lines, strict=True):
        assert label == named
        assert upto == "Infinity" or float(upto) == float(upper)
        assert bytes.fromhex(paint) == bytes(map(int, rgb))
