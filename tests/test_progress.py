"""Progress: what each display shows, with a clock that the test moves."""

import io
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from rich.console import Console

from roadex.cli.display import (
    Bars,
    Several,
    open_display,
    plain_console,
    print_note,
    show_warnings,
)
from roadex.errors import OutputError
from roadex.progress import (
    Labelled,
    LogDisplay,
    NotebookDisplay,
    Silent,
    Stopwatch,
    clock,
    default_display,
)

METHODS = ("start", "advance", "figures", "finish", "note")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


class Cells:
    """A fake IPython.display: the block that a cell shows, after every change."""

    def __init__(self):
        self.shown = []

    def display(self, block, *, raw, display_id=True):
        assert raw
        assert display_id
        self.shown.append(block["text/plain"])
        return SimpleNamespace(update=self.display)


@pytest.fixture
def notebook(monkeypatch):
    """Make Python look like the kernel of a notebook; return its output cell."""
    cells = Cells()
    shell = type("ZMQInteractiveShell", (), {})()
    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = lambda: shell
    module.display = cells.display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return cells


def lines(stream):
    """Return the lines of a log without the time of day, which every one has."""
    stamped = stream.getvalue().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in stamped)
    return [line[20:] for line in stamped]


def test_log_has_a_line_every_ten_seconds_with_what_is_left():
    stream, now = io.StringIO(), Clock()
    display = LogDisplay(stream, now)
    display.start("predict", 8)
    for _ in range(4):
        now.seconds += 6
        display.advance("predict")
    now.seconds += 1
    display.advance("predict", 4)
    display.finish("predict")
    assert lines(stream) == [
        "predict started, 8 steps",
        "predict 2/8 (25%), 0:00:12, ETA 0:00:36",
        "predict 4/8 (50%), 0:00:24, ETA 0:00:24",
        "finished: predict 8/8 (100%), 0:00:25",
    ]


def test_steps_of_an_earlier_run_do_not_shorten_what_is_left():
    stream, now = io.StringIO(), Clock()
    display = LogDisplay(stream, now)
    display.start("train", 100)
    display.advance("train", 90)
    now.seconds += 20
    display.advance("train", 1)
    assert lines(stream)[-1] == "train 91/100 (91%), 0:00:20, ETA 0:03:00"


def test_log_shows_figures_and_notes():
    stream, now = io.StringIO(), Clock()
    display = LogDisplay(stream, now)
    display.start("train", 2)
    display.figures("train", {"loss": 0.51234})
    display.figures("train", {"IoU": 0.25})
    display.note("wrote model.safetensors")
    display.finish("train")
    assert lines(stream)[1:] == [
        "wrote model.safetensors",
        "stopped: train 0/2 (0%), 0:00:00, loss 0.5123, IoU 0.25",
    ]


def test_stage_of_one_step_is_done_when_it_ends_well_and_only_then():
    stream = io.StringIO()
    watch = Stopwatch(LogDisplay(stream, Clock()))
    with watch.stage("plan"):
        pass
    with pytest.raises(OSError, match="disk"), watch.stage("write"):
        raise OSError("disk")  # noqa: EM101
    ends = [line for line in lines(stream) if "started" not in line]
    assert ends == ["finished: plan 1/1 (100%), 0:00:00", "stopped: write 0/1 (0%), 0:00:00"]


def test_notebook_block_is_replaced_and_has_a_line_per_stage(notebook):
    now = Clock()
    display = default_display()
    assert isinstance(display, NotebookDisplay)
    display = NotebookDisplay(now)
    display.start("plan", 1)
    display.finish("plan")
    display.start("predict", 4)
    now.seconds += 10
    display.advance("predict")
    assert notebook.shown[-1].splitlines() == [
        "[########################] plan 1/1 (100%), 0:00:00",
        "[######------------------] predict 1/4 (25%), 0:00:10, ETA 0:00:30",
    ]
    n_shown = len(notebook.shown)
    display.advance("predict")  # at once: not worth another picture
    assert len(notebook.shown) == n_shown


def test_display_of_a_script_shows_nothing(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert type(default_display()) is Silent


def test_terminal_of_ipython_is_no_notebook(monkeypatch):
    package = ModuleType("IPython")
    package.get_ipython = lambda: type("TerminalInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", package)
    assert type(default_display()) is Silent


def test_bars_show_figures_and_finish():
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with Bars(console) as bars:
        bars.start("train", 3)
        bars.advance("train", 3)
        bars.figures("train", {"loss": 0.25})
        bars.note("warning: [loss] is low")
        bars.finish("train")
    shown = console.file.getvalue()
    assert "3/3" in shown
    assert "loss 0.2500" in shown
    assert "[loss] is low" in shown


def test_names_are_shown_as_they_are(capsys):
    console = plain_console()
    show_warnings(["out[b]/a:car:.tif"], console)
    print_note("warning: out[b]/a:car:.tif", console)
    console.print("out[b]/a:car:.tif", soft_wrap=True)
    assert capsys.readouterr().out.count("out[b]/a:car:.tif") == 3


def test_label_is_put_before_stage_and_note():
    stream = io.StringIO()
    watch = Stopwatch(Labelled(LogDisplay(stream, Clock()), "delhi"))
    with watch.stage("predict", 2):
        watch.advance("predict", 2)
    assert lines(stream)[-1] == "finished: delhi predict 2/2 (100%), 0:00:00"


@pytest.mark.parametrize("kind", [Silent, LogDisplay, NotebookDisplay, Labelled, Bars, Several])
def test_every_display_has_the_whole_protocol(kind):
    assert all(callable(getattr(kind, name, None)) for name in METHODS)


def test_without_a_terminal_a_command_writes_lines_and_adds_to_the_log_file(tmp_path, capsys):
    log = tmp_path / "logs" / "run.log"
    for _ in range(2):
        with open_display(log_file=log) as display:
            display.note("hello")
    with open_display(quiet=True, log_file=log) as display:
        display.note("quiet")
    assert capsys.readouterr().err.count("hello") == 2
    assert [line[20:] for line in log.read_text().splitlines()] == ["hello", "hello", "quiet"]


def test_log_file_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(OutputError, match="cannot write the log file"), open_display(
        log_file=Path(tmp_path)
    ):  # fmt: skip
        pass


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (59.6, "0:01:00"), (3725, "1:02:05")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
