"""``roadex run``: scenes in, road network out."""

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
    default=Path("out"),
    show_default=True,
    help="Folder for the results.",
)
@opt.with_options(
    opt.PREDICT, opt.TILE_SIZE, opt.CLUSTER, opt.STORE, opt.CONFIG, opt.SET, opt.OVERWRITE
)
def run(scenes: tuple[str, ...], output: Path, overwrite: bool, **options: Any) -> None:
    """Extract the road network of a scene.

    SCENE is any raster GDAL opens; several form one mosaic. Into the output folder go roads.gpkg
    (open it in QGIS: it is styled), probability.tif, preview.png and report.json. A run that was
    stopped goes on where it was when the same command is given again.

    \b
    Examples:
      roadex run scene.tif -o out
      roadex run tiles/*.tif -o out --tta none
      roadex run scene.tif -o out --scheduler tcp://cluster:8786 --model my.safetensors
    """
    from rich.console import Console

    from roadex.cli.display import Bars, show_result
    from roadex.pipeline.extract import extract

    console = Console()
    with Bars(Console(stderr=True)) as bars:
        result = extract(
            list(scenes),
            output,
            config=opt.build_config(options),
            overwrite=overwrite,
            display=bars,
        )
    show_result(result, console)
