"""``roadex doctor``: check the installation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config.verbs import DOCTOR

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command()
@opt.with_options(opt.CLUSTER, opt.GPUS, opt.STORE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def doctor(as_json: bool, **options: Any) -> None:
    """Check the installation: packages, GPU, GDAL, memory, disk, cluster and store.

    With --scheduler, its workers are counted and their version compared; with --store, a file is
    written there and removed. The exit code is 2 if a check failed.

    \b
    Examples:
      roadex doctor
      roadex doctor --scheduler tcp://cluster:8786 --store s3://bucket/tiles
    """
    import json
    from dataclasses import asdict

    from rich.table import Table
    from rich.text import Text

    from roadex.cli.display import plain_console
    from roadex.errors import RunError
    from roadex.pipeline.doctor import FAILED, check_installation

    checks = list(check_installation(opt.read_settings(DOCTOR, options).cluster, Path.cwd()))
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        table = Table(show_header=False, box=None, pad_edge=False)
        for check in checks:
            table.add_row(check.name, Text(check.state, _COLOURS[check.state]), check.detail)
        plain_console().print(table, highlight=False)
    bad = [check.name for check in checks if check.state == FAILED]
    if bad:
        msg = f"checks failed: {', '.join(bad)}"
        raise RunError(msg)
