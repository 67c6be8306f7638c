"""Logs of a training: CSV files that a resumed run continues without a seam, and TensorBoard."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from roadex.errors import ConfigError


class CsvLog:
    """Rows of figures by step."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def trim(self, step: int) -> None:
        """Drop rows after ``step``: a killed run wrote them, and they are about to come again."""
        if not self._path.exists():
            return
        with self._path.open(newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            kept = [row for row in reader if int(float(row["step"] or step + 1)) <= step]
        with self._path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(kept)

    def write(self, row: Mapping[str, float]) -> None:
        """Append a row; the first one makes the header."""
        is_new = not self._path.exists()
        with self._path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if is_new:
                writer.writeheader()
            writer.writerow(row)


class TensorBoardLog:
    """The same figures for TensorBoard (``pip install roadex[train]``)."""

    def __init__(self, folder: Path, *, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            msg = (
                "TensorBoard is not installed: pip install 'roadex[train]', or leave out "
                "--tensorboard"
            )
            raise ConfigError(msg) from error
        self._writer: Any = SummaryWriter(str(folder), purge_step=step)

    def write(self, row: Mapping[str, float]) -> None:
        """Add the figures of a step."""
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(name, value, int(row["step"]))

    def close(self) -> None:
        """Write what is still in memory."""
        self._writer.close()
