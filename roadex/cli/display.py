"""Progress bars and result tables on the screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from rich.console import Console
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
from rich.text import Text

from roadex.errors import OutputError, public_text
from roadex.progress import Display, LogDisplay

if TYPE_CHECKING:
    from roadex.pipeline.batch_summary import SceneOutcome
    from roadex.pipeline.joint_network import JointNetwork
    from roadex.pipeline.result import RunResult
    from roadex.training.preflight import DataReport

_BATCH_LINES = 40
_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


def plain_console(*, stderr: bool = False) -> Console:
    """Return a console that shows texts as they are: names of files hold brackets and colons."""
    return Console(stderr=stderr, markup=False, emoji=False)


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
            TextColumn("{task.fields[figures]}"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._figures: dict[str, dict[str, float]] = {}
        self._single: set[str] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def start(self, stage: str, total: int) -> None:
        """Show the bar of a stage."""
        self._tasks[stage] = self._progress.add_task(stage, total=total, figures="")
        self._figures[stage] = {}
        if total == 1:
            self._single.add(stage)

    def advance(self, stage: str, steps: int = 1) -> None:
        """Move the bar of a stage."""
        self._progress.advance(self._tasks[stage], steps)

    def figures(self, stage: str, values: Mapping[str, float]) -> None:
        """Show numbers at the end of the bar."""
        self._figures[stage].update(values)
        text = "  ".join(f"{name} {value:.4f}" for name, value in self._figures[stage].items())
        self._progress.update(self._tasks[stage], figures=text)

    def finish(self, stage: str) -> None:
        """Stop the bar of a stage; one of a single step is full."""
        task = self._tasks[stage]
        if stage in self._single:
            self._progress.update(task, completed=1)
        self._progress.stop_task(task)
        if not self._keep:
            self._progress.remove_task(self._tasks.pop(stage))

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        print_note(text, self._progress.console)


class Several:
    """Passes progress on to several displays, such as bars and a log file."""

    def __init__(self, displays: Sequence[Display]) -> None:
        self._displays = displays

    def start(self, stage: str, total: int) -> None:
        """Pass on."""
        for display in self._displays:
            display.start(stage, total)

    def advance(self, stage: str, steps: int = 1) -> None:
        """Pass on."""
        for display in self._displays:
            display.advance(stage, steps)

    def figures(self, stage: str, values: Mapping[str, float]) -> None:
        """Pass on."""
        for display in self._displays:
            display.figures(stage, values)

    def finish(self, stage: str) -> None:
        """Pass on."""
        for display in self._displays:
            display.finish(stage)

    def note(self, text: str) -> None:
        """Pass on."""
        for display in self._displays:
            display.note(text)


@contextmanager
def open_display(
    *, quiet: bool = False, log_file: Path | None = None, keep: bool = True
) -> Iterator[Display]:
    """Open what shows the progress of a command: bars, or lines where there is no terminal.

    Parameters
    ----------
    quiet
        Show nothing on standard error.
    log_file
        File to add lines with the time of day to.
    keep
        Whether the bars of finished stages stay.

    Raises
    ------
    OutputError
        If the log file cannot be written.
    """
    console = plain_console(stderr=True)
    with ExitStack() as stack:
        displays: list[Display] = []
        if not quiet and console.is_terminal:
            displays.append(stack.enter_context(Bars(console, keep=keep)))
        elif not quiet:
            displays.append(LogDisplay())
        if log_file is not None:
            displays.append(LogDisplay(stack.enter_context(_open_log(log_file))))
        yield displays[0] if len(displays) == 1 else Several(displays)


def _open_log(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", encoding="utf-8")
    except OSError as error:
        msg = f"cannot write the log file {path}: {error.strerror}"
        raise OutputError(msg) from error


def show_data_report(report: DataReport, console: Console) -> None:
    """Print what was found in the datasets of a training."""
    header, *rows = report.rows()
    table = Table(title="labelled imagery")
    for column in header:
        table.add_column(column, justify="left" if column == "dataset" else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for note in report.notes():
        print_note(note, console)


def print_note(text: str, console: Console) -> None:
    """Print a line; its level, if it begins with one, in colour."""
    text = public_text(text)
    level, separator, rest = text.partition(": ")
    colour = _COLOURS.get(level)
    line = Text(text) if colour is None else Text.assemble((level, colour), separator, rest)
    console.print(line, highlight=False, soft_wrap=True)


def _expectation(share: float | None) -> str:
    return "too little road to tell" if share is None else f"about {share:.0%} expected"


def _issues_text(counts: dict[str, int]) -> str:
    named = ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "nothing"
    return f"{named} (layer road_issues)"


def show_result(result: RunResult, console: Console, paths: Iterable[Path]) -> None:
    """Print warnings, the table of totals, and where the files are."""
    summary: dict[str, Any] = result.summary
    show_warnings(summary["warnings"], console)
    if result.is_done_before:
        console.print("done before: nothing was computed", highlight=False)
    table = Table(show_header=False, box=None, pad_edge=False)
    rows = {
        "roads": f"{summary['road_km']:,.1f} km",
        "network": f"{summary['edges']:,} edges, {summary['nodes']:,} nodes, "
        f"{summary['components']:,} components",
        "completeness": _expectation(summary.get("expected_completeness")),
        "to look at": _issues_text(summary.get("issues", {})),
        "speed": f"{summary['megapixels_per_second']:.2f} Mpx/s, {summary['megapixels']:.1f} Mpx",
        "memory": f"{summary['peak_memory_bytes'] / 1e9:.2f} GB at most, all processes together",
        "time": ", ".join(f"{stage} {value:.1f} s" for stage, value in summary["seconds"].items()),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table, highlight=False)
    for path in paths:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def show_batch(
    outcomes: Sequence[SceneOutcome],
    output: Path,
    console: Console,
    joint: JointNetwork | None = None,
) -> None:
    """Print a line per scene, at most :data:`_BATCH_LINES`, those with errors first.

    Then what became of the network of all scenes, and the files for all.
    """
    table = Table(box=None, pad_edge=False)
    for column in ("scene", "state", "km", "Mpx", "s", ""):
        table.add_column(column, justify="right" if column in ("km", "Mpx", "s") else "left")
    for outcome in sorted(outcomes, key=lambda o: o.is_good)[:_BATCH_LINES]:
        row = outcome.row()
        numbers = [row["road_km"], row["megapixels"], row["seconds"]]
        texts = ["" if number is None else f"{number:,.1f}" for number in numbers]
        table.add_row(outcome.scene.name, outcome.state, *texts, outcome.error)
    console.print(table, highlight=False)
    if len(outcomes) > _BATCH_LINES:
        console.print(f"... and {len(outcomes) - _BATCH_LINES} more", highlight=False)
    names = ["summary.csv", "summary.geojson", "index.html"]
    if joint is not None and joint.result:
        names.insert(0, "roads.gpkg")
        console.print(
            f"{joint.result['road_km']:,.1f} km of road in one network of {len(joint.scenes)} "
            "scenes",
            highlight=False,
        )
    elif joint is not None:
        console.print(f"no network of all scenes: {joint.reason}", highlight=False)
    for name in names:
        console.print(f"  {output / name}", highlight=False, soft_wrap=True)


def show_warnings(warnings: Iterable[str], console: Console) -> None:
    """Print one line per warning."""
    for warning in warnings:
        console.print(Text.assemble(("Warning:", "yellow"), " ", warning), highlight=False)
