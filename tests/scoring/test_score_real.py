"""Scores on real road lines in degrees (SpaceNet, Las Vegas)."""

from __future__ import annotations

import os
from pathlib import Path

import geopandas
import pytest
import shapely

from roadex.scoring import score

DATA = os.environ.get("ROADEX_TEST_DATA")
ROADS = "scenes/vegas_rgba_epsg4326_0.3m.roads.geojson"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(DATA is None, reason="ROADEX_TEST_DATA names no folder with real data"),
]


@pytest.fixture
def roads():
    return Path(str(DATA)) / ROADS


def test_real_roads_match_themselves(roads):
    report = score(roads, roads)
    for name in ("completeness", "correctness", "apls", "topo_f1", "junction_f1", "paths_right"):
        assert report.value(name) == pytest.approx(1, abs=1e-9), name
    assert report.value("true_km") == pytest.approx(4.461, abs=0.001)


def test_real_roads_moved_a_little_and_thinned_are_found_in_part(roads, tmp_path):
    frame = geopandas.read_file(roads)
    metric = frame.to_crs(frame.estimate_utm_crs())[["geometry"]].iloc[::2]
    metric["geometry"] = shapely.transform(metric.geometry.values, lambda xy: xy + 1.0)
    metric.to_file(tmp_path / "found.gpkg")
    report = score(tmp_path / "found.gpkg", roads)
    assert report.value("correctness") > 0.99
    assert 0.3 < report.value("completeness") < 0.7
    assert report.value("rms_m") < 1.5
    assert report.value("apls") < 0.5
