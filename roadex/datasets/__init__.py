"""Labelled imagery for training and scoring: one file per layout, found by name.

A dataset is given as ``LAYOUT:PATH`` (``massachusetts:~/roads/train``), or as a path alone where
the folder says by itself which layout it has. Each layout module offers

- ``recognises(folder) -> bool``: whether the folder looks like this layout;
- ``find(folder) -> list[LabelledScene]``: the labelled scenes in it, nothing opened yet.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from roadex.datasets.labelled import LabelledScene
from roadex.errors import DatasetError

LAYOUTS = {
    "deepglobe": "roadex.datasets.deepglobe",
    "massachusetts": "roadex.datasets.pairs",
    "pairs": "roadex.datasets.pairs",
}
"""Layout name to its module; the order is the order of recognition."""


def find_labelled_scenes(specification: str) -> list[LabelledScene]:
    """Return the labelled scenes of ``LAYOUT:PATH`` or ``PATH``.

    Raises
    ------
    DatasetError
        If the layout is unknown, the folder is missing, or nothing labelled is in it.
    """
    name, _, path = specification.rpartition(":")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        msg = f"dataset folder {folder} does not exist"
        raise DatasetError(msg)
    layout = _layout(name) if name else _recognise(folder)
    scenes: list[LabelledScene] = layout.find(folder)
    if not scenes:
        msg = f"no labelled imagery in {folder} (layout {layout.__name__.rpartition('.')[2]})"
        raise DatasetError(msg)
    return scenes


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
