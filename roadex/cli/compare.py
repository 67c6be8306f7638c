"""``roadex compare``: a network against a reference; what to map, what to check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config import CompareConfig
from roadex.config.verbs import COMPARE

_TITLES = {
    "missing_in_reference": "missing in the reference",
    "only_in_reference": "only in the reference",
    "shifted": "shifted",
    "matched": "matched",
    "hidden": "hidden (tunnels)",
}


@click.command()
@click.argument("network", type=click.Path(path_type=Path))
@click.argument("reference", type=click.Path(path_type=Path))
@opt.output("comparison.gpkg", help="GeoPackage to write, one layer for each class.")
@opt.setting("--search", path="search_m", kind=CompareConfig)
@opt.setting("--shifted", path="shifted_m", kind=CompareConfig)
@opt.with_options(opt.CONFIG, opt.SET, opt.OVERWRITE)
def compare(network: Path, reference: Path, output: Path, overwrite: bool, **options: Any) -> None:
    """Compare a network with a reference: what each of them lacks.

    NETWORK is a file of roadex or the folder of a run. REFERENCE is another network, any file with
    lines, or an OpenStreetMap extract (.osm.pbf, .osm), of which paths and planned roads are left
    out and tunnels are kept apart.

    The result has one layer per class, the most certain and longest roads first (review_order).

    \b
    Examples:
      roadex compare out town.osm.pbf
      roadex compare roads.gpkg truth.gpkg -o todo.gpkg --search 20
    """
    from roadex.network.conflation import compare_networks
    from roadex.network.reference import read_reference
    from roadex.network.road_network import RoadNetwork
    from roadex.outputs.comparison import write_comparison
    from roadex.outputs.whole import check_place

    config = opt.read_settings(COMPARE, options)
    check_place(output, overwrite=overwrite, inputs=[network, reference])
    edges = RoadNetwork.read(network).edges
    comparison = compare_networks(edges, read_reference(reference), config)
    provenance = {
        "network": network.name, "reference": reference.name, "compare": config.to_dict(),
        "summary": comparison.summary,
    }  # fmt: skip
    write_comparison(comparison.layers, output, provenance=provenance, overwrite=overwrite)
    _show(comparison.summary, output)


def _show(summary: dict[str, Any], output: Path) -> None:
    from rich.table import Table

    from roadex.cli.display import plain_console

    table = Table("class", "km", title=f"{summary['network_km']:,.1f} km of road")
    table.columns[1].justify = "right"
    for name, title in _TITLES.items():
        table.add_row(title, f"{summary['km'][name]:,.2f}")
    console = plain_console()
    console.print(table)
    x, y = summary["scene_shift_m"]
    if max(abs(x), abs(y)) >= 0.5:
        console.print(f"the reference lies {x:+.1f} m east, {y:+.1f} m north of the network")
    for note in summary["notes"]:
        console.print(f"- {note}", highlight=False, soft_wrap=True)
    console.print(f"  {output}", highlight=False, soft_wrap=True)
