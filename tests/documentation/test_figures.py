"""Figures that a page repeats are those of the page that reports them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_readme_has_the_extremes_of_the_model_card() -> None:
    card = (ROOT / "docs" / "models" / "roadex-light.md").read_text()
    lines = card[card.index("\nLines of ") : card.index("**Places left out in turn.**")]
    scores = re.findall(r"^\|.*\| (0\.\d+) / (0\.\d+) \|$", lines, re.MULTILINE)
    assert len(scores) == 8
    readme = " ".join((ROOT / "README.md").read_text().split())
    found = re.search(
        r"finds (\d+) to (\d+) % of the roads .*?, and (\d+) to (\d+) % of what it draws", readme
    )
    assert found is not None
    extremes = [f(map(float, values)) for values in zip(*scores, strict=True) for f in (min, max)]
    for said, measured in zip(found.groups(), extremes, strict=True):
        assert float(said) == pytest.approx(100 * measured, abs=0.51)
