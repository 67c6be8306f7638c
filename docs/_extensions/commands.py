"""The directive ``commands``: every command of the command line, from its own help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from itertools import zip_longest

import click
from from_code import FromCode
from sphinx.application import Sphinx

from roadex.cli import cli

_OPTION = re.compile(r"(?<![\w`])(--[a-z][a-z-]*)")


class Commands(FromCode):
    """All commands: usage, what they do, examples, arguments and options."""

    optional_arguments = 0

    def lines(self) -> Iterator[str]:
        """Yield a section for each command; those of a group stand below it."""
        context = click.Context(cli, info_name="roadex", **cli.context_settings)
        for name in cli.list_commands(context):
            command = cli.get_command(context, name)
            yield from _section(command, click.Context(command, context, info_name=name), "##")


def _section(command: click.Command, context: click.Context, level: str) -> Iterator[str]:
    yield from (f"{level} roadex {context.command_path.removeprefix('roadex ')}", "")
    usage = " ".join(command.collect_usage_pieces(context))
    yield from ("```text", f"{context.command_path} {usage}", "```", "")
    yield from _help(command)
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _section(inner, click.Context(inner, context, info_name=name), "###")


def _help(command: click.Command) -> Iterator[str]:
    """Yield the paragraphs of a help text; those that keep their lines are examples."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b\n"):
            _, title, *examples = paragraph.splitlines()
            yield from (title, "", "```bash", *map(str.strip, examples), "```", "")
        else:
            yield from (_as_text(paragraph), "")


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the options as entries that can be linked to and searched for."""
    yield from ("```{eval-rst}", f".. program:: {context.command_path}", "")
    for option in command.get_params(context):
        record = option.get_help_record(context) if isinstance(option, click.Option) else None
        if record is not None and option.name != "help":
            names, text = record
            yield from (f".. option:: {names.replace(' / ', ', ')}", "")
            yield from (f"   {_as_rst(text)}", "")
    yield from ("```", "")


def _as_text(text: str) -> str:
    """Return a paragraph as Markdown, options as code."""
    return _OPTION.sub(r"`\1`", re.sub(r"([*_<>])", r"\\\1", " ".join(text.split())))


def _as_rst(text: str) -> str:
    """Return the help of an option as reStructuredText, options and what is quoted as code."""
    parts = " ".join(text.split()).split("`")
    # An address in a help text is an example, not a link.
    plain = [_OPTION.sub(r"``\1``", part.replace("*", "\\*")) for part in parts[::2]]
    quoted = [f"``{part}``" for part in parts[1::2]]
    whole = "".join(part for pair in zip_longest(plain, quoted, fillvalue="") for part in pair)
    return whole.replace("://", ":\\ //")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
