"""``roadex predict``: scenes in, road probability out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt


@click.command()
@click.argument("scenes", nargs=-1, required=True, metavar="SCENE...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("probability.tif"),
    show_default=True,
    help="Raster to write, or the folder for the masks of a dataset.",
)
@opt.with_options(opt.PREDICT, opt.TILE_SIZE, opt.CLUSTER, opt.CONFIG, opt.SET, opt.OVERWRITE)
def predict(scenes: tuple[str, ...], output: Path, overwrite: bool, **options: Any) -> None:
    """Compute road probability.

    The result is a Cloud Optimized GeoTIFF, uint8: 0 to 254 is probability times 254, 255 is
    nodata. A run that was stopped goes on where it was when the same command is given again.

    \b
    Examples:
      roadex predict scene.tif -o probability.tif
      roadex predict tiles/*.tif -o probability.tif --tta none --tile-size 2048
    """
    from rich.console import Console

    from roadex.cli.display import Bars, show_warnings
    from roadex.pipeline.predict_scene import predict_scene

    console = Console()
    with Bars(Console(stderr=True)) as bars:
        plan = predict_scene(
            scenes, output, config=opt.build_config(options), overwrite=overwrite, display=bars
        )
    show_warnings(plan.warnings, console)
    console.print(f"  {output}", highlight=False, soft_wrap=True)
