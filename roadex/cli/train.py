"""``roadex train``: labelled imagery in, model file out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt


@click.command()
@click.argument("data", nargs=-1)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Model file to write (.safetensors)."
)
@click.option("--validation", multiple=True, help="Dataset to evaluate on; repeatable.")
@click.option(
    "--initial",
    metavar="NAME|FILE",
    help="Model to start from; sets network, scaling, bands and pixel size.",
)
@click.option(
    "--recipe", metavar="NAME", help="Packaged settings to start from: roadex, dlinknet-2018."
)
@opt.with_options(opt.CONFIG, opt.SET)
@click.option(
    "--run-folder",
    type=click.Path(path_type=Path),
    help="Folder for checkpoints and logs.  [default: runs/NAME]",
)
@click.option(
    "--licence", default="", help="Licence of the training data, stored in the model file."
)
@click.option(
    "--processes",
    type=click.IntRange(min=0),
    default=0,
    help="Processes that train together.  [default: one per GPU]",
)
@click.option("--tensorboard", is_flag=True, help="Also log for TensorBoard.")
@click.option("--check", is_flag=True, help="Only check the data and report findings.")
@click.option(
    "--smoke", is_flag=True, help="Smoke test: one minute of training on synthetic scenes."
)
@opt.with_options(opt.OVERWRITE, opt.PROGRESS)
def train(
    data: tuple[str, ...], output: Path | None, smoke: bool, check: bool, **options: Any
) -> None:
    """Train a model on labelled imagery.

    DATA are datasets: a folder, LAYOUT:FOLDER, or lines:IMAGE+ROADS for imagery with road lines.
    An @SHARE after it (default 1) sets its share of the training chips. Run the same command again
    to resume an interrupted training from its last checkpoint.

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
    if smoke:
        _refuse_with_smoke(data, output, check, options)
        from roadex.training.smoke import run_smoke

        run_smoke(options["run_folder"] or Path("runs/smoke"), _open_display(options))
        return
    if not data:
        msg = "Missing argument 'DATA...'."
        raise click.UsageError(msg)
    if output is None and not check:
        msg = "Missing option '-o' / '--output'."
        raise click.UsageError(msg)
    _run(data, output or Path("checked"), options, check=check)


def _refuse_with_smoke(
    data: tuple[str, ...], output: Path | None, check: bool, options: dict[str, Any]
) -> None:
    """Refuse what a smoke test takes no notice of."""
    used = {"run_folder", "quiet", "log_file"}
    given = [name for name, value in options.items() if value and name not in used]
    if data or output or check or given:
        msg = "--smoke takes only --run-folder, -q, -v and --log-file"
        raise click.UsageError(msg)


def _run(data: tuple[str, ...], output: Path, options: dict[str, Any], *, check: bool) -> None:
    from roadex.cli.display import plain_console, show_data_report
    from roadex.training.job import check_job, run_training_job
    from roadex.training.material import TrainingJob
    from roadex.training.settings import read_train_settings

    config = read_train_settings(
        recipe=options["recipe"],
        path=options["config_path"],
        assignments=options["assignments"],
        initial=options["initial"],
    )
    names = ("initial", "validation", "run_folder", "licence", "processes", "tensorboard")
    job = TrainingJob(
        data=data,
        output=output,
        config=config,
        recipe=options["recipe"] or "",
        overwrite=options["overwrite"],
        **{name: options[name] for name in names},
    )
    if check:
        report = check_job(job)
        show_data_report(report, plain_console())
        report.raise_if_bad()
    else:
        run_training_job(job, _open_display(options))


def _open_display(options: dict[str, Any]) -> Any:
    """Return what opens the display in the process that trains."""
    from functools import partial

    from roadex.cli.display import open_display

    return partial(open_display, quiet=options["quiet"], log_file=options["log_file"])
