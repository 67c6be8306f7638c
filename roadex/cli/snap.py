"""``roadex snap``: rough lines in, lines along the roads out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config import SnapConfig


@click.command()
@click.argument("probability", metavar="OUT", type=click.Path(path_type=Path))
@click.argument("lines", type=click.Path(path_type=Path))
@opt.output("snapped.gpkg", help="GeoPackage to write.")
@opt.setting("--search", path="search_m", kind=SnapConfig)
@opt.OVERWRITE
def snap(probability: Path, lines: Path, output: Path, overwrite: bool, **options: Any) -> None:
    """Lead rough lines along the roads that the road probability shows.

    OUT is the folder of a run, or a raster of road probability. LINES is a file of lines drawn with
    a few clicks each: every line follows the most likely road from vertex to vertex. Lines that
    leave the raster, or have vertices more than 1200 pixels apart, stay as they are (column
    snapped). prob_mean says how likely the others are.

    \b
    Examples:
      roadex snap out rough.gpkg -o snapped.gpkg
      roadex snap out rough.gpkg --search 15
    """
    from roadex.cli.display import plain_console
    from roadex.network.line_reader import read_line_table
    from roadex.network.snapping import snap_lines
    from roadex.outputs.snapped import write_snapped
    from roadex.outputs.whole import check_place
    from roadex.pipeline.result import ResultPaths
    from roadex.probability.source import RasterSource

    search_m = opt.read_options(SnapConfig, options).search_m
    raster = ResultPaths(probability).probability if probability.is_dir() else probability
    check_place(output, overwrite=overwrite, inputs=[lines, raster])
    source = RasterSource.open(raster)
    snapped = snap_lines(read_line_table(str(lines)), source, search_m=search_m)
    provenance = {"snapped_from": lines.name, "probability": raster.name, "search_m": search_m}
    write_snapped(snapped, output, provenance=provenance, overwrite=overwrite)
    plain_console().print(
        f"{int(snapped['snapped'].sum()):,} of {len(snapped):,} lines led along the probability"
        f"\n  {output}",
        highlight=False,
        soft_wrap=True,
    )
