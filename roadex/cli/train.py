"""``roadex train``: labelled imagery in, model file out."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("data", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Model file to write (.safetensors).",
)
@click.option("--validation", multiple=True, help="Dataset to evaluate on; repeatable.")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="TOML file with training settings.",
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
    "--run-folder", type=click.Path(path_type=Path), help="Checkpoints and log; default runs/NAME."
)
@click.option("--licence", default="", help="Licence of the training data, kept in the model file.")
@click.option("--overwrite", is_flag=True, help="Replace an existing model file.")
def train(**options: object) -> None:
    """Train a model on labelled imagery.

    DATA are datasets: a folder, or LAYOUT:FOLDER, each with its share of the training chips
    after an @ (default 1). A killed training goes on from its last checkpoint when the same
    command is given again.

    \b
    Examples:
      roadex train roads/train -o model.safetensors --validation roads/val
      roadex train deepglobe:train@0.7 massachusetts:ma/train@0.3 -o mixed.safetensors \\
          --set steps=20000 --set learning_rate=5e-4
    """
    from roadex.training_job import TrainingJob, run_training_job

    run_training_job(TrainingJob(**options))  # type: ignore[arg-type]
