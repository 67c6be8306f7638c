"""Options that several verbs share. Those of settings are made from :mod:`roadex.config`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from roadex.cli import VERBOSE
from roadex.config import RunConfig
from roadex.config.base import Settings
from roadex.config.describe import Setting, setting_at
from roadex.config.kinds import unwrap
from roadex.config.sources import Layers, S
from roadex.config.verbs import VerbSettings

if TYPE_CHECKING:
    from roadex.imagery.scene_list import ListedScene
    from roadex.progress import Display

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_METAVARS = {"px": "PIXELS", "m": "METRES", "s": "SECONDS"}
_KIND_METAVARS = {int: "N", float: "NUMBER", str: "TEXT"}


class SettingOption(click.Option):
    """An option that stands for a setting; its text is parsed as ``--set`` parses it."""

    def __init__(self, *args: Any, setting: Setting, kind: type[Settings], **options: Any) -> None:
        super().__init__(*args, **options)
        self.setting, self.kind = setting, kind


def setting(
    *flags: str, path: str, kind: type[Settings] = RunConfig, metavar: str | None = None
) -> Decorator:
    """Return an option for the setting at ``path``; its help and default are those of the setting.

    Parameters
    ----------
    flags
        What the user types, the name in errors last: ``-m``, ``--model``.
    path
        Setting of ``kind``, such as ``tiling.core_size``.
    kind
        Class of the settings.
    metavar
        What the help shows for the value; None is said by unit and type.
    """
    described = setting_at(kind, path)
    is_flag = unwrap(described.annotation)[0] is bool
    options: dict[str, Any] = {"is_flag": True, "default": None} if is_flag else {
        "metavar": metavar or _metavar(described), "type": str,
    }  # fmt: skip
    return click.option(
        *flags, path.replace(".", "__"), cls=SettingOption, setting=described,
        kind=kind,        help=_help(described, is_flag=is_flag), **options,
    )  # fmt: skip


def _metavar(described: Setting) -> str:
    if described.choices:
        return f"[{'|'.join(described.choices)}]"
    kind, _ = unwrap(described.annotation)
    return _METAVARS.get(described.unit) or _KIND_METAVARS.get(kind, "VALUE")


def _help(described: Setting, *, is_flag: bool) -> str:
    """Return the first sentence of what a setting means, and its default."""
    sentence = described.meaning.partition(". ")[0].rstrip(".") + "."
    default = described.default_text.strip('"')
    has_default = not is_flag and (described.unset or described.default is not None)
    return f"{sentence}  [default: {default}]" if has_default else sentence


OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace existing results.")
CONFIG = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    metavar="TOML",
    help="Settings file; options on the command line override it. See `roadex settings --toml`.",
)
SET = click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Override one setting; repeatable. See `roadex settings`.",
)
THRESHOLDS: tuple[Decorator, ...] = (
    setting("--threshold", path="vector.high"),
    setting("--low-threshold", path="vector.low"),
)
TILE_SIZE = setting("--tile-size", path="tiling.core_size")
MODEL = setting("-m", "--model", path="predict.model", metavar="NAME|FILE")
PREDICT: tuple[Decorator, ...] = (
    MODEL,
    setting("--tta", path="predict.tta"),
    setting("--precision", path="predict.precision"),
    setting("--bands", path="predict.bands", metavar="1,2,3"),
    setting("--native-gsd", path="predict.native_gsd"),
    setting("--bounds", "--aoi", path="predict.aoi", metavar="FILE|W,S,E,N"),
    setting("--nodata", path="predict.nodata", metavar="VALUE|none"),
    setting("--trusted-inputs-only", path="predict.trusted_inputs_only"),
)
GPUS = setting("--gpus", path="cluster.gpus", metavar="auto|all|none|0,1")
CLUSTER: tuple[Decorator, ...] = (
    setting("--workers", path="cluster.workers"),
    setting("--scheduler", path="cluster.scheduler", metavar="ADDRESS"),
    setting("--scheduler-file", path="cluster.scheduler_file", metavar="JSON"),
    setting("--jobqueue", path="cluster.jobqueue"),
)
MANY_SCENES: tuple[Decorator, ...] = (
    click.option(
        "--each", is_flag=True, help="Process each SCENE separately instead of as a mosaic."
    ),
    click.option(
        "--list",
        "scene_list",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="List of scenes to process separately: .txt, .csv, .parquet, or STAC (.json).",
    ),
    click.option("--asset", metavar="KEY", help="Asset to take from STAC items, such as visual."),
)
STORE = setting("--store", path="cluster.store", metavar="FOLDER|URL")


PROGRESS: tuple[Decorator, ...] = (
    click.option("-q", "--quiet", is_flag=True, help="Show no progress."),
    VERBOSE,
    click.option(
        "--log-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Add the progress to this file as lines with the time.",
    ),
)


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


def required_output(*, help: str) -> Decorator:  # noqa: A002 - as click calls it
    """Return the option ``-o`` of a verb that must be told what file to write."""
    return click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help=help)


def with_options(*decorators: Decorator | tuple[Decorator, ...]) -> Decorator:
    """Put options (or groups of them) onto a command, in the order given."""
    flat = [d for item in decorators for d in (item if isinstance(item, tuple) else (item,))]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(flat):
            function = decorator(function)
        return function

    return decorate


def listed_scenes(
    scenes: Sequence[str], *, each: bool, scene_list: Path | None, asset: str | None
) -> list[ListedScene] | None:
    """Return the scenes to do one by one; None where all form one.

    Raises
    ------
    click.UsageError
        If the options of :data:`MANY_SCENES` do not go together, or there is no scene.
    SceneError
        If the list cannot be read.
    """
    from roadex.imagery.scene_list import name_scenes, read_scene_list

    if asset is not None and scene_list is None:
        msg = "--asset has no effect without a --list"
        raise click.UsageError(msg)
    if scene_list is not None and scenes:
        msg = "give either SCENEs with --each or a --list, not both"
        raise click.UsageError(msg)
    if scene_list is not None:
        return read_scene_list(scene_list, asset=asset)
    if not scenes:
        msg = "give a SCENE or a --list"
        raise click.UsageError(msg)
    return name_scenes((None, path) for path in scenes) if each else None


def read_settings(verb: VerbSettings[S], options: dict[str, Any]) -> S:
    """Make the settings of a verb from file, ``--set`` and options, in rising rank."""
    layers = verb.layers()
    if options.get("config_path") is not None:
        layers.add_file(options["config_path"])
    layers.add_assignments(options.get("assignments", ()))
    _add_options(layers, options)
    return layers.build()


def read_options(kind: type[S], options: dict[str, Any]) -> S:
    """Make settings that are given by options alone."""
    layers = Layers(kind)
    _add_options(layers, options)
    return layers.build()


def _add_options(layers: Layers[S], options: dict[str, Any]) -> None:
    """Add the options of the running command that stand for settings of this kind."""
    for parameter in click.get_current_context().command.params:
        if not isinstance(parameter, SettingOption) or parameter.kind is not layers.kind:
            continue
        value = options.get(parameter.name or "")
        flag = parameter.opts[-1]
        if isinstance(value, str):
            layers.add_text(parameter.setting.path, value, flag)
        elif value is not None:
            layers.add_value(parameter.setting.path, value, flag)


def show_progress(options: dict[str, Any], *, keep: bool = True) -> AbstractContextManager[Display]:
    """Open the display that the options ask for, see :func:`roadex.cli.display.open_display`."""
    from roadex.cli.display import open_display

    return open_display(quiet=options["quiet"], log_file=options["log_file"], keep=keep)
