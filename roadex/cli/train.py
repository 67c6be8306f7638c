"""``roadex train``: labelled imagery in, model file out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("data", nargs=-1)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Model file to write (.safetensors).",
)
@click.option("--validation", multiple=True, help="Dataset to evaluate on; repeatable.")
@click.option(
    "--recipe", metavar="NAME", help="Packaged settings to start from: roadex, dlinknet-2018."
)
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="TOML file with training settings, over the recipe.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="One setting, over the file; repeatable.",
)
@click.option("--initial", type=click.Path(path_type=Path), help="Model file to start from.")
@click.option(
    "--run-folder", type=click.Path(path_type=Path), help="Checkpoints and logs; default runs/NAME."
)
@click.option("--licence", default="", help="Licence of the training data, kept in the model file.")
@click.option(
    "--processes",
    type=click.IntRange(min=0),
    default=0,
    help="Processes that train together.  [default: one per GPU]",
)
@click.option("--tensorboard", is_flag=True, help="Log for TensorBoard too.")
@click.option("--check", is_flag=True, help="Only look at the data and say what was found.")
@click.option("--smoke", is_flag=True, help="A minute's training on generated scenes, as a test.")
@click.option("--overwrite", is_flag=True, help="Replace an existing model file.")
def train(
    data: tuple[str, ...], output: Path | None, smoke: bool, check: bool, **options: Any
) -> None:
    """Train a model on labelled imagery.

    DATA are datasets: a folder, LAYOUT:FOLDER, or lines:IMAGE+ROADS for imagery with road lines,
    each with its share of the training chips after an @ (default 1). A killed training goes on from
    its last checkpoint when the same command is given again.

    \b
    Examples:
      roadex train lines:scene.tif+roads.gpkg -o mine.safetensors \\
          --initial roadex-light --validation lines:other.tif+other.gpkg
      roadex train roads/train -o model.safetensors --validation roads/val --recipe roadex
      roadex train deepglobe:train -o dlinknet.safetensors --recipe dlinknet-2018
      roadex train deepglobe:train@0.7 massachusetts:ma/train@0.3 -o mixed.safetensors \\
          --set steps=20000 --set learning_rate=5e-4
      roadex train roads/train --validation roads/val --check
      roadex train --smoke
    """
    from rich.console import Console

    from roadex.cli.display import open_display, show_data_report

    if smoke:
        from roadex.training.smoke import run_smoke

        run_smoke(options["run_folder"] or Path("runs/smoke"), open_display)
        return
    if not data:
        msg = "Missing argument 'DATA...'."
        raise click.UsageError(msg)
    if output is None and not check:
        msg = "Missing option '-o' / '--output'."
        raise click.UsageError(msg)
    from roadex.training.job import TrainingJob, check_job, run_training_job

    job = TrainingJob(data=data, output=output or Path("checked"), **options)
    if check:
        report = check_job(job)
        show_data_report(report, Console())
        report.raise_if_bad()
    else:
        run_training_job(job, open_display)
