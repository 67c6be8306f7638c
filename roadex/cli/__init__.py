"""The ``roadex`` command: one verb, one file, loaded when it is called.

``roadex --help`` must answer at once, so a verb's module is imported only when that verb runs, and
imports torch, rasterio and the rest inside its function.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from importlib import import_module
from types import TracebackType

import click

from roadex.errors import IncompleteError, RoadexError, one_line, public_text

VERBS = {
    "run": "Extract the road network of a scene, or of many.",
    "predict": "Compute road probability.",
    "vectorize": "Turn road probability or a mask into a road network.",
    "plan": "Show the plan and cost of a run: tiles, time, memory, disk.",
    "score": "Compare roads with the truth.",
    "assess": "Estimate from a sample how complete and correct a network is.",
    "train": "Train a model on labelled imagery.",
    "models": "List, show, import, average, tune and export models.",
    "generate": "Write synthetic scenes with known roads, to train on.",
    "correct": "Teach a model with the corrections of a network.",
    "align": "Move labels to the roads of the imagery, to train on.",
    "merge": "Join the networks of neighbouring scenes.",
    "snap": "Lead rough lines along the roads of the probability.",
    "view": "Look at a run in the browser, and review its roads.",
    "rebuild": "Restore the topology of a network edited by hand.",
    "compare": "Compare a network with a reference: what each lacks.",
    "change": "Tell which roads appeared and vanished between two dates.",
    "convert": "Write a network in the format of JOSM, osmnx, MapRoulette and others.",
    "settings": "List the settings of a command, with defaults and units.",
    "demo": "Run everything on a synthetic scene with known roads.",
    "doctor": "Check the installation.",
}
"""Verb to its one-line help. The verb lives in ``roadex/cli/VERB.py`` as a command named VERB."""

EXIT_USER_ERROR = 2
"""The command, its input or a setting is wrong, or the work failed."""

EXIT_INCOMPLETE = 3
"""Results are there but parts are missing: the same command does those."""

EXIT_INTERRUPTED = 130


def _set_verbose(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(dict)["verbose"] = True


VERBOSE = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    callback=_set_verbose,
    help="Show the traceback of an error.",
)


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = getattr(import_module(f"roadex.cli.{name}"), name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="roadex", prog_name="roadex")
@VERBOSE
def cli() -> None:
    """Road networks from satellite and aerial imagery.

    \b
    Example:
      roadex run scene.tif -o out

    Exit codes: 0 done; 2 wrong command or failure; 3 incomplete, run the same command again; 130
    interrupted.
    """


def _wrong_command(error: click.ClickException) -> str:
    """Return what is wrong with a command, and where its options are listed."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return message if context is None else f"{message}. See `{context.command_path} --help`"


def _quieten_libraries() -> None:
    """Keep warnings of GDAL off the terminal; what matters of them comes as errors and notes.

    GDAL writes them to the file descriptor itself wherever rasterio does not listen, and rasterio
    itself complains, past its caller, of those that quote bytes that are no text (as of 1.4.4).
    """
    if "CPL_DEBUG" not in os.environ:
        os.environ.setdefault("CPL_LOG", os.devnull)
    sys.unraisablehook, sys.excepthook = _tell_unraisable, _tell_uncaught


def _tell_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    if not isinstance(unraisable.exc_value, UnicodeDecodeError):
        sys.__unraisablehook__(unraisable)


def _tell_uncaught(
    kind: type[BaseException], error: BaseException, where: TracebackType | None
) -> None:
    # What comes from compiled code alone has no traceback.
    if where is not None or not issubclass(kind, UnicodeDecodeError):
        sys.__excepthook__(kind, error, where)


def _end_as_by_ctrl_c() -> None:
    """Let whoever ends the program give it the time to clean up: batch systems, a closed terminal.

    What is ignored stays so: under ``nohup`` a program outlives its terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def main() -> None:
    """Run the command line; user errors become one line on standard error and an exit code."""
    _quieten_libraries()
    _end_as_by_ctrl_c()
    state: dict[str, bool] = {}
    try:
        sys.exit(cli.main(standalone_mode=False, prog_name="roadex", obj=state) or 0)
    except click.exceptions.Exit as exit_request:
        sys.exit(exit_request.exit_code)
    except click.ClickException as error:
        click.echo(f"Error: {one_line(public_text(_wrong_command(error)))}", err=True)
        sys.exit(EXIT_USER_ERROR)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. Run the same command again to resume.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except RoadexError as error:
        if state.get("verbose"):
            traceback.print_exc()
        else:
            click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_INCOMPLETE if isinstance(error, IncompleteError) else EXIT_USER_ERROR)
