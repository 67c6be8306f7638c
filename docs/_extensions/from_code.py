"""Directives that say what the code says: settings, names of the package, columns, formats.

Each writes Markdown, which is then read like the page around it. A name that is new in the code is
on the site with the next build.
"""

from __future__ import annotations

import inspect
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from affine import Affine
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import roadex
from roadex.config.base import Settings
from roadex.config.describe import Setting, describe
from roadex.config.kinds import fields_of, settings_in
from roadex.config.sources import has_effect
from roadex.config.verbs import VERB_SETTINGS, VerbSettings
from roadex.network.tables import EDGE_COLUMNS
from roadex.outputs import WRITERS, write_network
from roadex.scoring.metrics import LINE_METRICS, PIXEL_METRICS


class FromCode(SphinxDirective):
    """A directive whose content is Markdown made from the code."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the nodes of what is written."""
        text = "\n".join(self.lines())
        return self.parse_text_to_nodes(text, allow_section_headings=True)

    def lines(self) -> Iterator[str]:
        """Yield Markdown."""
        raise NotImplementedError


class SettingsTables(FromCode):
    """The settings of a class, a table for each group: ``RunConfig`` or another of the verbs'."""

    required_arguments = 1
    optional_arguments = 0

    def lines(self) -> Iterator[str]:
        """Yield a table of the settings of each group, with the commands they have an effect in."""
        verbs = [verb for verb in VERB_SETTINGS.values() if verb.kind.__name__ == self.arguments[0]]
        if not verbs:
            msg = f"no command takes settings of class {self.arguments[0]!r}"
            raise self.error(msg)
        groups: dict[str, list[Setting]] = {}
        for setting in describe(verbs[0].kind):
            groups.setdefault(setting.path.rpartition(".")[0], []).append(setting)
        for group, members in groups.items():
            used = {member.path: _commands_with(member.path, verbs) for member in members}
            everywhere = max(used.values(), key=len)
            if group:
                yield from (f"### `{group}`", "", _summary(_class_at(verbs[0].kind, group)), "")
            yield from (f"In {', '.join(map(_command, everywhere))}.", "")
            yield from table(
                ["setting", "default", "meaning"],
                [_row(member, used[member.path], everywhere) for member in members],
            )


class ApiEntries(FromCode):
    """The public names of the package: ``functions``, ``classes`` or ``errors``."""

    required_arguments = 1
    optional_arguments = 0

    KINDS: ClassVar = {
        "functions": lambda value: inspect.isfunction(value),
        "classes": lambda value: inspect.isclass(value) and not issubclass(value, Exception),
        "errors": lambda value: inspect.isclass(value) and issubclass(value, Exception),
    }

    def lines(self) -> Iterator[str]:
        """Yield an entry for each name of that kind in ``roadex.__all__``."""
        is_wanted = self.KINDS[self.arguments[0]]
        yield "```{eval-rst}"
        for name in roadex.__all__:
            value = getattr(roadex, name)
            if not is_wanted(value):
                continue
            yield f".. auto{'function' if inspect.isfunction(value) else 'class'}:: roadex.{name}"
            if inspect.isclass(value) and issubclass(value, Settings):
                yield "   :no-members:"
            elif inspect.isclass(value) and issubclass(value, Exception):
                yield from ("   :no-members:", "   :show-inheritance:")
            yield ""
        yield "```"


class LayerTables(FromCode):
    """The layers and columns of a GeoPackage, read from one that is written for this page."""

    optional_arguments = 0

    def lines(self) -> Iterator[str]:
        """Yield a table of the columns of each layer."""
        with tempfile.TemporaryDirectory() as folder:
            path = _small_network(Path(folder))
            with closing(sqlite3.connect(path)) as database:
                seen = yield from self._layers(database)
        missing = [name for name in EDGE_COLUMNS if name not in seen]
        yield from ("Some networks have more columns in `road_edges`:", "")
        yield from table(
            ["column", "title", "meaning"], [[code(n), *EDGE_COLUMNS[n]] for n in missing]
        )

    def _layers(self, database: sqlite3.Connection) -> Iterator[str]:
        seen: set[str] = set()
        layers = database.execute(
            "SELECT table_name, description, geometry_type_name FROM gpkg_contents"
            " JOIN gpkg_geometry_columns USING (table_name) ORDER BY gpkg_contents.rowid"
        ).fetchall()
        for layer, description, geometry in layers:
            described = {
                column: (title, meaning)
                for column, title, meaning in database.execute(
                    "SELECT column_name, title, description FROM gpkg_data_columns"
                    " WHERE table_name = ?", (layer,),
                )
            }  # fmt: skip
            types = database.execute(f"PRAGMA table_info({layer})").fetchall()
            rows = [
                [code(column), kind.lower(), *described[column]]
                for _, column, kind, *_ in types
                if column in described
            ]
            seen |= set(described)
            yield from (f"### `{layer}`", "", f"{description}. Geometry: {geometry.title()}.", "")
            yield from table(["column", "type", "title", "meaning"], rows)
        return seen


class FormatTable(FromCode):
    """The formats a network can be written to."""

    optional_arguments = 0

    def lines(self) -> Iterator[str]:
        """Yield a table of endings and what their writers say of themselves."""
        rows = [[code(ending), _first_line(module)] for ending, module in WRITERS.items()]
        yield from table(["ending", "format"], rows)


class Metrics(FromCode):
    """What the scores of each metric mean: ``lines`` or ``pixels``."""

    required_arguments = 1
    optional_arguments = 0

    KINDS: ClassVar = {"lines": LINE_METRICS, "pixels": PIXEL_METRICS}

    def lines(self) -> Iterator[str]:
        """Yield what the module of each metric says of it, its sources at the end."""
        for name, module in self.KINDS[self.arguments[0]].items():
            said = inspect.cleandoc(import_module(module).__doc__).replace("``", "`")
            said = re.sub(r":mod:`~?[\w.]*?(\w+)`", r"`\1`", said)
            meaning, _, sources = said.partition("\n\nReferences\n----------\n")
            yield from (f"### `{name}`", "", meaning, "")
            for source in re.split(r"^\.\. \[\d+\] ", sources, flags=re.MULTILINE)[1:]:
                yield from (f"Source: {' '.join(source.split())}", "")


class ExitCodes(FromCode):
    """The exit codes of the command line."""

    optional_arguments = 0

    def lines(self) -> Iterator[str]:
        """Yield the codes as the group of all commands explains them."""
        text = inspect.cleandoc(import_module("roadex.cli").cli.help)
        sentence = " ".join(text.partition("Exit codes: ")[2].split()).rstrip(".")
        yield from table(["code", "meaning"], [part.split(" ", 1) for part in sentence.split("; ")])


def code(text: str) -> str:
    """Return text as code."""
    return f"`{text}`" if text else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a Markdown table."""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(['---'] * len(heads))}|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _small_network(folder: Path) -> Path:
    """Write a network of two streets."""
    mask = np.zeros((200, 200), dtype=bool)
    mask[96:104] = mask[:, 56:64] = True
    place = Affine(1, 0, 500_000, 0, -1, 5_400_000)
    network = roadex.vectorize(mask, transform=place, crs="EPSG:32633")
    return write_network(network, folder / "roads.gpkg", provenance={})


def _class_at(kind: type[Settings], path: str) -> Any:
    for name in path.split("."):
        kind = settings_in(fields_of(kind)[name])
    return kind


def _commands_with(path: str, verbs: Sequence[VerbSettings[Any]]) -> tuple[str, ...]:
    """Return the commands in which a setting has an effect."""
    return tuple(verb.verb for verb in verbs if not verb.uses or has_effect(path, verb.uses))


def _row(setting: Setting, used: Sequence[str], everywhere: Sequence[str]) -> list[str]:
    default = setting.unset or code(setting.default_text)
    meaning = setting.meaning
    if setting.choices:
        meaning += f" One of {', '.join(map(code, setting.choices))}."
    if used != everywhere:
        meaning += f" In {', '.join(map(_command, used))} only."
    return [code(setting.path), f"{default} {setting.unit}".strip(), meaning]


def _command(verb: str) -> str:
    return f"[{verb}](cli.md#roadex-{verb})"


def _summary(described: Any) -> str:
    return " ".join(inspect.getdoc(described).partition("\n\n")[0].replace("``", "`").split())


def _first_line(module: str) -> str:
    return import_module(module).__doc__.partition("\n")[0].replace("``", "`")


def _shorter(
    _app: Sphinx, _what: str, _name: str, _object: Any, _options: Any,
    signature: str | None, returned: str | None,
) -> tuple[str | None, str | None]:  # fmt: skip
    """Call an array an array in the signature of a function."""
    array = re.compile(r"~?(?:numpy\.)?ndarray\[~?tuple\[.*?\], ~?(?:numpy\.)?dtype\[[^\]]*\]\]")
    return tuple(text and array.sub("NDArray", text) for text in (signature, returned))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.connect("autodoc-process-signature", _shorter)
    app.add_directive("settings-tables", SettingsTables)
    app.add_directive("api-entries", ApiEntries)
    app.add_directive("layer-tables", LayerTables)
    app.add_directive("format-table", FormatTable)
    app.add_directive("metrics", Metrics)
    app.add_directive("exit-codes", ExitCodes)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
