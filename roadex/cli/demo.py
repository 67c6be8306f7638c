"""``roadex demo``: everything on a synthetic scene with known roads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadex.cli import options as opt
from roadex.config import DemoConfig
from roadex.config.verbs import DEMO

if TYPE_CHECKING:
    from rich.console import Console

    from roadex.pipeline.demo import DemoResult


@click.command()
@opt.output("demo", help="Folder for the results.")
@opt.setting("--seed", path="seed", kind=DemoConfig)
@opt.setting("--size", path="size", kind=DemoConfig)
@opt.with_options(
    opt.PREDICT,
    opt.TILE_SIZE,
    opt.CLUSTER,
    opt.GPUS,
    opt.STORE,
    opt.CONFIG,
    opt.SET,
    opt.OVERWRITE,
    opt.PROGRESS,
)
def demo(output: Path, overwrite: bool, **options: Any) -> None:
    """Run everything on a synthetic scene with known roads.

    Makes an aerial image of a place that does not exist, extracts its road network as roadex run
    does, scores it against the known roads, and lists the files.

    \b
    Examples:
      roadex demo -o demo
      roadex demo -o other --seed 7 --tta none
    """
    from roadex.cli.display import plain_console, show_result
    from roadex.pipeline.demo import run_demo

    console = plain_console()
    with opt.show_progress(options) as display:
        result = run_demo(
            output,
            demo=opt.read_options(DemoConfig, options),
            config=opt.read_settings(DEMO, options),
            overwrite=overwrite,
            progress=display,
        )
    show_result(result.run, console, result.run.paths.all)
    _show_scores(result, console)


def _show_scores(result: DemoResult, console: Console) -> None:
    """Print how the extracted roads compare with the true ones, and where those are."""
    from rich.table import Table

    table = Table(title=f"true network: {result.true_km:.1f} km of road")
    table.add_column("metric")
    table.add_column("score")
    table.add_column("value", justify="right")
    for metric, scores in result.scores.items():
        for i, (name, value) in enumerate(scores.items()):
            table.add_row("" if i else metric, name, f"{value:.3f}")
    console.print()
    console.print(table)
    for path in result.scene.values():
        console.print(f"  {path}", highlight=False, soft_wrap=True)
