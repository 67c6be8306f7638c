"""Every picture of the pages is made by a script, and shows what the program does today."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
MODULES = [
    "tiles",
    "cleaning",
    "demo",
    "tutorial",
    pytest.param("pages", marks=pytest.mark.service),
    pytest.param("qgis", marks=[pytest.mark.service, pytest.mark.real]),
]
"""Those that take little time; ``corrected`` and ``failures`` take minutes."""

CLOSE = {".png": 0.05, ".jpg": 0.5}
"""Mean difference of two pictures, of 255, up to which they show the same. Drawings follow from
whole numbers; the same code gives 0.0, a cleaning setting that matters 0.1 to 0.9. Networks of
imagery may differ from one kind of CPU to another; without test-time augmentation the picture of
the demonstration differs by 1.8."""

pytestmark = pytest.mark.slow


def _pictures(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "docs/pictures", *arguments], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=280, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def makers() -> dict[str, list[str]]:
    """Return which module makes which pictures."""
    lines = (line.split(": ") for line in _pictures("unused", "--list").splitlines())
    return {module: names.split() for module, names in lines}


def test_every_picture_has_a_script(makers: dict[str, list[str]]) -> None:
    made = sorted(name for names in makers.values() for name in names)
    assert made == sorted(path.name for path in IMAGES.iterdir())


@pytest.mark.parametrize("module", MODULES)
def test_pictures_are_as_the_program_makes_them(
    module: str, makers: dict[str, list[str]], tmp_path: Path
) -> None:
    if module == "pages" and shutil.which("chromium") is None:
        pytest.skip("no chromium")
    if module == "qgis":
        _need_qgis_and_tiles()
    _pictures(str(tmp_path), module)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(makers[module])
    for name in makers[module]:
        if name.endswith(".svg"):
            assert (tmp_path / name).read_text() == (IMAGES / name).read_text()
        else:
            close = CLOSE[Path(name).suffix]
            assert _difference(tmp_path / name, IMAGES / name) < close, f"{name}: make pictures"


def _need_qgis_and_tiles() -> None:
    if "ROADEX_TEST_DATA" not in os.environ:
        pytest.skip("ROADEX_TEST_DATA is not set: no real imagery here")
    python = Path("/usr/bin/python3")
    if (
        not python.exists()
        or subprocess.run(
            [python, "-c", "import qgis.core"], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip(f"{python} has no qgis.core")


def _difference(one: Path, other: Path) -> float:
    """Return the mean difference of two pictures of one size."""
    with Image.open(one) as a, Image.open(other) as b:
        assert a.size == b.size
        values = [np.asarray(image.convert("RGB"), dtype=np.float32) for image in (a, b)]
    return float(np.abs(values[0] - values[1]).mean())
