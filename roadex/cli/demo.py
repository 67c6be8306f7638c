"""``roadex demo``: everything on a generated scene with known roads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadex.cli import options as opt
from roadex.config import DemoConfig

if TYPE_CHECKING:
    from rich.console import Console

    from roadex.pipeline.demo import DemoResult

_DEFAULTS = DemoConfig()


@click.command()
@opt.output("demo", help="Folder for the results.")
@click.option(
    "--seed",
    type=int,
    default=_DEFAULTS.seed,
    show_default=True,
    help="Another number is another place.",
)
@click.option(
    "--size",
    type=int,
    default=_DEFAULTS.size,
    show_default=True,
    metavar="PIXELS",
    help="Rows and columns of the scene, 1 m each.",
)
@opt.with_options(
    opt.PREDICT, opt.TILE_SIZE, opt.CLUSTER, opt.STORE, opt.CONFIG, opt.SET, opt.OVERWRITE
)
def demo(output: Path, seed: int, size: int, overwrite: bool, **options: Any) -> None:
    """Run everything on a generated scene with known roads.

    Makes an aerial image of a place that does not exist, extracts its road network as roadex run
    does, compares it with the roads that are known to be there, and says where the files are.

    \b
    Examples:
      roadex demo -o demo
      roadex demo -o other --seed 7 --tta none
    """
    from rich.console import Console

    from roadex.cli.display import open_display, show_result
    from roadex.pipeline.demo import run_demo

    console = Console()
    with open_display() as display:
        result = run_demo(
            output,
            demo=DemoConfig(seed=seed, size=size),
            config=opt.build_config(options),
            overwrite=overwrite,
            display=display,
        )
    show_result(result.run, console)
    _show_scores(result, console)


def _show_scores(result: DemoResult, console: Console) -> None:
    """Print how the extracted roads compare with the true ones, and where those are."""
    from rich.table import Table

    table = Table(title=f"{result.true_km:.1f} km of road are there")
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
