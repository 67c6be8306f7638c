"""``roadex convert``: a network in the format another program wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt


@click.command()
@click.argument("network", type=click.Path(path_type=Path))
@opt.output("roads.osm", help="File to write; its ending chooses the format.")
@click.option("--crs", metavar="EPSG:CODE", help="CRS of the result.  [default: the network's]")
@click.option(
    "--source", metavar="NAME", help="Name of the imagery, for OpenStreetMap and Overture files."
)
@opt.with_options(opt.OVERWRITE)
def convert(
    network: Path, output: Path, crs: str | None, source: str | None, overwrite: bool, **_: Any
) -> None:
    """Write a network in the format of another program.

    NETWORK is a file of roadex, or the folder of a run.

    \b
    Formats, by the ending of the file:
      .gpkg .parquet .fgb .geojson .shp .csv   GIS and tables
      .graphml             osmnx and networkx, both directions, routes at once
      .osm                 JOSM: new roads, to be looked at before any upload
      .maproulette.json    MapRoulette: one task a road
      .overture.parquet    Overture Maps, theme transportation
      .pmtiles .kml        web maps, Google Earth

    \b
    Examples:
      roadex convert out -o roads.graphml
      roadex convert roads.gpkg -o roads.osm --source "City orthophoto 2024"
      roadex convert roads.gpkg -o roads.parquet --crs EPSG:4326
    """
    from rich.console import Console

    from roadex.config import OutputConfig
    from roadex.network.road_network import RoadNetwork
    from roadex.outputs import check_target, write_network

    check_target(output, overwrite=overwrite)
    found = RoadNetwork.read(network)
    if crs is not None:
        found = found.to_crs(crs)
    config = OutputConfig(source=source or "")
    provenance = {"converted_from": network.name, "name": network.stem}
    write_network(found, output, provenance=provenance, overwrite=overwrite, config=config)
    Console().print(f"{len(found.edges):,} roads  {output}", highlight=False, soft_wrap=True)
