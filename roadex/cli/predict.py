"""``roadex predict``: scenes in, road probability out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config.verbs import PREDICT


@click.command()
@click.argument("scenes", nargs=-1, required=True, metavar="SCENE...")
@opt.output("probability.tif", help="Raster to write, or the folder for the masks of a dataset.")
@click.option(
    "--dataset",
    type=click.Choice(["deepglobe"]),
    help="SCENE is a folder of benchmark images: write a mask of each.",
)
@click.option(
    "--with-probability", is_flag=True, help="Write probability beside the masks of a --dataset."
)
@click.option(
    "--zip",
    "archive",
    type=click.Path(path_type=Path),
    help="Also pack the masks of a --dataset into this ZIP file, to submit.",
)
@opt.with_options(
    opt.PREDICT,
    opt.TILE_SIZE,
    opt.CLUSTER,
    opt.GPUS,
    opt.STORE,
    opt.CONFIG,
    opt.SET,
    opt.OVERWRITE,
    opt.PROGRESS,
)
def predict(
    scenes: tuple[str, ...],
    output: Path,
    dataset: str | None,
    with_probability: bool,
    archive: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Compute road probability.

    The result is a Cloud Optimized GeoTIFF, uint8: 0 to 254 is probability times 254, 255 is
    nodata. Run the same command again to resume an interrupted run.

    \b
    Examples:
      roadex predict scene.tif -o probability.tif
      roadex predict tiles/*.tif -o probability.tif --tta none --tile-size 2048
      roadex predict --dataset deepglobe deepglobe/valid -o masks --zip submission.zip
    """
    from roadex.cli.display import plain_console, show_warnings

    console = plain_console()
    if dataset is not None:
        _predict_folder(scenes, output, with_probability, archive, overwrite, options)
        console.print(f"  {output}", highlight=False, soft_wrap=True)
        return
    if with_probability or archive is not None:
        msg = "--with-probability and --zip have no effect without --dataset"
        raise click.UsageError(msg)
    from roadex.pipeline.predict import predict_scene

    with opt.show_progress(options) as display:
        plan = predict_scene(
            scenes,
            output,
            config=opt.read_settings(PREDICT, options),
            overwrite=overwrite,
            progress=display,
        )
    show_warnings(plan.warnings, console)
    console.print(f"  {output}", highlight=False, soft_wrap=True)


def _predict_folder(
    folders: tuple[str, ...],
    output: Path,
    with_probability: bool,
    archive: Path | None,
    overwrite: bool,
    options: dict[str, Any],
) -> None:

    from roadex.pipeline.predict_images import predict_deepglobe

    if len(folders) != 1:
        msg = "--dataset takes one folder"
        raise click.UsageError(msg)
    with opt.show_progress(options) as display:
        masks = predict_deepglobe(
            Path(folders[0]),
            output,
            config=opt.read_settings(PREDICT, options),
            with_probability=with_probability,
            overwrite=overwrite,
            progress=display,
        )
    if archive is not None:
        from roadex.scoring.submission import zip_masks

        zip_masks(masks, archive)
