"""Progress bars and result tables on the screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from roadex.pipeline.batch import SceneOutcome
    from roadex.pipeline.result import RunResult

_BATCH_LINES = 40


class Bars:
    """One progress bar with ETA per stage; a display of :mod:`roadex.progress`.

    Without ``keep``, the bars of finished stages go away: batches have many.
    """

    def __init__(self, console: Console, *, keep: bool = True) -> None:
        self._keep = keep
        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._single: set[str] = set()

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def start(self, stage: str, total: int) -> None:
        """Show the bar of a stage."""
        self._tasks[stage] = self._progress.add_task(stage, total=total)
        if total == 1:
            self._single.add(stage)

    def advance(self, stage: str) -> None:
        """Move the bar of a stage."""
        self._progress.advance(self._tasks[stage])

    def finish(self, stage: str) -> None:
        """Stop the bar of a stage; one of a single step is full."""
        task = self._tasks[stage]
        if stage in self._single:
            self._progress.update(task, completed=1)
        self._progress.stop_task(task)
        if not self._keep:
            self._progress.remove_task(self._tasks.pop(stage))


def show_result(result: RunResult, console: Console) -> None:
    """Print warnings, the table of totals, and where the files are."""
    summary: dict[str, Any] = result.summary
    show_warnings(summary["warnings"], console)
    table = Table(show_header=False, box=None, pad_edge=False)
    rows = {
        "roads": f"{summary['road_km']:,.1f} km",
        "network": f"{summary['edges']:,} edges, {summary['nodes']:,} nodes, "
        f"{summary['components']:,} components",
        "speed": f"{summary['megapixels_per_second']:.2f} Mpx/s, {summary['megapixels']:.1f} Mpx",
        "memory": f"{summary['peak_memory_bytes'] / 1e9:.2f} GB at most, all processes together",
        "time": ", ".join(f"{stage} {value:.1f} s" for stage, value in summary["seconds"].items()),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table, highlight=False)
    paths = result.paths
    for path in (paths.network, paths.probability, paths.preview, paths.report):
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def show_batch(outcomes: Sequence[SceneOutcome], output: Path, console: Console) -> None:
    """Print a line per scene, at most :data:`_BATCH_LINES`, those with errors first."""
    table = Table(box=None, pad_edge=False)
    for column in ("scene", "state", "km", "Mpx", "s", ""):
        table.add_column(column, justify="right" if column in ("km", "Mpx", "s") else "left")
    for outcome in sorted(outcomes, key=lambda o: o.is_good)[:_BATCH_LINES]:
        row = outcome.row()
        numbers = [row["road_km"], row["megapixels"], row["seconds"]]
        texts = ["" if number is None else f"{number:,.1f}" for number in numbers]
        table.add_row(outcome.scene.name, outcome.state, *texts, escape(outcome.error))
    console.print(table, highlight=False)
    if len(outcomes) > _BATCH_LINES:
        console.print(f"... and {len(outcomes) - _BATCH_LINES} more", highlight=False)
    for name in ("summary.csv", "summary.geojson"):
        console.print(f"  {output / name}", highlight=False, soft_wrap=True)


def show_warnings(warnings: Iterable[str], console: Console) -> None:
    """Print one line per warning."""
    for warning in warnings:
        console.print(f"[yellow]Warning:[/yellow] {warning}", highlight=False)
