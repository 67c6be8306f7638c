"""GeoPackages in other programs: QGIS shows them styled, GDAL's validator finds nothing."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from PIL import Image
from pyproj import CRS

from roadex.config import VectorConfig
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network
from roadex.outputs.assessment import write_assessment
from roadex.outputs.change import CHANGE_CLASSES, write_changes
from roadex.probability.source import ArraySource
from roadex.scoring.sample_windows import draw_windows, squares_of

GRID, UTM = Affine(1, 0, 400_000, 0, -1, 5_600_000), CRS.from_epsg(32633)
PYTHON = "/usr/bin/python3"
OPENER = Path(__file__).with_name("open_in_qgis.py")

pytestmark = pytest.mark.service


def needs(module):
    if not Path(PYTHON).exists():
        pytest.skip(f"no {PYTHON}")
    if subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True).returncode:
        pytest.skip(f"{PYTHON} has no {module}")


@pytest.fixture
def geopackage(draw_roads, make_source, tmp_path):
    lines = [[(-10, 50), (210, 60)], [(100, 20), (95, 180)], [(20, 150), (180, 150)]]
    source = make_source(draw_roads(lines, (200, 200), width=6))
    network = vectorize(source, config=VectorConfig(min_component_m=20))
    return write_network(network, tmp_path / "roads.gpkg", provenance={})


def open_in_qgis(geopackage, png):
    """Return what QGIS says of a file, and let it draw it."""
    needs("qgis.core")
    environment = os.environ | {
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(geopackage.parent),
    }
    command = [PYTHON, str(OPENER), str(geopackage), str(png)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(run.stdout)


def test_qgis_shows_the_layers_styled_without_a_click(geopackage):
    png = geopackage.with_suffix(".png")
    report = open_in_qgis(geopackage, png)
    assert report["errors"] == []
    edges, nodes = report["layers"]["road_edges"], report["layers"]["road_nodes"]
    assert edges["renderer"] == "graduatedSymbol"
    assert nodes["renderer"] == "categorizedSymbol"
    for layer in (edges, nodes):
        assert layer["valid"]
        assert layer["default_style"]
        assert layer["has_spatial_index"]
        assert layer["crs"] == "EPSG:32633"
        assert all(layer["aliases"].values())
    assert edges["sorted_by"] == '"confidence"'
    assert edges["choices"] == ["not looked at", "ok", "wrong", "missing"]
    # Roads are drawn in the colours of their confidence, mixed with what is below; junctions blue.
    pixels = np.asarray(Image.open(png).convert("RGB")).reshape(-1, 3).astype(int)
    colours = np.array([(215, 25, 28), (253, 174, 97), (255, 255, 191), (171, 217, 233),
                        (44, 123, 182)])  # fmt: skip
    casing = 0.85 * 40 + 0.15 * 255
    seen = [
        (np.abs(pixels - mixed).max(axis=1) <= 4).sum() for mixed in 0.85 * colours + 0.15 * casing
    ]
    assert max(seen) > 100
    assert (pixels == (49, 54, 149)).all(axis=1).any()


def test_qgis_shows_windows_to_assess_with_a_list_of_states(geopackage):
    squares = squares_of(ArraySource(np.zeros((200, 200), np.uint8), GRID, UTM), 40)
    windows = draw_windows(squares, squares.boundary.iloc[:3], n_windows=8, seed=0)
    windows.loc[:2, "state"] = "done"
    path = write_assessment(windows, geopackage.with_name("assessment.gpkg"), provenance={})
    png = path.with_suffix(".png")
    report = open_in_qgis(path, png)
    assert report["errors"] == []
    assert all(layer["valid"] and layer["default_style"] for layer in report["layers"].values())
    assert report["layers"]["windows"]["choices"] == ["to do", "done", "unclear"]
    assert all(report["layers"]["windows"]["aliases"].values())
    pixels = np.asarray(Image.open(png).convert("RGB")).reshape(-1, 3)
    for colour in ((0, 158, 115), (230, 159, 0)):  # done, to do
        assert (pixels == colour).all(axis=1).sum() > 100


def test_gdal_validator_finds_nothing(geopackage):
    needs("osgeo_utils.samples.validate_gpkg")
    command = [PYTHON, "-m", "osgeo_utils.samples.validate_gpkg", "-k", str(geopackage)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_ogrinfo_reads_the_layers(geopackage):
    if shutil.which("ogrinfo") is None:
        pytest.skip("no ogrinfo")
    command = ["ogrinfo", "-so", "-al", str(geopackage)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Warning" not in run.stderr
    assert "Layer name: road_edges" in run.stdout


def test_qgis_shows_changes_in_the_colours_of_their_classes(geopackage):
    edges = gpd.read_file(geopackage, layer="road_edges")
    columns = ["edge_id", "confidence", "length_m", "geometry"]
    layers = {name: edges[columns].iloc[i : i + 1] for i, name in enumerate(CHANGE_CLASSES)}
    summary = {
        "km": dict.fromkeys(CHANGE_CLASSES, 0.1), "old_km": 0.4, "new_km": 0.4,
        "old_lies_m": [0.0, 0.0], "probability_ratio": 1.0, "notes": [],
    }  # fmt: skip
    path = write_changes(
        layers, summary, geopackage.with_name("change.gpkg"), provenance={"old": "a", "new": "b"}
    )
    report = open_in_qgis(path, path.with_suffix(".png"))
    assert report["errors"] == []
    assert set(report["layers"]) == set(CHANGE_CLASSES)
    assert all(layer["valid"] and layer["default_style"] for layer in report["layers"].values())
    pixels = np.asarray(Image.open(path.with_suffix(".png")).convert("RGB")).reshape(-1, 3)
    for each in CHANGE_CLASSES.values():
        mixed = 0.8 * np.array(each.colour) + 0.2 * 255
        assert (np.abs(pixels - mixed).max(axis=1) <= 3).sum() > 20, each.identifier
