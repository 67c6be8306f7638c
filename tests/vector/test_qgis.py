"""GeoPackages in other programs: QGIS shows them styled, GDAL's validator finds nothing."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadex.config import VectorConfig
from roadex.network.vectorize import vectorize
from roadex.outputs import write_network

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


def test_qgis_shows_the_layers_styled_without_a_click(geopackage):
    needs("qgis.core")
    png = geopackage.with_suffix(".png")
    environment = os.environ | {
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_RUNTIME_DIR": str(geopackage.parent),
    }
    command = [PYTHON, str(OPENER), str(geopackage), str(png)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    report = json.loads(run.stdout)
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
