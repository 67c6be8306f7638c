"""What a comparison came to: scores, rows per tile, decisions; as a table, JSON or CSV."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from roadex.errors import OutputError
from roadex.scoring.metrics.confusion import Confusion


@dataclass(frozen=True, slots=True, kw_only=True)
class TileScore:
    """Scores of one tile of a raster, one image of a folder, or one square of lines."""

    name: str
    """The image, or the square, as ``x_y`` of its lower left corner in metres."""

    row: int
    col: int
    height: int
    width: int
    """Place in pixels of the image (rasters) or in metres of the comparison CRS (lines)."""

    confusion: Confusion
    """Pixels; for lines millimetres of road: TP is matched prediction, FN unmatched truth."""

    scores: dict[str, float]

    @property
    def wrong(self) -> int:
        """Pixels (or millimetres) that are wrong: tiles are sorted by it, worst first."""
        return self.confusion.false_positive + self.confusion.false_negative


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReport:
    """Everything ``roadex score`` says."""

    prediction: str
    truth: str
    scores: dict[str, dict[str, float]]
    """Metric to its scores by name."""

    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Score name to its confidence interval, where one was computed."""

    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """Curve name to its columns."""

    tiles: list[TileScore] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    """What was recognised, assumed or aligned, one sentence each."""

    config: dict[str, Any] = field(default_factory=dict)

    def value(self, name: str) -> float:
        """Return a score by name, whichever metric it belongs to.

        Raises
        ------
        KeyError
            If it was not computed.
        """
        for scores in self.scores.values():
            if name in scores:
                return scores[name]
        raise KeyError(name)

    def rows(self) -> list[tuple[str, str, float, tuple[float, float] | None]]:
        """Return metric, score, value and confidence interval, in the order of the table."""
        return [
            (metric, name, value, self.intervals.get(name))
            for metric, scores in self.scores.items()
            for name, value in scores.items()
        ]

    def worst_tiles(self) -> list[TileScore]:
        """Return the tiles with the most wrong pixels first."""
        return sorted(self.tiles, key=lambda tile: (-tile.wrong, tile.name, tile.row, tile.col))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def write_json(report: ScoreReport, path: Path) -> None:
    """Write the whole report.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_plain_json(report.to_dict(), path)


def write_plain_json(values: dict[str, Any], path: Path) -> None:
    """Write plain values as JSON.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _write(path, json.dumps(values, indent=1, allow_nan=False) + "\n")


def write_csv(report: ScoreReport, path: Path) -> None:
    """Write one row per tile, worst first.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    counts = ("true_positive", "false_positive", "false_negative", "true_negative")
    names = sorted({name for tile in report.tiles for name in tile.scores})
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["name", "row", "col", "height", "width", *counts, *names])
            for tile in report.worst_tiles():
                place = [tile.name, tile.row, tile.col, tile.height, tile.width]
                numbers = [getattr(tile.confusion, name) for name in counts]
                scores = [f"{tile.scores[n]:.6f}" if n in tile.scores else "" for n in names]
                writer.writerow([*place, *numbers, *scores])
    except OSError as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error
