"""The table of inputs in the documentation names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_row_of_the_table_names_tests_that_exist():
    page = (ROOT / "docs/inputs.md").read_text(encoding="utf-8")
    defined = {
        name
        for file in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    rows = [
        line for line in page.splitlines() if line.startswith("| ") and "what you have" not in line
    ]
    assert len(rows) > 40
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert set(named) <= defined, row
