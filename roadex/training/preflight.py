"""What is looked at before a training starts: the data, and the settings of a resumed run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.table import Table

from roadex.config import TrainConfig
from roadex.errors import DatasetError
from roadex.training.checkpoint import CHECKPOINT_NAME
from roadex.training.datasets import find_leftovers
from roadex.training.datasets.dataset_check import (
    DatasetReport,
    Finding,
    Level,
    check_dataset,
    check_overlap,
)
from roadex.training.datasets.labelled import Labelled

CONFIG_NAME = "config.json"

_FREE = {"evaluate_every", "checkpoint_every", "loader_processes", "tta"}
"""Settings that may change when a training goes on: they do not change the weights."""

_SHOWN = 12
"""Findings printed per dataset."""


def check_data(
    training: Mapping[str, Sequence[Labelled]],
    validation: Mapping[str, Sequence[Labelled]],
    *,
    gsd_m: float,
    console: Console,
) -> None:
    """Look at all datasets, by their specification, and print what was found.

    Raises
    ------
    DatasetError
        If something was found that training cannot start with.
    """
    reports = [
        check_dataset(name, scenes, gsd_m=gsd_m, leftovers=find_leftovers(name))
        for name, scenes in chain(training.items(), validation.items())
    ]
    overlap = check_overlap(
        list(chain.from_iterable(training.values())), list(chain.from_iterable(validation.values()))
    )
    console.print(_table(reports))
    findings = [*(finding for report in reports for finding in report.findings), *overlap]
    for finding in findings[:_SHOWN]:
        _show(finding, console)
    if len(findings) > _SHOWN:
        console.print(f"and {len(findings) - _SHOWN} more like these")
    errors = [finding for finding in findings if finding.level is Level.ERROR]
    if errors:
        first = f"{errors[0].place}: {errors[0].text}"
        msg = f"{len(errors)} error(s) in the training data; the first: {first}"
        raise DatasetError(msg)


def changed_settings(folder: Path, config: TrainConfig) -> tuple[str, ...]:
    """Compare the settings with those that the checkpoint in ``folder`` was trained with.

    Returns
    -------
    changes
        ``name: before -> now`` for every setting that has an effect on the weights; nothing where
        there is no checkpoint.
    """
    stored = folder / CONFIG_NAME
    if not stored.exists() or not (folder / CHECKPOINT_NAME).exists():
        return ()
    # Settings that an earlier version did not know had the effect of today's defaults.
    before = TrainConfig.from_dict(json.loads(stored.read_text())).to_dict()
    now = json.loads(json.dumps(config.to_dict()))
    return tuple(
        f"{name}: {before[name]!r} -> {value!r}"
        for name, value in now.items()
        if name not in _FREE and value != before[name]
    )


def _table(reports: Sequence[DatasetReport]) -> Table:
    table = Table(title="labelled imagery")
    for column in ("dataset", "scenes", "Mpx", "m/px", "road", "valid"):
        table.add_column(column, justify="left" if column == "dataset" else "right")
    for report in reports:
        low, high = report.gsd_m
        table.add_row(
            _short(report.name), str(report.n_scenes), f"{report.megapixels:.1f}",
            f"{low:.2g}" if low == high else f"{low:.2g}-{high:.2g}",
            f"{report.road_share:.1%}", f"{report.valid_share:.1%}",
        )  # fmt: skip
    return table


def _show(finding: Finding, console: Console) -> None:
    colour = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "blue"}[finding.level]
    text = f"[{colour}]{finding.level.value}[/] {_short(finding.place)}: {finding.text}"
    console.print(text, highlight=False, soft_wrap=True)


def _short(name: str) -> str:
    return "/".join(Path(name).parts[-2:])
