"""``roadex align``: labels moved to the roads of the imagery."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config import AlignConfig


@click.command()
@click.argument("dataset")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@opt.setting("-m", "--model", path="model", kind=AlignConfig, metavar="NAME|FILE")
@opt.setting("--tta", path="tta", kind=AlignConfig)
@opt.setting("--max-shift", path="max_shift_m", kind=AlignConfig)
@opt.with_options(opt.OVERWRITE, opt.PROGRESS)
def align(dataset: str, folder: Path, overwrite: bool, **options: Any) -> None:
    """Move labels to where a model sees the roads, and write them as a dataset.

    Labels drawn from a map lie metres beside the roads of an image, to the left in one street and
    to the right in the next. DATASET is one that 'roadex train' takes: masks stay masks, lines stay
    lines. FOLDER also gets moves.csv with the shifts of each scene. Run the same command again to
    resume an interrupted one.

    \b
    Examples:
      roadex align roads/train aligned
      roadex align lines:scene.tif+osm.gpkg aligned
      roadex train lines:aligned/lines.toml --initial roadex-light -o mine.safetensors
    """
    config = opt.read_options(AlignConfig, options)
    from roadex.training.align import MOVES_NAME, LabelAlignment

    alignment = LabelAlignment.begin(dataset, folder, config, overwrite=overwrite)
    with opt.show_progress(options) as display:
        moved = list(alignment.run(display))
    n_road = max(1, sum(scene.road_pixels for scene in moved))
    distance_m = sum(scene.road_pixels * scene.distance_m for scene in moved) / n_road
    scenes = "1 scene" if len(moved) == 1 else f"{len(moved)} scenes"
    click.echo(f"{scenes}, labels shifted by {distance_m:.1f} m on average")
    click.echo(f"wrote {folder} ({MOVES_NAME} has each scene); train on {alignment.specification}")
