"""Every picture of the pages is made by a script, and shows what the program does today."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
ALONE = ("tiles", "cleaning", "demo", "tutorial")
"""Modules that need nothing but roadex and little time."""

CLOSE = 6.0
"""Mean difference of two pictures, of 255, up to which they show the same; another network of the
tutorial's scene differs by more, see the last test."""

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


@pytest.mark.parametrize("module", ALONE)
def test_pictures_are_as_the_program_makes_them(
    module: str, makers: dict[str, list[str]], tmp_path: Path
) -> None:
    _pictures(str(tmp_path), module)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(makers[module])
    for name in makers[module]:
        if name.endswith(".svg"):
            assert (tmp_path / name).read_text() == (IMAGES / name).read_text()
        else:
            assert _difference(tmp_path / name, IMAGES / name) < CLOSE, name


def _difference(one: Path, other: Path) -> float:
    """Return the mean difference of two pictures of one size."""
    with Image.open(one) as a, Image.open(other) as b:
        assert a.size == b.size
        values = [np.asarray(image.convert("RGB"), dtype=np.float32) for image in (a, b)]
    return float(np.abs(values[0] - values[1]).mean())
