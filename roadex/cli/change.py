"""``roadex change``: the results of two dates in, what changed out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadex.cli import options as opt
from roadex.config import ChangeConfig
from roadex.config.verbs import CHANGE

if TYPE_CHECKING:
    from roadex.network.change import Survey

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("old", type=_FOLDER)
@click.argument("new", type=_FOLDER)
@opt.output("change.gpkg", help="GeoPackage to write, one layer for each class.")
@opt.setting("--search", path="search_m", kind=ChangeConfig)
@opt.setting("--absent", path="absent", kind=ChangeConfig)
@opt.setting("--sure", path="sure", kind=ChangeConfig)
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the summary as JSON.",
)  # fmt: skip
@opt.with_options(opt.CONFIG, opt.SET, opt.OVERWRITE)
def change(
    old: Path, new: Path, output: Path, json_path: Path | None, overwrite: bool, **options: Any
) -> None:
    """Tell which roads appeared and which vanished between two dates.

    OLD and NEW are the folders of two runs of roadex over one place, best with one model and at one
    pixel size. One shift between both is estimated and taken off.

    A road that only one date has is a change where the other date was seen and shows no road. It is
    not_seen where the other date has no imagery (nodata, masked clouds), and unsure where the road
    is half seen, little certain, or where the imagery shows hardly any road around. A page with a
    picture lies beside the GeoPackage.

    \b
    Examples:
      roadex change out-2019 out-2024
      roadex change out-2019 out-2024 -o change.gpkg --json change.json --search 8
    """
    from roadex.network.change import find_changes
    from roadex.outputs.change import write_changes
    from roadex.outputs.whole import check_place

    config = opt.read_settings(CHANGE, options)
    for place in (output, output.with_suffix(".html")):
        check_place(place, overwrite=overwrite, inputs=[old, new])
    changes = find_changes(_survey(old), _survey(new), config)
    provenance = {
        "old": old.name, "new": new.name, "change": config.to_dict(), "summary": changes.summary,
    }  # fmt: skip
    write_changes(
        changes.layers, changes.summary, output, provenance=provenance, overwrite=overwrite
    )
    _show(changes.summary, output, json_path)


def _survey(folder: Path) -> Survey:
    """Open the network and the probability of a run."""
    from roadex.network.change import Survey
    from roadex.network.road_network import RoadNetwork
    from roadex.pipeline.result import ResultPaths
    from roadex.probability.source import RasterSource

    edges = RoadNetwork.read(folder).edges
    return Survey(edges, RasterSource.open(ResultPaths(folder).probability, reading="roadex"))


def _show(summary: dict[str, Any], output: Path, json_path: Path | None) -> None:
    from rich.table import Table

    from roadex.cli.display import plain_console
    from roadex.outputs.change import CHANGE_CLASSES
    from roadex.scoring.report import write_plain_json

    table = Table("class", "km")
    table.columns[1].justify = "right"
    for name, each in CHANGE_CLASSES.items():
        table.add_row(each.identifier.lower(), f"{summary['km'][name]:,.2f}")
    console = plain_console()
    console.print(f"{summary['old_km']:,.1f} km of road before, {summary['new_km']:,.1f} km now")
    console.print(table)
    east, north = summary["old_lies_m"]
    if max(abs(east), abs(north)) >= 0.5:
        console.print(
            f"the older imagery lies {east:+.1f} m east, {north:+.1f} m north of the newer"
        )
    for note in summary["notes"]:
        console.print(f"- {note}", highlight=False, soft_wrap=True)
    console.print(f"  {output}\n  {output.with_suffix('.html')}", highlight=False, soft_wrap=True)
    if json_path is not None:
        write_plain_json(summary, json_path)
