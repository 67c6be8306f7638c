"""``roadex convert``: a network in the format another program wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config.verbs import CONVERT


@click.command()
@click.argument("network", type=click.Path(path_type=Path))
@opt.output("roads.osm", help="File to write; the suffix chooses the format.")
@click.option("--crs", metavar="EPSG:CODE", help="CRS of the result.  [default: the network's]")
@click.option(
    "--cells",
    "cell_km",
    type=click.FloatRange(min=0, min_open=True),
    metavar="KM",
    help="Write a file per cell of a grid of so many kilometres: FOLDER/CELL/NAME.",
)
@opt.setting("--source", path="output.source", metavar="NAME")
@opt.with_options(opt.CONFIG, opt.SET, opt.OVERWRITE)
def convert(
    network: Path,
    output: Path,
    crs: str | None,
    cell_km: float | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Write a network in the format of another program.

    NETWORK is a file of roadex, or the folder of a run.

    \b
    Formats, by the ending of the file:
      .gpkg .parquet .fgb .geojson .shp .csv   GIS and tables
      .graphml             osmnx and networkx, both directions, ready for routing
      .osm                 JOSM: new roads, to be reviewed before any upload
      .maproulette.json    MapRoulette: one task per road
      .cooperative.maproulette.json   the same, with the road drawn for JOSM
      .overture.parquet    Overture Maps, theme transportation
      .pmtiles .kml        web maps, Google Earth
      others               of installed extensions, listed by roadex doctor

    With --cells, a large network becomes many files: each has the roads whose middle is in its
    cell, whole, so that each road is in one file; cells.json lists them.

    \b
    Examples:
      roadex convert out -o roads.graphml
      roadex convert roads.gpkg -o roads.osm --source "City orthophoto 2024"
      roadex convert roads.gpkg -o roads.parquet --crs EPSG:4326
      roadex convert roads.gpkg -o cells/roads.parquet --cells 25
    """
    from roadex.cli.display import plain_console
    from roadex.network.road_network import RoadNetwork
    from roadex.network.tables import require_whole
    from roadex.outputs import check_target, write_network
    from roadex.outputs.partitions import write_cells

    if cell_km is None:
        check_target(output, overwrite=overwrite, inputs=[network])
    found = RoadNetwork.read(network)
    require_whole(found.edges, found.nodes, str(network))
    if crs is not None:
        found = found.to_crs(crs)
    config = opt.read_settings(CONVERT, options).output
    provenance = {"converted_from": network.name, "name": network.stem}
    if cell_km is not None:
        cells = write_cells(
            found, output, size_m=1000 * cell_km, provenance=provenance, overwrite=overwrite,
            config=config,
        )  # fmt: skip
        text = f"{len(found.edges):,} roads in {len(cells):,} cells  {output.parent}"
        plain_console().print(text, highlight=False, soft_wrap=True)
        return
    write_network(found, output, provenance=provenance, overwrite=overwrite, config=config)
    plain_console().print(f"{len(found.edges):,} roads  {output}", highlight=False, soft_wrap=True)
