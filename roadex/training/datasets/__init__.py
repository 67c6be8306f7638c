"""Labelled imagery for training and scoring: one file per layout, found by name.

A dataset is given as ``LAYOUT:PATH`` (``massachusetts:~/roads/train``), or as a path alone where
the folder says by itself which layout it has; globs name several (``pairs:regions/*``). Each layout
module offers

- ``recognises(folder) -> bool``: whether the folder looks like this layout;
- ``find(path, bands=...) -> list[Labelled]``: the labelled scenes in it, read as these bands;
- ``unmatched_labels(path) -> list[Path]``: labels without imagery, which ``find`` passes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from roadex.errors import DatasetError
from roadex.extensions import Family, extension_records, find_extension, names_with_extensions
from roadex.imagery.percentiles import restretched
from roadex.imagery.scene import RGB
from roadex.training.datasets.description import LAYOUTS, expand, parse_description
from roadex.training.datasets.labelled import Labelled, LabelledScene, Stretch
from roadex.training.datasets.line_scene import LineScene


def find_labelled_scenes(
    specification: str,
    *,
    bands: Sequence[str] = RGB,
    stretch: Sequence[tuple[float, float]] = (),
) -> list[Labelled]:
    """Return the labelled scenes of ``LAYOUT:PATH`` or ``PATH``.

    Parameters
    ----------
    specification
        The dataset.
    bands
        Names of the bands that the network takes, in its order.
    stretch
        Per band: what (0-255) the 1st and 99th percentile of imagery become that has not 8 bits, as
        the model says; empty is 0 and 255.

    Raises
    ------
    DatasetError
        If the layout is unknown, the folder is missing, or nothing labelled is in it.
    """
    scenes: list[Labelled] = []
    for layout, path in _locate(specification):
        found: list[Labelled] = layout.module.find(path, bands=tuple(bands))
        if not found:
            msg = f"no labelled imagery in {path} (layout {layout.name})"
            raise DatasetError(msg)
        scenes += found
    return [_stretched(scene, tuple(stretch)) for scene in scenes] if stretch else scenes


def _stretched(scene: Labelled, stretch: Stretch) -> Labelled:
    if isinstance(scene, LabelledScene):
        return replace(scene, stretch=stretch)
    if isinstance(scene, LineScene):
        return replace(scene, scene=restretched(scene.scene, stretch))
    return scene


def find_unmatched_labels(specification: str) -> list[Path]:
    """Return the label files of a dataset that belong to no imagery."""
    return [
        file
        for layout, path in _locate(specification)
        for file in layout.module.unmatched_labels(path)
    ]


def layout_records(specification: str) -> list[dict[str, str]]:
    """Return package and version of the layouts of a dataset that extensions read."""
    names = {layout.name for layout, _ in _locate(specification)} - set(LAYOUTS)
    return extension_records(Family.DATASETS, sorted(names))


class _Layout(NamedTuple):
    name: str
    module: ModuleType


def _locate(specification: str) -> list[tuple[_Layout, Path | str]]:
    """Return every folder, TOML file or ``IMAGE+ROADS`` of a dataset, with its layout."""
    named = parse_description(specification)
    layout = _layout(named.layout) if named.layout else None
    is_pair = named.layout == "lines" and "+" in named.path
    if is_pair and not Path(named.path).expanduser().exists():
        return [(_layout("lines"), named.path)]
    paths = [Path(path) for path in expand(named.path)]
    if not paths:
        msg = f"dataset {named.path} does not exist"
        raise DatasetError(msg)
    for path in paths:
        if not (path.is_dir() or named.layout == "lines"):
            msg = f"dataset {path} is not a folder"
            raise DatasetError(msg)
    return [(layout or _recognise(path), path) for path in paths]


def _layout(name: str) -> _Layout:
    if name in LAYOUTS:
        return _Layout(name, import_module(LAYOUTS[name]))
    extension = find_extension(Family.DATASETS, name)
    if extension is None:
        msg = f"unknown dataset layout {name!r}"
        raise DatasetError(msg)
    return _Layout(name, extension.load())


def _recognise(folder: Path) -> _Layout:
    for name in LAYOUTS:
        layout = _layout(name)
        if layout.module.recognises(folder):
            return layout
    known = names_with_extensions(Family.DATASETS, LAYOUTS)
    for name in known[len(LAYOUTS) :]:
        layout = _layout(name)
        if layout.module.recognises(folder):
            return layout
    msg = (
        f"cannot recognise the layout of {folder}: name it as LAYOUT:{folder}, with one of "
        f"{', '.join(known)}"
    )
    raise DatasetError(msg)
