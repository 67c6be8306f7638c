"""What is looked at before a training starts: the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from roadex.errors import DatasetError
from roadex.training.datasets import find_unmatched_labels
from roadex.training.datasets.dataset_check import (
    DatasetReport,
    Finding,
    Level,
    check_dataset,
    check_overlap,
)
from roadex.training.datasets.labelled import Labelled

_SHOWN = 12
"""Findings shown in all."""

COLUMNS = ("dataset", "scenes", "Mpx", "m/px", "road", "valid")


@dataclass(frozen=True, slots=True)
class DataReport:
    """What was found in the datasets of a training."""

    datasets: Sequence[DatasetReport]
    overlap: Sequence[Finding]
    """Scenes that are in the training and the validation data."""

    @property
    def findings(self) -> list[Finding]:
        """Everything that was found, dataset by dataset."""
        return [*chain.from_iterable(report.findings for report in self.datasets), *self.overlap]

    def rows(self) -> list[tuple[str, ...]]:
        """Return a table, its header first: what each dataset holds."""
        return [COLUMNS, *(_row(report) for report in self.datasets)]

    def notes(self) -> Iterator[str]:
        """Yield the findings as lines, not all where there are many."""
        for finding in self.findings[:_SHOWN]:
            yield f"{finding.level.value}: {_short(finding.place)}: {finding.text}"
        if len(self.findings) > _SHOWN:
            yield f"and {len(self.findings) - _SHOWN} more like these"

    def raise_if_bad(self) -> None:
        """Refuse data that training cannot start with.

        Raises
        ------
        DatasetError
            If an error was found.
        """
        errors = [finding for finding in self.findings if finding.level is Level.ERROR]
        if errors:
            first = f"{errors[0].place}: {errors[0].text}"
            msg = f"{len(errors)} error(s) in the training data; the first: {first}"
            raise DatasetError(msg)


def check_data(
    training: Mapping[str, Sequence[Labelled]],
    validation: Mapping[str, Sequence[Labelled]],
    *,
    gsd_m: float,
) -> DataReport:
    """Look at all datasets, given by their specification."""
    reports = [
        check_dataset(name, scenes, gsd_m=gsd_m, unmatched_labels=find_unmatched_labels(name))
        for name, scenes in chain(training.items(), validation.items())
    ]
    overlap = check_overlap(
        list(chain.from_iterable(training.values())), list(chain.from_iterable(validation.values()))
    )
    return DataReport(reports, overlap)


def _row(report: DatasetReport) -> tuple[str, ...]:
    low, high = report.gsd_m
    return (
        _short(report.name),
        str(report.n_scenes),
        f"{report.megapixels:.1f}",
        f"{low:.2g}" if low == high else f"{low:.2g}-{high:.2g}",
        f"{report.road_share:.1%}",
        f"{report.valid_share:.1%}",
    )


def _short(name: str) -> str:
    return "/".join(Path(name).parts[-2:])
