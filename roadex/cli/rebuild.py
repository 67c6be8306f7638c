"""``roadex rebuild``: an edited network in, a sound one out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config import RebuildConfig
from roadex.config.verbs import REBUILD


@click.command()
@click.argument("network", metavar="NETWORK")
@opt.output("rebuilt.gpkg", help="Network to write; the suffix chooses the format.")
@opt.setting("--snap", path="snap_m", kind=RebuildConfig)
@opt.with_options(opt.CONFIG, opt.SET, opt.OVERWRITE)
def rebuild(network: str, output: Path, overwrite: bool, **options: Any) -> None:
    """Restore the topology of a network that was edited by hand.

    NETWORK is a GeoPackage of roadex whose layer road_edges was edited, in QGIS for example: lines
    drawn, deleted, split or moved. Lines are joined where they meet, cut where they cross, and get
    new ids and lengths. All crossings become junctions.

    \b
    Examples:
      roadex rebuild edited.gpkg
      roadex rebuild edited.gpkg -o roads.gpkg --snap 2
    """
    from roadex.cli.display import plain_console, show_warnings
    from roadex.network.edited import rebuild as rebuild_edited
    from roadex.outputs import check_target, write_network

    config = opt.read_settings(REBUILD, options)
    snap_m = opt.read_options(RebuildConfig, options).snap_m
    check_target(output, overwrite=overwrite, inputs=[network])
    rebuilt = rebuild_edited(network, snap_m=snap_m)
    provenance = {"rebuilt_from": Path(network).name, "snap_m": snap_m}
    write_network(rebuilt, output, provenance=provenance, overwrite=overwrite, config=config.output)
    console = plain_console()
    show_warnings(rebuilt.summary["notes"], console)
    console.print(
        f"{rebuilt.summary['length_km']:,.1f} km of road in {len(rebuilt.edges):,} edges, "
        f"{len(rebuilt.nodes):,} nodes",
        highlight=False,
    )
    console.print(f"  {output}", highlight=False, soft_wrap=True)
