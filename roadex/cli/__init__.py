"""The ``roadex`` command: one verb, one file, loaded when it is called.

``roadex --help`` must answer at once, so a verb's module is imported only when that verb runs, and
imports torch, rasterio and the rest inside its function.
"""

from __future__ import annotations

import sys
import traceback
from importlib import import_module

import click

from roadex import __version__
from roadex.errors import RoadexError

VERBS = {
    "run": "Scenes in, road network out: the main job.",
    "predict": "Scenes in, road probability out.",
    "vectorize": "Road probability or mask in, road network out.",
    "plan": "Say what a run would do and take: tiles, time, memory, disk.",
    "score": "Compare roads with the truth.",
    "train": "Labelled imagery in, model file out.",
    "models": "List, show, import, average, tune and export models.",
    "generate": "Write generated scenes with known roads, to train on.",
    "align": "Move labels to the roads of the imagery, to train on.",
    "merge": "Join the networks of neighbouring scenes.",
    "compare": "Compare a network with a reference: what either lacks.",
    "convert": "Write a network in the format of JOSM, osmnx, MapRoulette and others.",
    "demo": "Run everything on a generated scene with known roads.",
    "doctor": "See whether everything is here that roadex needs.",
}
"""Verb to its one-line help. The verb lives in ``roadex/cli/VERB.py`` as a command named VERB."""

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


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
@click.version_option(__version__, prog_name="roadex")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, verbose: bool) -> None:
    """Road networks from satellite and aerial imagery.

    \b
    Example:
      roadex run scene.tif -o out
    """
    ctx.obj = {"verbose": verbose}


def main() -> None:
    """Run the command line; user errors become one line on standard error and exit code 2."""
    verbose = "-v" in sys.argv or "--verbose" in sys.argv
    try:
        sys.exit(cli.main(standalone_mode=False, prog_name="roadex") or 0)
    except click.exceptions.Exit as exit_request:
        sys.exit(exit_request.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USER_ERROR)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. The same command goes on where it stopped.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except RoadexError as error:
        if verbose:
            traceback.print_exc()
        else:
            click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_USER_ERROR)
