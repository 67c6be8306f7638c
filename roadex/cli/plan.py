"""``roadex plan``: show the plan and cost of a run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadex.cli import options as opt
from roadex.config.verbs import PLAN
from roadex.progress import time_text

if TYPE_CHECKING:
    from roadex.pipeline.batch_estimate import BatchEstimate
    from roadex.pipeline.estimate import Estimate


@click.command()
@click.argument("scenes", nargs=-1, metavar="SCENE...")
@opt.output("out", help="Folder for the results.")
@opt.with_options(opt.MANY_SCENES)
@click.option(
    "--price",
    type=click.FloatRange(min=0),
    metavar="NUMBER",
    help="Price of an hour of all workers together; the cost of the run is shown.",
)
@click.option("--no-calibration", is_flag=True, help="Skip the timing trial; no times are shown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@opt.with_options(opt.PREDICT, opt.TILE_SIZE, opt.CLUSTER, opt.GPUS, opt.STORE, opt.CONFIG, opt.SET)
def plan(
    scenes: tuple[str, ...],
    output: Path,
    each: bool,
    scene_list: Path | None,
    asset: str | None,
    price: float | None,
    no_calibration: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Show the plan and cost of a run: grid, tiles, time, memory, disk. Nothing is written.

    The time is measured by a short trial of the model on this machine, and assumes scenes without
    empty tiles. With --each or --list it is that of all scenes, and scenes that cannot be read are
    named.

    \b
    Examples:
      roadex plan scene.tif
      roadex plan --each scenes/*.tif --price 3.20
      roadex plan s3://bucket/scene.tif --scheduler tcp://cluster:8786 --tta none
    """
    import json

    from roadex.cli.display import plain_console
    from roadex.pipeline.batch_estimate import estimate_batch
    from roadex.pipeline.estimate import estimate_run

    config, with_calibration = opt.read_settings(PLAN, options), not no_calibration
    listed = opt.listed_scenes(scenes, each=each, scene_list=scene_list, asset=asset)
    estimate: Estimate | BatchEstimate
    if listed is not None:
        estimate = estimate_batch(listed, output, config=config, with_calibration=with_calibration)
        rows = _batch_rows
    else:
        estimate = estimate_run(scenes, output, config=config, with_calibration=with_calibration)
        rows = _rows
    values = estimate.to_dict()
    if price is not None and values["seconds"] is not None:
        values["cost"] = round(sum(values["seconds"].values()) / 3600 * price, 2)
    if as_json:
        click.echo(json.dumps(values, indent=1))
    else:
        _show(rows(values), estimate.warnings, plain_console())


def _show(rows: dict[str, str], warnings: Iterable[str], console: Any) -> None:
    from rich.table import Table

    from roadex.cli.display import show_warnings

    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in rows.items():
        table.add_row(name, value)
    show_warnings(warnings, console)
    console.print(table, highlight=False)


def _batch_rows(values: dict[str, Any]) -> dict[str, str]:
    workers = values["workers"]
    kind = "GPU" if workers["gpu"] else "CPU"
    rows = {
        "scenes": f"{values['scenes']:,}, {values['megapixels']:,.1f} megapixels on the work grid",
        "model": f"{values['model']['name']} ({values['model']['gsd_m']:g} m), "
        f"test-time augmentation {values['tta']}, {values['precision']}",
        "tiles": f"{values['tiles']:,} of {values['tile_size']} px",
        "workers": f"{workers['inference']} {kind} workers at {workers['place']}",
    }
    rows |= _time_rows(values)
    rows["memory"] = f"{values['worker_bytes'] / 1e9:.1f} GB per worker"
    rows["disk"] = _disk(values)
    return rows


def _time_rows(values: dict[str, Any]) -> dict[str, str]:
    if values["seconds"] is None:
        return {}
    total = sum(values["seconds"].values())
    stages = ", ".join(f"{name} {time_text(s)}" for name, s in values["seconds"].items())
    rows = {"time": f"about {time_text(total)}: {stages}"}
    if values["tta"] != "none":
        rows["with --tta none"] = f"about {time_text(values['seconds_without_tta'])}"
    if "cost" in values:
        rows["cost"] = f"about {values['cost']:,.2f}"
    return rows


def _disk(values: dict[str, Any]) -> str:
    return (
        f"{values['disk_bytes'] / 1e9:.2f} GB at times, {values['output_bytes'] / 1e9:.2f} GB of "
        f"results; {values['free_disk_bytes'] / 1e9:.1f} GB are free"
    )


def _rows(values: dict[str, Any]) -> dict[str, str]:
    scene, grid, workers = values["scene"], values["work_grid"], values["workers"]
    resampled = "the scene's own pixels" if grid["is_native"] else "resampled"
    kind = "GPU" if workers["gpu"] else "CPU"
    who = f"{workers['inference']} {kind} workers at {workers['place']}"
    if workers["here"]:
        who = f"the calling process, {workers['vector']} threads, on a {kind}"
    rows = {
        "scene": f"{_shape(scene)}, {scene['gsd_m']:.3f} m, {scene['dtype']}, {scene['crs']}",
        "work grid": f"{_shape(grid)}, {grid['gsd_m']:.3f} m, {grid['crs']}, {resampled}",
        "model": f"{values['model']['name']} ({values['model']['gsd_m']:g} m), "
        f"test-time augmentation {values['tta']}, {values['precision']}",
        "tiles": f"{values['tiles']:,} of {values['tile_size']} px",
        "workers": who,
    }
    rows |= _time_rows(values)
    rows["memory"] = f"{values['worker_bytes'] / 1e9:.1f} GB per worker"
    rows["disk"] = _disk(values)
    return rows


def _shape(grid: dict[str, Any]) -> str:
    height, width = grid["shape"]
    return f"{height:,} x {width:,} px"
