"""``roadex correct``: a model that learns from an edited network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config import CorrectConfig


@click.command()
@click.argument("folder", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
@click.argument("edited", type=click.Path(path_type=Path))
@opt.output("corrected.safetensors", help="Model file to write.")
@click.option(
    "--scene",
    multiple=True,
    metavar="RASTER",
    help="The imagery, where it is no longer where it was at the time of the run; several are "
    "given one by one.",
)
@click.option(
    "-m", "--model", metavar="NAME|FILE", help="The model of the run, where it is a file."
)
@opt.setting("--steps", path="steps", kind=CorrectConfig)
@opt.setting("--learning-rate", path="learning_rate", kind=CorrectConfig)
@click.option(
    "--run-folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of checkpoints and logs.  [default: runs/correct-NAME]",
)
@opt.with_options(opt.OVERWRITE, opt.PROGRESS)
def correct(
    folder: Path,
    edited: Path,
    output: Path,
    scene: tuple[str, ...],
    model: str | None,
    run_folder: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Train the model of a run on with the corrections of its network.

    OUT is the output of 'roadex run', EDITED its network as a person corrected it, in QGIS for
    example: roads added, moved, deleted, or marked 'wrong' in the column review. Twenty corrections
    are enough to begin with. Takes minutes; run the same command again to resume an interrupted
    one.

    \b
    Examples:
      roadex correct out edited.gpkg -o mine.safetensors
      roadex run scene.tif -o better --model mine.safetensors
    """
    config = opt.read_options(CorrectConfig, options)
    from roadex.pipeline.correct import correct as correct_model

    with opt.show_progress(options) as display:
        made = correct_model(
            folder,
            edited,
            output,
            scene=list(scene) or None,
            model=model,
            config=config,
            run_folder=run_folder,
            overwrite=overwrite,
            progress=display,
        )
    click.echo("share of the roads that the model finds, before and after:")
    for name in ("added", "deleted", "kept"):
        before, after = getattr(made.before, name), getattr(made.after, name)
        if before == before:
            click.echo(f"  {name:8} {before:4.0%} -> {after:4.0%}")
    if made.is_forgetful:
        click.echo(
            "warning: it finds less of the roads that were right: correct more of them, or use a "
            "lower --learning-rate",
            err=True,
        )
    click.echo(f"wrote {output}; use it with --model {output}")
