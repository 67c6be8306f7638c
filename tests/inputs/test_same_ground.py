"""Real ground (4.2 km2 of the Massachusetts validation tiles) gives the same roads in each form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "input_forms.py"
FORMS = (
    "11-bit uint16", "float32", "RGBA 16-bit", "BGR with descriptions", "JPEG YCbCr",
    "moved by half a pixel", "turned by 30 degrees", "degrees",
)  # fmt: skip


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_roads_are_as_long_and_as_sure_in_each_form(real_data: Path, tmp_path: Path) -> None:
    """Within 2 % of the kilometres and 0.01 of the mean probability.

    A form whose pixels are resampled by the test itself is compared with the plain scene
    resampled by the same means.
    """
    tiles = sorted((real_data / "massachusetts" / "val" / "sat").glob("*.tif"))
    if not tiles:
        pytest.skip("no massachusetts/val in ROADEX_TEST_DATA")
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), *map(str, tiles), "-o", str(tmp_path), "--only", *FORMS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if "%" in line]
    assert [row[0] for row in rows] == ["plain", *FORMS]
    for name, km, _, _, km_difference, _, mean_difference in rows:
        assert float(km) > 20, name
        if name != "moved by half a pixel":
            assert abs(float(km_difference.rstrip(" %"))) <= 2, name
            assert abs(float(mean_difference)) <= 0.01, name
