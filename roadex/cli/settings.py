"""``roadex settings``: the settings of a command."""

from __future__ import annotations

import click

from roadex.config.verbs import VERB_SETTINGS


@click.command()
@click.argument("verb", type=click.Choice(list(VERB_SETTINGS)), default="run", metavar="[COMMAND]")
@click.option("--toml", "as_toml", is_flag=True, help="Print a commented settings file.")
@click.option("--schema", is_flag=True, help="Print a JSON schema, for editors that check TOML.")
def settings(verb: str, as_toml: bool, schema: bool) -> None:
    """List the settings of a command: name, default, unit, meaning.

    COMMAND is run (the default), predict, vectorize, plan, merge, demo, train or score. Settings
    are given as --set NAME=VALUE, or in a TOML file with --config.

    \b
    Examples:
      roadex settings
      roadex settings train
      roadex settings run --toml > run.toml
      roadex settings run --schema > run.schema.json
    """
    import json

    from roadex.config.describe import json_schema, toml_template

    chosen = VERB_SETTINGS[verb]
    if as_toml:
        click.echo(toml_template(chosen.kind, chosen.uses))
    elif schema:
        click.echo(json.dumps(json_schema(chosen.kind, chosen.uses), indent=1))
    else:
        _show(verb)


def _show(verb: str) -> None:
    from rich.table import Table

    from roadex.cli.display import plain_console
    from roadex.config.describe import describe

    chosen = VERB_SETTINGS[verb]
    table = Table(box=None, pad_edge=False)
    for column in ("name", "default", "unit", "meaning"):
        table.add_column(column, overflow="fold")
    for setting in describe(chosen.kind, chosen.uses):
        row = (setting.path, setting.default_text, setting.unit, setting.meaning)
        table.add_row(*row)
    plain_console().print(table, highlight=False)
