"""``roadex align``: labels moved to the roads of the imagery."""

from __future__ import annotations

from pathlib import Path

import click

from roadex.cli.options import OVERWRITE
from roadex.config import TTA_NAMES, AlignConfig

_DEFAULTS = AlignConfig()


@click.command()
@click.argument("dataset")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "-m",
    "--model",
    metavar="NAME|FILE",
    default=_DEFAULTS.model,
    show_default=True,
    help="Model that says where roads are.",
)
@click.option("--tta", type=click.Choice(TTA_NAMES), default=_DEFAULTS.tta, show_default=True)
@click.option(
    "--most",
    "most_m",
    type=float,
    default=_DEFAULTS.most_m,
    show_default=True,
    metavar="METRES",
    help="How far labels may move.",
)
@OVERWRITE
def align(dataset: str, folder: Path, model: str, tta: str, most_m: float, overwrite: bool) -> None:
    """Move labels to where a model sees the roads, and write them as a dataset.

    Labels drawn from a map lie metres beside the roads of an image, in one street to the left, in
    the next to the right. DATASET is one that 'roadex train' takes: masks become masks, lines
    become lines. FOLDER also gets moves.csv with what became of each scene. What was stopped goes
    on when the same command is given again.

    \b
    Examples:
      roadex align roads/train aligned
      roadex align lines:scene.tif+osm.gpkg aligned
      roadex train lines:aligned/lines.toml --initial roadex-light -o mine.safetensors
    """
    config = AlignConfig(model=model, tta=tta, most_m=most_m)
    from roadex.cli.display import open_display
    from roadex.training.align import MOVES_NAME, LabelAlignment

    alignment = LabelAlignment.begin(dataset, folder, config, overwrite=overwrite)
    with open_display() as display:
        moved = list(alignment.run(display))
    n_road = max(1, sum(scene.road_pixels for scene in moved))
    distance_m = sum(scene.road_pixels * scene.distance_m for scene in moved) / n_road
    scenes = "1 scene" if len(moved) == 1 else f"{len(moved)} scenes"
    click.echo(f"{scenes}, labels moved by {distance_m:.1f} m on average")
    click.echo(f"wrote {folder} ({MOVES_NAME}: each scene); train on {alignment.specification}")
