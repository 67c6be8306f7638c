"""Labelled imagery for training and scoring: one file per layout, found by name.

A dataset is given as ``LAYOUT:PATH`` (``massachusetts:~/roads/train``), or as a path alone where
the folder says by itself which layout it has. Each layout module offers

- ``recognises(folder) -> bool``: whether the folder looks like this layout;
- ``find(path, bands=...) -> list[Labelled]``: the labelled scenes in it, read as these bands;
- ``leftovers(path) -> list[Path]``: labels without imagery, which ``find`` passes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from roadex.errors import DatasetError
from roadex.imagery.scene import RGB
from roadex.training.datasets.labelled import Labelled

LAYOUTS = {
    "deepglobe": "roadex.training.datasets.deepglobe",
    "massachusetts": "roadex.training.datasets.pairs",
    "pairs": "roadex.training.datasets.pairs",
    "lines": "roadex.training.datasets.lines",
}
"""Layout name to its module; the order is the order of recognition."""


def find_labelled_scenes(specification: str, *, bands: Sequence[str] = RGB) -> list[Labelled]:
    """Return the labelled scenes of ``LAYOUT:PATH`` or ``PATH``.

    Parameters
    ----------
    specification
        The dataset.
    bands
        Names of the bands that the network takes, in its order.

    Raises
    ------
    DatasetError
        If the layout is unknown, the folder is missing, or nothing labelled is in it.
    """
    layout, path = _locate(specification)
    scenes: list[Labelled] = layout.find(path, bands=tuple(bands))
    if not scenes:
        msg = f"no labelled imagery in {path} (layout {layout.__name__.rpartition('.')[2]})"
        raise DatasetError(msg)
    return scenes


def find_leftovers(specification: str) -> list[Path]:
    """Return the label files of a dataset that belong to no imagery."""
    layout, path = _locate(specification)
    leftovers: list[Path] = layout.leftovers(path)
    return leftovers


def _locate(specification: str) -> tuple[ModuleType, Path]:
    name, _, text = specification.rpartition(":")
    path = Path(text).expanduser()
    layout = _layout(name) if name else None
    # Scenes with road lines are also named by their files: IMAGE+ROADS, or a TOML file.
    if not path.is_dir() and not (name == "lines" and ("+" in text or path.is_file())):
        msg = f"dataset folder {path} does not exist"
        raise DatasetError(msg)
    return layout or _recognise(path), path


def _layout(name: str) -> ModuleType:
    if name not in LAYOUTS:
        msg = f"unknown dataset layout {name!r}; known: {', '.join(LAYOUTS)}"
        raise DatasetError(msg)
    return import_module(LAYOUTS[name])


def _recognise(folder: Path) -> ModuleType:
    for name in LAYOUTS:
        layout = _layout(name)
        if layout.recognises(folder):
            return layout
    known = ", ".join(LAYOUTS)
    msg = f"cannot tell the layout of {folder}; name it, LAYOUT:{folder}, with one of {known}"
    raise DatasetError(msg)
