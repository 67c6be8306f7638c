"""The QGIS plugin without QGIS: command lines, messages, processes, the ZIP file."""

from __future__ import annotations

import ast
import configparser
import io
import os
import re
import signal
import sys
import time
import tomllib
import zipfile
from pathlib import Path

import click
import pytest

import roadex
from roadex.cli import cli
from roadex.progress import LogDisplay, Stopwatch

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / "workflows" / "qgis"
sys.path.insert(0, str(WORKFLOW))

import package  # noqa: E402
from roadex_provider import commands, messages, program  # noqa: E402

sys.path.remove(str(WORKFLOW))

MODULES = sorted((WORKFLOW / "roadex_provider").glob("*.py"))
REQUIRED = (
    "name", "qgisMinimumVersion", "description", "about", "version", "author", "email",
    "repository",
)  # fmt: skip
"""What the public directory of plugins requires of a metadata.txt."""


def cli_options(verb: str) -> dict[str, click.Option]:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    context = click.Context(command, **cli.context_settings)
    found = [p for p in command.get_params(context) if isinstance(p, click.Option)]
    return {flag: option for option in found for flag in option.opts if flag.startswith("--")}


def help_of(option: click.Option) -> str:
    """Return the help without the range of numbers that click adds."""
    record = option.get_help_record(click.Context(click.Command("x")))
    text = " ".join(record[1].split()) if record else ""
    return re.sub(r"; x>=?\d+\]| \[x>=?\d+\]", lambda m: "]" if m[0][0] == ";" else "", text)


@pytest.fixture
def program_file(tmp_path):
    """Return a function that writes an executable Python program."""

    def write(code: str, name: str = "roadex") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{sys.executable}\n{code}")
        path.chmod(0o755)
        return path

    return write


# Command lines.


@pytest.mark.parametrize("verb", commands.VERBS, ids=lambda verb: verb.name)
def test_every_parameter_is_an_option_of_the_command_line_and_says_the_same(verb):
    known = cli_options(verb.name)
    for option in verb.options:
        assert help_of(known[option.flag]) == option.help
        offered = getattr(known[option.flag].type, "choices", ())
        written = re.findall(r"[\w-]+", known[option.flag].metavar or "")
        if option.kind == commands.CHOICE:
            assert option.choices == (tuple(offered) or tuple(written))


@pytest.mark.parametrize("verb", commands.VERBS, ids=lambda verb: verb.name)
def test_every_option_of_the_command_line_is_a_parameter_or_left_out_for_a_reason(verb):
    offered = {option.flag for option in verb.options}
    known = set(cli_options(verb.name)) - {"--bounds"}  # another name of --aoi
    assert known - set(commands.NOT_OFFERED) == offered


def test_nothing_is_left_out_that_there_is_not():
    known = {flag for verb in commands.VERBS for flag in cli_options(verb.name)}
    assert set(commands.NOT_OFFERED) <= known


def test_command_has_what_was_filled_in_and_nothing_else():
    values = {
        "THRESHOLD": 0.35, "TTA": "none", "MODEL": "", "LOW_THRESHOLD": None, "NATIVE_GSD": False,
        "OVERWRITE": True, "WORKERS": 0, "SETTINGS": "vector.min_spur_m=20\n\n cluster.retries=1 ",
    }  # fmt: skip
    line = commands.command_line(
        "/env/bin/roadex", commands.RUN, ["a b.tif"], "out", values, area="area.geojson"
    )
    assert line == [
        "/env/bin/roadex", "run", "a b.tif", "-o", "out", "--aoi", "area.geojson",
        "--threshold", "0.35", "--tta", "none", "--workers", "0",
        "--set", "vector.min_spur_m=20", "--set", "cluster.retries=1", "--overwrite",
    ]  # fmt: skip


@pytest.mark.parametrize("verb", commands.VERBS, ids=lambda verb: verb.name)
def test_full_command_is_understood_by_the_command_line(verb):
    samples = {"number": 0.4, "integer": 64, "text": "1,2,3", "lines": "a=1\nb=2", "file": "x",
               "flag": True}  # fmt: skip
    values = {o.name: samples.get(o.kind) or o.choices[0] for o in verb.options}
    inputs = ["a", "b"] if verb is commands.COMPARE else ["a"]
    line = commands.command_line("roadex", verb, inputs, "out", values)
    command = cli.get_command(click.Context(cli), verb.name)
    parser = command.make_parser(click.Context(command))
    given, rest, _ = parser.parse_args(line[2:])
    assert len(given) >= len(verb.options)
    assert not [word for word in rest if word.startswith("-")]


def test_message_names_the_parameter_of_an_option():
    text = "roads.gpkg exists already. Choose another name, or add --overwrite"
    told = commands.with_titles(text, commands.REBUILD)
    assert told == f"{text} (--overwrite is 'Replace existing results' here)"
    assert (
        commands.with_titles("no --overwritten here", commands.REBUILD) == "no --overwritten here"
    )


# Messages.


def hear(listener: messages.Listener, text: str) -> list[messages.Message]:
    heard = [listener.hear(line) for line in text.splitlines()]
    return [message for message in heard if message is not None]


def test_progress_follows_the_log_lines_of_a_run():
    clock = iter(range(0, 10_000, 20))  # every step is worth a line
    stream = io.StringIO()
    watch = Stopwatch(LogDisplay(stream, now=lambda: next(clock)))
    with watch.stage("plan"):
        pass
    with watch.stage("predict", 4):
        watch.advance("predict", 1)
        watch.advance("predict", 2)
    listener = messages.Listener(commands.RUN.stages)
    percents = []
    for line in stream.getvalue().splitlines():
        listener.hear(line)
        percents.append(listener.percent)
    share = commands.RUN.stages["predict"]
    plan = commands.RUN.stages["plan"]
    assert percents == sorted(percents)
    assert percents[-1] == pytest.approx(plan + share * 3 / 4)
    assert plan + share / 4 in percents


def test_shares_of_stages_are_percent():
    for verb in commands.VERBS:
        assert sum(verb.stages.values()) in (0, 100)


def test_stage_that_was_not_needed_counts_as_done():
    listener = messages.Listener(commands.RUN.stages)
    hear(listener, "2026-01-01 10:00:00 vectorize started")
    stages = commands.RUN.stages
    assert listener.percent == stages["plan"] + stages["predict"] + stages["stitch"]


def test_log_has_no_times_and_knows_warnings():
    listener = messages.Listener(commands.RUN.stages)
    heard = hear(
        listener,
        "2026-01-01 10:00:00 warning: bands look swapped\n\nWarning: no GPU\n"
        "2026-01-01 10:00:00 error: tile r0 c1: cannot be read\n  /out/roads.gpkg\n",
    )
    assert heard == [
        messages.Message("warning: bands look swapped", messages.WARNING),
        messages.Message("Warning: no GPU", messages.WARNING),
        messages.Message("error: tile r0 c1: cannot be read", messages.ERROR),
        messages.Message("  /out/roads.gpkg", messages.INFO),
    ]


def test_failure_is_the_one_line_of_the_command_line(program_file):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom roadex.cli import main\nmain()"
    listener = messages.Listener({})
    ended = program.run(
        [str(program_file(code)), "rebuild", "missing.gpkg"], listener.hear, lambda: False
    )
    assert ended == program.Ended(2, is_cancelled=False)
    assert listener.failure(ended.code) == "missing.gpkg does not exist"


def test_failure_of_a_bug_is_its_last_line_and_the_log_has_the_rest():
    listener = messages.Listener({})
    text = 'Traceback (most recent call last):\n  File "x.py", line 1\nKeyError: "u"'
    assert len(hear(listener, text)) == 3
    assert listener.failure(1) == (
        'roadex failed unexpectedly: KeyError: "u" (the log has the traceback)'
    )


def test_failure_without_a_word_has_the_exit_code():
    assert messages.Listener({}).failure(1) == "roadex ended with exit code 1: it said nothing"
    assert "signal 9" in messages.Listener({}).failure(-9)


# The program.


def test_roadex_is_found_on_the_search_path(program_file, monkeypatch):
    path = program_file("")
    monkeypatch.setenv("PATH", str(path.parent))
    assert program.find("") == str(path)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(program.ProgramError, match="no roadex on the search path"):
        program.find(None)


def test_folder_of_an_environment_will_do(program_file, tmp_path):
    path = program_file("", "env/bin/roadex")
    assert program.find(str(tmp_path / "env")) == str(path)


def test_wrong_path_is_one_line_that_says_where_to_correct_it(tmp_path):
    with pytest.raises(program.ProgramError, match=r"nowhere does not exist.*Providers") as error:
        program.find(str(tmp_path / "nowhere"))
    assert "\n" not in str(error.value)


def test_version_is_asked_for(program_file):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom roadex.cli import main\nmain()"
    assert program.check(str(program_file(code))) == roadex.__version__


def test_another_program_is_told_from_roadex(program_file):
    other = program_file("import sys; sys.exit('unknown option --version')")
    with pytest.raises(program.ProgramError, match=r"is not roadex: .* unknown option --version"):
        program.check(str(other))
    other.chmod(0o644)
    with pytest.raises(program.ProgramError, match="cannot be run"):
        program.check(str(other))


def test_variables_of_qgis_do_not_reach_roadex():
    variables = {"PYTHONHOME": "/qgis", "PROJ_LIB": "/qgis", "GDAL_DATA": "/qgis", "HOME": "/home"}
    kept = program.environment(variables)
    assert kept["HOME"] == "/home"
    assert not {"PYTHONHOME", "PROJ_LIB", "GDAL_DATA"} & set(kept)


def test_cancelled_program_is_interrupted_as_by_ctrl_c(program_file):
    code = (
        "import time\nprint('working', flush=True)\n"
        "try:\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('tidied up', flush=True)\n    raise SystemExit(130)\n"
    )
    lines: list[str] = []
    ended = program.run([str(program_file(code))], lines.append, lambda: "working" in lines)
    assert ended == program.Ended(130, is_cancelled=True)
    assert lines == ["working", "tidied up"]


def test_program_that_does_not_listen_is_ended_all_the_same(program_file):
    code = (
        "import signal, time\n"
        "for kind in (signal.SIGINT, signal.SIGTERM):\n    signal.signal(kind, signal.SIG_IGN)\n"
        "print('working', flush=True)\ntime.sleep(60)\n"
    )
    lines: list[str] = []
    began = time.monotonic()
    ended = program.run(
        [str(program_file(code))], lines.append, lambda: "working" in lines, grace_s=0.3
    )
    assert ended == program.Ended(-signal.SIGKILL, is_cancelled=True)
    assert time.monotonic() - began < 30


def test_last_lines_of_a_program_are_heard(program_file):
    code = "import sys\nfor i in range(2000): print(i)\nprint('é', file=sys.stderr)"
    lines: list[str] = []
    ended = program.run([str(program_file(code))], lines.append, lambda: False)
    assert ended.code == 0
    assert [line for line in lines if line != "é"] == [str(i) for i in range(2000)]
    assert "é" in lines


def test_program_that_does_not_start_is_one_line(tmp_path):
    with pytest.raises(program.ProgramError, match="cannot be run"):
        program.run([str(tmp_path / "nothing")], print, lambda: False)


def test_windows_gets_a_group_to_interrupt_and_no_console(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    for name, value in (("CREATE_NEW_PROCESS_GROUP", 0x200), ("CREATE_NO_WINDOW", 0x8000000)):
        monkeypatch.setattr(program.subprocess, name, value, raising=False)
    assert program._own_group() == {"creationflags": 0x8000200}
    sent: list[object] = []

    class Process:
        pid = 7

        def send_signal(self, _kind):
            raise OSError

    monkeypatch.setattr(program.signal, "CTRL_BREAK_EVENT", 1, raising=False)
    monkeypatch.setattr(program.subprocess, "run", lambda words, **_: sent.append(words))
    program._interrupt(Process())
    assert sent == [["taskkill", "/T", "/F", "/PID", "7"]]


# The plugin as a file.


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_plugin_imports_qgis_and_what_python_brings_alone(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 9))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.split(".")[0])
    assert names <= set(sys.stdlib_module_names) | {"qgis", "processing"}
    if path.stem in ("__init__", "commands", "messages", "program"):
        assert not names & {"qgis", "processing"}


def test_package_does_not_hold_the_plugin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["roadex"]
    for path in (ROOT / "roadex").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) (qgis|roadex_provider)", path.read_text(), re.M)


def metadata_of(archive: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    with zipfile.ZipFile(archive) as file:
        parser.read_string(file.read("roadex_provider/metadata.txt").decode())
    return parser["general"]


def test_archive_holds_one_folder_with_all_that_a_plugin_needs(tmp_path):
    path = package.write_plugin(tmp_path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert path.name == f"roadex_provider-{roadex.__version__}.zip"
    assert {name.split("/")[0] for name in names} == {"roadex_provider"}
    assert {Path(name).name for name in names} == {
        *(module.name for module in MODULES), "metadata.txt", "icon.svg", "LICENSE",
    }  # fmt: skip


def test_equal_code_makes_equal_archives(tmp_path):
    first = package.write_plugin(tmp_path / "a").read_bytes()
    os.utime(WORKFLOW / "roadex_provider" / "icon.svg")
    assert package.write_plugin(tmp_path / "b").read_bytes() == first


def test_metadata_says_what_the_plugin_manager_asks(tmp_path):
    general = metadata_of(package.write_plugin(tmp_path))
    assert general["version"] == roadex.__version__
    assert general.getboolean("hasProcessingProvider")
    assert (general["qgisMinimumVersion"], general["qgisMaximumVersion"]) == ("3.22", "4.99")
    assert (WORKFLOW / "roadex_provider" / general["icon"]).exists()
    assert "<" not in general["about"]


def test_published_archive_has_every_required_field(tmp_path):
    path = package.write_plugin(
        tmp_path, repository="https://example.org/roadex/", email="roadex@example.org"
    )
    general = metadata_of(path)
    assert all(general[field] for field in REQUIRED)
    assert general["tracker"] == "https://example.org/roadex/issues"
