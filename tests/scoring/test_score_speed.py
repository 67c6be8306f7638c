"""Scoring is fast and takes little memory (benchmarks/score.py says how fast)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "score.py"


def run(name):
    output = subprocess.run(
        [sys.executable, str(BENCHMARK), name], check=True, capture_output=True, text=True
    ).stdout
    return json.loads(output)


@pytest.mark.slow
def test_apls_of_5000_edges_takes_less_than_10_seconds():
    found = run("apls")
    assert found["n_edges"] >= 5000
    assert found["apls_cpu_s"] < 10


@pytest.mark.slow
def test_rasters_of_100_megapixels_take_less_than_20_seconds_and_1_gb():
    found = run("raster")
    assert found["cpu_s"] < 20
    assert found["peak_mb"] < 1000
