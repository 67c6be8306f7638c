"""Options that several verbs share, and the settings they make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from roadex.config import (
    BATCH_SYSTEMS,
    TTA_NAMES,
    PredictConfig,
    RunConfig,
    TilingConfig,
    read_toml,
    settings_from_text,
)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace results that exist already.")
CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    metavar="TOML",
    help="File with settings; options on the command line go over it.",
)
SET = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any setting by its name, such as vector.min_spur_m=20; repeatable.",
)
TILE_SIZE = click.option(
    "--tile-size",
    type=int,
    metavar="PIXELS",
    help=f"Side of the tiles, a multiple of 32.  [default: {TilingConfig().core_size}]",
)
PREDICT: tuple[Decorator, ...] = (
    click.option(
        "-m",
        "--model",
        metavar="NAME|FILE",
        help=f"Model to use, see `roadex models list`.  [default: {PredictConfig().model}]",
    ),
    click.option(
        "--tta",
        type=click.Choice(TTA_NAMES),
        help=f"Average over no, 4 or 8 flips and turns.  [default: {PredictConfig().tta}]",
    ),
    click.option("--bands", metavar="1,2,3", help="Bands of the scene in the model's order."),
    click.option(
        "--native-gsd",
        is_flag=True,
        default=None,
        help="Do not resample to the model's pixel size.",
    ),
    click.option(
        "--nodata",
        metavar="VALUE|none",
        help="Value of pixels without imagery.  [default: as files say, and what is found]",
    ),
    click.option(
        "--trusted-inputs-only",
        is_flag=True,
        default=None,
        help="Refuse VRTs that read files outside of their own folder.",
    ),
)
CLUSTER: tuple[Decorator, ...] = (
    click.option(
        "--workers",
        type=int,
        help="Worker processes on this machine, or jobs.  [default: one per core, or one job]",
    ),
    click.option(
        "--gpus",
        metavar="all|none|0,1",
        help="GPUs for inference, one worker each.  [default: those there are]",
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", help="Running Dask scheduler, such as tcp://host:8786."
    ),
    click.option(
        "--scheduler-file",
        metavar="JSON",
        help="File of a running Dask scheduler (dask scheduler --scheduler-file).",
    ),
    click.option(
        "--jobqueue",
        type=click.Choice(BATCH_SYSTEMS),
        help="Workers are jobs of this batch system; see workflows/slurm.",
    ),
)
STORE = click.option(
    "--store",
    metavar="FOLDER|URL",
    help="Where finished tiles are kept until the run is complete, such as s3://bucket/tiles; with "
    "a URL, workers need no disk in common.  [default: beside the results]",
)

_PLACES = {
    "tile_size": "tiling.core_size",
    "model": "predict.model",
    "tta": "predict.tta",
    "bands": "predict.bands",
    "native_gsd": "predict.native_gsd",
    "nodata": "predict.nodata",
    "trusted_inputs_only": "predict.trusted_inputs_only",
    "workers": "cluster.workers",
    "gpus": "cluster.gpus",
    "scheduler": "cluster.scheduler",
    "scheduler_file": "cluster.scheduler_file",
    "jobqueue": "cluster.jobqueue",
    "store": "cluster.store",
}
"""Option to the setting it stands for."""


def output(default: str, *, help: str) -> Decorator:  # noqa: A002 - as click calls it
    """Return the option ``-o`` of a verb that writes to ``default`` if not told otherwise."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        default=Path(default),
        show_default=True,
        help=help,
    )


def with_options(*decorators: Decorator | tuple[Decorator, ...]) -> Decorator:
    """Put options (or groups of them) onto a command, in the order given."""
    flat = [d for item in decorators for d in (item if isinstance(item, tuple) else (item,))]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(flat):
            function = decorator(function)
        return function

    return decorate


def build_config(options: dict[str, Any]) -> RunConfig:
    """Make the settings from file, ``--set`` and options, in rising rank."""
    values = read_toml(options["config_path"]) if options.get("config_path") else {}
    _merge(values, settings_from_text(options.get("settings", ())))
    for option, place in _PLACES.items():
        if options.get(option) is not None:
            group, _, name = place.partition(".")
            values.setdefault(group, {})[name] = options[option]
    bands = values.get("predict", {}).get("bands")
    if isinstance(bands, str):
        values["predict"]["bands"] = _band_numbers(bands)
    return RunConfig.from_dict(values)


def _band_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        msg = f"--bands takes numbers separated by commas, such as 1,2,3; got {text!r}"
        raise click.UsageError(msg) from error


def _merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    for name, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
