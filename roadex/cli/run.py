"""``roadex run``: scenes in, road network out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadex.cli import options as opt
from roadex.config.verbs import RUN

if TYPE_CHECKING:
    from roadex.imagery.scene_list import ListedScene


@click.command()
@click.argument("scenes", nargs=-1, metavar="SCENE...")
@opt.output("out", help="Folder for the results.")
@opt.with_options(opt.MANY_SCENES)
@click.option(
    "--join/--no-join",
    "join",
    default=None,
    help="With --each or --list: make one network of all scenes.  [default: if scenes touch]",
)
@opt.with_options(
    opt.PREDICT,
    opt.TILE_SIZE,
    opt.THRESHOLDS,
    opt.CLUSTER,
    opt.GPUS,
    opt.STORE,
    opt.CONFIG,
    opt.SET,
    opt.OVERWRITE,
    opt.PROGRESS,
)
def run(
    scenes: tuple[str, ...],
    output: Path,
    each: bool,
    scene_list: Path | None,
    join: bool | None,
    asset: str | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Extract the road network of a scene, or of many.

    SCENE is any raster GDAL opens, also s3:// and https://; several form one mosaic. The output
    folder gets roads.gpkg (styled for QGIS), probability.tif, preview.png and a report. Run the
    same command again to resume an interrupted run. With another threshold the network is made anew
    from the probability that is there. An output with the suffix of a network, such as roads.gpkg,
    is that file alone.

    With --each or --list, each scene gets its own folder in the output folder; index.html shows
    them all, summary.csv and summary.geojson list the outcome of each. Where scenes touch or
    overlap, roads.gpkg in the output folder is the network of all: roads go on across borders, and
    those in an overlap are there once. A scene that fails does not stop the others: the exit code
    is 3 then, and running the same command again does what is missing.

    \b
    Examples:
      roadex run scene.tif -o out
      roadex run tiles/*.tif -o out --tta none
      roadex run scene.tif -o roads.gpkg
      roadex run scene.tif -o out --threshold 0.5
      roadex run --each scenes/*.tif -o out
      roadex run --list scenes.csv -o out --scheduler tcp://cluster:8786 --store s3://bucket/tiles
    """
    from roadex.cli.display import plain_console, show_result
    from roadex.outputs import is_network_file
    from roadex.pipeline.network_file import run_to_file
    from roadex.pipeline.run import run as run_scene

    listed = opt.listed_scenes(scenes, each=each, scene_list=scene_list, asset=asset)
    if listed is not None:
        _run_batch(listed, output, overwrite, join, options)
        return
    if join is not None:
        msg = "--join and --no-join have no effect without --each or a --list"
        raise click.UsageError(msg)
    console, config = plain_console(), opt.read_settings(RUN, options)
    to_file = is_network_file(output) and not output.is_dir()
    extract = run_to_file if to_file else run_scene
    with opt.show_progress(options) as display:
        result = extract(list(scenes), output, config=config, overwrite=overwrite, progress=display)
    show_result(result, console, [output] if to_file else result.paths.all)


def _run_batch(
    listed: Sequence[ListedScene],
    output: Path,
    overwrite: bool,
    join: bool | None,
    options: dict[str, Any],
) -> None:
    from roadex.cli.display import plain_console, show_batch
    from roadex.pipeline.batch import extract_many, raise_if_any_failed
    from roadex.pipeline.joint_network import read_joint_network

    with opt.show_progress(options, keep=False) as display:
        outcomes = extract_many(
            listed,
            output,
            config=opt.read_settings(RUN, options),
            overwrite=overwrite,
            join=join,
            progress=display,
        )
    show_batch(
        outcomes,
        output,
        plain_console(),
        None if join is False else read_joint_network(output),
    )
    raise_if_any_failed(outcomes, output)
