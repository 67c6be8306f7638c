"""How users name datasets: ``LAYOUT:PATH@SHARE``, with ``~`` and globs in paths."""

from __future__ import annotations

import glob
import math
from dataclasses import dataclass
from pathlib import Path

from roadex.errors import ConfigError, DatasetError
from roadex.extensions import Family, find_extension, names_with_extensions

LAYOUTS = {
    "deepglobe": "roadex.training.datasets.deepglobe",
    "massachusetts": "roadex.training.datasets.pairs",
    "pairs": "roadex.training.datasets.pairs",
    "lines": "roadex.training.datasets.lines",
    "fair": "roadex.training.datasets.fair",
}
"""Layout name to its module; the order is the order of recognition."""


@dataclass(frozen=True, slots=True)
class Description:
    """A dataset as it was named."""

    layout: str | None
    """Name of the layout; None where the folder says it."""

    path: str
    """What comes after the layout, without the share."""


def split_share(specification: str) -> tuple[str, float]:
    """Return a dataset and its share of the training chips, 1 where none is given.

    An ``@`` in the name of a file or folder is not the sign of a share: what exists under the whole
    name is taken for it, and so is everything whose last ``@`` is followed by a folder.

    Raises
    ------
    ConfigError
        If what follows the ``@`` is not a positive number.
    """
    source, separator, share = specification.rpartition("@")
    whole = parse_description(specification).path
    if not separator or "/" in share or ("://" not in whole and expand(whole)):
        return specification, 1.0
    try:
        number = float(share)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        msg = f"{specification}: the share after @ must be a positive number, got {share!r}"
        raise ConfigError(msg)
    return source, number


def parse_description(specification: str) -> Description:
    """Take ``LAYOUT:PATH`` or ``PATH`` apart.

    Raises
    ------
    DatasetError
        If there is no such layout, or a URL stands where a folder must.
    """
    name, separator, path = specification.partition(":")
    is_layout = separator != "" and name in LAYOUTS
    if is_layout and (name == "lines" or "://" not in path):
        return Description(name, path)
    if is_layout or path.startswith("//"):
        specification = path if is_layout else specification
        msg = (
            f"{specification} is a URL, but datasets are folders on this machine. An image at a "
            f"URL can be used with road lines: lines:{specification}+roads.gpkg"
        )
        raise DatasetError(msg)
    if separator and not Path(specification).expanduser().exists():
        if find_extension(Family.DATASETS, name) is not None:
            return Description(name, path)
        known = names_with_extensions(Family.DATASETS, LAYOUTS)
        msg = f"unknown dataset layout {name!r}; available: {', '.join(known)}"
        raise DatasetError(msg)
    return Description(None, specification)


def expand(pattern: str, *, beside: Path | None = None) -> list[str]:
    """Return the files and folders that a path names, sorted.

    Parameters
    ----------
    pattern
        A path, with ``~`` for the home folder and ``*``, ``?``, ``[...]`` and ``**`` as in a shell.
        What exists under the very name is taken as it is. A URL is returned as it is.
    beside
        Folder that relative paths start from; None is the working directory.
    """
    if "://" in pattern or pattern.startswith("/vsi"):
        return [pattern]
    path = Path(pattern).expanduser()
    here = path if beside is None else beside / path
    if here.exists():
        return [str(here)]
    if path.is_absolute() or beside is None:
        return sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - takes absolute ones
    return sorted(str(found) for found in beside.glob(str(path)))
