"""``roadex doctor``: look whether everything is here that roadex needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command()
@opt.with_options(opt.CLUSTER, opt.STORE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def doctor(as_json: bool, **options: Any) -> None:
    """Look at what roadex needs: packages, GPU, GDAL, memory, disk, cluster and store.

    With --scheduler the workers there are counted and their version compared, with --store
    something is written to it and removed again. The exit code is 2 if anything failed.

    \b
    Examples:
      roadex doctor
      roadex doctor --scheduler tcp://cluster:8786 --store s3://bucket/tiles
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from roadex.errors import RunError
    from roadex.pipeline.doctor import BAD, examine

    checks = list(examine(opt.build_config(options).cluster, Path.cwd()))
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        table = Table(show_header=False, box=None, pad_edge=False)
        for check in checks:
            colour = _COLOURS[check.state]
            table.add_row(check.name, f"[{colour}]{check.state}[/{colour}]", escape(check.detail))
        Console().print(table, highlight=False)
    bad = [check.name for check in checks if check.state == BAD]
    if bad:
        msg = f"not in order: {', '.join(bad)}"
        raise RunError(msg)
