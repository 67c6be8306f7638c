"""A plugin of pytest: writes seconds of processor time and outcome of every test."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_times: dict[str, tuple[float, str]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure a test with its fixtures and the programs it starts."""
    began = sum(os.times()[:4])
    result = yield
    _, outcome = _times.get(item.nodeid, (0.0, "passed"))
    _times[item.nodeid] = (round(sum(os.times()[:4]) - began, 3), outcome)
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the worst outcome of its three phases."""
    if report.outcome != "passed":
        _times[report.nodeid] = (0.0, report.outcome)


def pytest_sessionfinish() -> None:
    """Add all of them to the file that ``MUTANTS_TIMES`` names."""
    path = Path(os.environ["MUTANTS_TIMES"])
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | _times))
