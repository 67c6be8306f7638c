"""``roadex score``: compare roads with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from roadex.cli import options as opt
from roadex.config import ScoreConfig
from roadex.config.verbs import SCORE

DEFAULT_COMMAND = "files"

_FILE = click.Path(path_type=Path, dir_okay=False)


class _ScoreGroup(click.Group):
    """A group that takes ``PRED TRUTH`` where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_help = bool(args) and args[0] in ("-h", "--help")
        if args and args[0] not in self.commands and not asks_for_help:
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)


_SCORE_OPTIONS = opt.with_options(
    opt.setting("--threshold", path="threshold", kind=ScoreConfig),
    opt.setting("--prediction-values", path="prediction_values", kind=ScoreConfig),
    opt.setting("--truth-values", path="truth_values", kind=ScoreConfig),
    opt.CONFIG,
    opt.SET,
    click.option("--json", "json_path", type=_FILE, help="Write the full report as JSON."),
    click.option("--csv", "csv_path", type=_FILE, help="Write one row per tile, worst first."),
    click.option("--sheet", "sheet_path", type=_FILE, help="Draw the worst tiles as PNG."),
    opt.PROGRESS,
)
"""What all ways of scoring share."""


@click.group(cls=_ScoreGroup, context_settings={"help_option_names": ["-h", "--help"]})
def score() -> None:
    """Compare roads with the truth: roadex score PRED TRUTH.

    PRED and TRUTH are each a mask, a probability raster, a folder of tiles, or a file with lines
    (GeoPackage, GeoJSON, Shapefile, ...). All options: roadex score files --help.

    \b
    Examples:
      roadex score roads.gpkg truth.geojson
      roadex score probability.tif mask.tif --json score.json --sheet worst.png
      roadex score masks/ truth/ --csv tiles.csv
      roadex score deepglobe masks/ deepglobe/train --split batra-val
    """


@score.command(DEFAULT_COMMAND)
@click.argument("prediction", type=click.Path())
@click.argument("truth", type=click.Path())
@click.option("--metric", "metrics", multiple=True, help="Compute only this metric; repeatable.")
@_SCORE_OPTIONS
def score_files(prediction: str, truth: str, metrics: tuple[str, ...], **options: Any) -> None:
    """Score one raster, line file or folder of tiles (the default of roadex score).

    Rasters are aligned to the grid of the truth, lines to a CRS in metres; notes below the table
    list what was recognised and assumed.

    \b
    Examples:
      roadex score roads.gpkg truth.geojson --metric apls --metric completeness
      roadex score probability.tif mask.tif --threshold 0.4 --sheet worst.png
      roadex score roads.gpkg mask.tif --set line_width_m=9
    """
    from roadex.scoring import score as compare

    config = opt.read_settings(SCORE, options)
    with opt.show_progress(options) as display:
        report = compare(prediction, truth, config, metrics=metrics or None, progress=display)
    _show(report)
    _write(report, options)


@score.command("deepglobe")
@click.argument("predictions", nargs=-1, required=True, type=click.Path())
@click.argument("truth", type=click.Path())
@click.option(
    "--split",
    default="all",
    show_default=True,
    help="all, official-train, batra-train, batra-val, or a file with one id per line.",
)
@click.option("--metric", "metrics", multiple=True, help="Compute only this metric; repeatable.")
@click.option("--curves", "curves_path", type=_FILE, help="Draw precision-recall curves as PNG.")
@click.option(
    "--submission", "zip_path", type=_FILE, help="Write the masks as a ZIP file to submit."
)
@_SCORE_OPTIONS
def score_deepglobe(
    predictions: tuple[str, ...],
    truth: str,
    split: str,
    metrics: tuple[str, ...],
    curves_path: Path | None,
    zip_path: Path | None,
    **options: Any,
) -> None:
    """Score folders of predictions as the DeepGlobe road challenge does.

    PREDICTIONS are folders of masks or probability named {id}_mask.png, {id}.tif and so on; TRUTH
    is a folder of {id}_mask.png. Both definitions of IoU are reported, with bootstrap intervals.
    Several folders (such as without and with test-time augmentation) are compared with the first.

    \b
    Examples:
      roadex score deepglobe masks/ deepglobe/train --split batra-val
      roadex score deepglobe 'masks/*_probability.png' deepglobe/train --curves pr.png
      roadex score deepglobe tta-none/ tta-d4/ deepglobe/train --json tta.json
    """
    from roadex.scoring.deepglobe import METRICS
    from roadex.scoring.deepglobe import score_deepglobe as compare

    config = opt.read_settings(SCORE, options)
    with opt.show_progress(options) as display:
        result = compare(
            predictions, truth, config, split=split, metrics=metrics or METRICS, progress=display
        )
    for report in result.reports:
        _show(report)
    _show_differences(result)
    _write_deepglobe(result, options, curves_path)
    if zip_path is not None:
        _write_zip(predictions[0], zip_path, config)


def _show(report: Any) -> None:
    """Print the table of scores and the decisions below it."""
    from rich.table import Table

    from roadex.cli.display import plain_console

    table = Table(title=f"{report.prediction} against {report.truth}")
    table.add_column("metric")
    table.add_column("score")
    table.add_column("value", justify="right")
    table.add_column("interval", justify="right")
    shown = ""
    for metric, name, value, interval in report.rows():
        span = f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else ""
        digits = 0 if value > 1 and value == round(value) else 4
        table.add_row(metric if metric != shown else "", name, f"{value:.{digits}f}", span)
        shown = metric
    console = plain_console()
    console.print(table)
    for decision in report.decisions:
        console.print(f"- {decision}", highlight=False, soft_wrap=True)


def _write(report: Any, options: dict[str, Any]) -> None:
    from roadex.scoring import write_csv, write_json

    if options["json_path"]:
        write_json(report, options["json_path"])
    if options["csv_path"]:
        write_csv(report, options["csv_path"])
    if options["sheet_path"]:
        from roadex.scoring.worst_tiles import write_sheet

        write_sheet(report, options["sheet_path"])


def _show_differences(result: Any) -> None:
    """Print how the other predictions compare with the first."""
    from rich.table import Table

    from roadex.cli.display import plain_console

    if not result.differences:
        return
    table = Table(title=f"against {result.reports[0].prediction}, {result.n_images} images")
    table.add_column("prediction", overflow="fold")
    for column in ("iou_mean", "interval", "iou", "interval"):
        table.add_column(column, justify="right", no_wrap=True)
    for difference in result.differences:
        cells = [difference.prediction]
        for name in ("iou_mean", "iou"):
            low, high = getattr(difference, f"{name}_interval")
            cells += [f"{getattr(difference, name):+.4f}", f"{low:+.4f} to {high:+.4f}"]
        table.add_row(*cells)
    plain_console().print(table)


def _write_deepglobe(result: Any, options: dict[str, Any], curves_path: Path | None) -> None:
    """Write what was asked for; tables and sheets are those of the first prediction."""
    from roadex.scoring.report import write_plain_json

    if options["json_path"]:
        write_plain_json(result.to_dict(), options["json_path"])
    _write(result.reports[0], {**options, "json_path": None})
    if curves_path is not None:
        from roadex.scoring.curves import write_curves

        write_curves(result.reports, curves_path)


def _write_zip(predictions: str, path: Path, config: ScoreConfig) -> None:
    """Write the masks of a folder as a ZIP file to submit."""
    from tempfile import TemporaryDirectory

    from roadex.scoring.submission import write_submission

    with TemporaryDirectory() as folder:
        write_submission(predictions, folder, config=config, zip_path=path)
