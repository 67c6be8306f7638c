"""``roadex merge``: networks of several scenes in, one network out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config.verbs import MERGE


@click.command()
@click.argument("networks", nargs=-1, required=True, metavar="NETWORK NETWORK...")
@opt.output("merged.gpkg", help="Network to write; the suffix chooses the format.")
@opt.with_options(opt.CONFIG, opt.SET, opt.OVERWRITE)
def merge(networks: tuple[str, ...], output: Path, overwrite: bool, **options: Any) -> None:
    """Join the networks of neighbouring or overlapping scenes into one.

    Each NETWORK is a GeoPackage of roadex, the most trusted one first: where several show the same
    road, the first one is kept. The result is in the CRS of the first.

    \b
    Examples:
      roadex merge east.gpkg west.gpkg -o county.gpkg
      roadex merge scenes/*/roads.gpkg -o county.gpkg --set merge.join_m=15
    """
    from roadex.cli.display import plain_console, show_warnings
    from roadex.network.merge import merge as merge_networks
    from roadex.outputs import check_target, write_network

    config = opt.read_settings(MERGE, options)
    check_target(output, overwrite=overwrite, inputs=networks)
    network = merge_networks(networks, config=config.merge)
    provenance = {
        "merged_from": [Path(path).name for path in networks],
        "merge": config.merge.to_dict(),
    }
    write_network(network, output, provenance=provenance, overwrite=overwrite, config=config.output)
    console = plain_console()
    show_warnings(network.summary["notes"], console)
    road_km = network.summary["length_km"]
    console.print(
        f"{road_km:,.1f} km of road in {len(network.edges):,} edges from {len(networks)} networks",
        highlight=False,
    )
    console.print(f"  {output}", highlight=False, soft_wrap=True)
