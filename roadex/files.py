"""Files that are whole or not there: written beside their place, renamed when complete."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from roadex.errors import OutputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a place to write a file to; it appears under its own name when the block ends well.

    The place is beside the file, on the same disk, and its name is unique: two programs that write
    one file do not see each other. Readers see the old file or the new one, never a part. The
    suffix is kept, because GDAL and Pillow choose a format by it.

    Parameters
    ----------
    path
        Where the file is to be. An existing one is replaced.
    """
    partial = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)  # noqa: PTH105 - replaces on every system
    finally:
        partial.unlink(missing_ok=True)


def write_origin(path: Path, origin: Mapping[str, Any]) -> None:
    """Note as JSON what files are made of, for :func:`changes_of_origin`."""
    with whole_file(path) as place:
        place.write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")


def changes_of_origin(path: Path, origin: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Compare what files were made of with what they would be made of now.

    Returns
    -------
    changes
        ``name: before -> now``; None where :func:`write_origin` has left no note.
    """
    try:
        before: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    if not isinstance(before, dict):
        return None
    now: Mapping[str, Any] = json.loads(json.dumps(origin))  # lists where there were tuples
    return tuple(
        f"{name}: {before.get(name)} -> {value}"
        for name, value in now.items()
        if value != before.get(name)
    )


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise :class:`OutputError` if something is there that may not be replaced."""
    if path.exists() and not overwrite:
        msg = f"{path} exists already. Choose another name, or add --overwrite"
        raise OutputError(msg)
