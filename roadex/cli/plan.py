"""``roadex plan``: show the plan and cost of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadex.cli import options as opt
from roadex.config.verbs import PLAN
from roadex.progress import time_text

if TYPE_CHECKING:
    from roadex.pipeline.estimate import Estimate


@click.command()
@click.argument("scenes", nargs=-1, required=True, metavar="SCENE...")
@opt.output("out", help="Folder for the results.")
@click.option("--no-calibration", is_flag=True, help="Skip the timing trial; no times are shown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@opt.with_options(opt.PREDICT, opt.TILE_SIZE, opt.CLUSTER, opt.GPUS, opt.STORE, opt.CONFIG, opt.SET)
def plan(
    scenes: tuple[str, ...], output: Path, no_calibration: bool, as_json: bool, **options: Any
) -> None:
    """Show the plan and cost of a run: grid, tiles, time, memory, disk. Nothing is written.

    The time is measured by a short trial of the model on this machine, and assumes a scene without
    empty tiles.

    \b
    Examples:
      roadex plan scene.tif
      roadex plan s3://bucket/scene.tif --scheduler tcp://cluster:8786 --tta none
    """
    import json

    from rich.console import Console

    from roadex.pipeline.estimate import estimate_run

    estimate = estimate_run(
        scenes, output, config=opt.read_settings(PLAN, options), with_calibration=not no_calibration
    )
    if as_json:
        click.echo(json.dumps(estimate.to_dict(), indent=1))
    else:
        _show(estimate, Console())


def _show(estimate: Estimate, console: Any) -> None:
    from rich.markup import escape
    from rich.table import Table

    from roadex.cli.display import show_warnings

    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in _rows(estimate).items():
        table.add_row(name, escape(value))
    show_warnings(estimate.warnings, console)
    console.print(table, highlight=False)


def _rows(estimate: Estimate) -> dict[str, str]:
    values = estimate.to_dict()
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
    if values["seconds"] is not None:
        stages = ", ".join(f"{name} {time_text(s)}" for name, s in values["seconds"].items())
        rows["time"] = f"about {time_text(sum(values['seconds'].values()))}: {stages}"
        if values["tta"] != "none":
            rows["with --tta none"] = f"about {time_text(values['seconds_without_tta'])}"
    rows["memory"] = f"{values['worker_bytes'] / 1e9:.1f} GB per worker"
    rows["disk"] = (
        f"{values['disk_bytes'] / 1e9:.2f} GB at times, {values['output_bytes'] / 1e9:.2f} GB of "
        f"results; {values['free_disk_bytes'] / 1e9:.1f} GB are free"
    )
    return rows


def _shape(grid: dict[str, Any]) -> str:
    height, width = grid["shape"]
    return f"{height:,} x {width:,} px"
