"""``roadex vectorize``: road probability or mask in, road network out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config.verbs import VECTORIZE


@click.command()
@click.argument("rasters", nargs=-1, required=True, metavar="RASTER...")
@opt.output("roads.gpkg", help="Network to write; the suffix chooses the format.")
@click.option(
    "--reading",
    type=click.Choice(["auto", "roadex", "fraction", "percent", "byte", "mask", "class"]),
    default="auto",
    show_default=True,
    help="Meaning of the raster's values.",
)
@click.option("--class-value", type=int, help="Value of roads in a raster of classes.")
@click.option(
    "--band", type=click.IntRange(min=1), default=1, show_default=True, help="Band of the raster."
)
@click.option(
    "--tile-size",
    type=click.IntRange(min=64),
    metavar="PIXELS",
    help="Side of the tiles; does not change the network.  [default: 2048]",
)
@opt.with_options(opt.THRESHOLDS, opt.CLUSTER, opt.CONFIG, opt.SET, opt.OVERWRITE, opt.PROGRESS)
def vectorize(
    rasters: tuple[str, ...],
    output: Path,
    reading: str,
    class_value: int | None,
    band: int,
    tile_size: int | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Turn a road probability raster or mask into a road network.

    RASTER is a result of `roadex predict`, or of another tool: probability from 0 to 1, 0 to 100
    or 0 to 255, a mask, or a raster of classes. Several, such as those of a batch, become one
    network: roads go on across borders, and those in an overlap are there once.

    \b
    Examples:
      roadex vectorize probability.tif -o roads.gpkg
      roadex vectorize classes.tif --class-value 7 -o roads.parquet
      roadex vectorize batch/*/probability.tif -o region.gpkg
      roadex vectorize mask.tif --set vector.min_spur_m=20 -o roads.geojson
    """
    from roadex.cli.display import plain_console
    from roadex.pipeline.vectorize import TILE_SIZE, vectorize_rasters

    console = plain_console()
    with opt.show_progress(options) as display:
        network, explanation = vectorize_rasters(
            rasters,
            output,
            config=opt.read_settings(VECTORIZE, options),
            reading=reading,
            class_value=class_value,
            band=band,
            tile_size=tile_size or TILE_SIZE,
            overwrite=overwrite,
            progress=display,
        )
    road_km = network.edges["length_m"].sum() / 1000
    console.print(explanation, highlight=False)
    console.print(f"{road_km:,.1f} km of road in {len(network.edges):,} edges", highlight=False)
    console.print(f"  {output}", highlight=False, soft_wrap=True)
