"""Files that are whole or not there: written beside their place, renamed when complete."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import platform
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from roadex.errors import OutputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a place to write a file to; it appears under its own name when the block ends well.

    The place is beside the file, on the same disk, and its name is unique: two programs that write
    one file do not see each other. Readers see the old file or the new one, never a part. The
    suffix is kept, because GDAL and Pillow choose a format by it. What killed programs have left
    there is removed first.

    Parameters
    ----------
    path
        Where the file is to be. An existing one is replaced.
    """
    remove_leftovers(path)
    partial = unfinished_name(path)
    try:
        yield partial
        os.replace(partial, path)  # noqa: PTH105 - replaces on every system
    finally:
        partial.unlink(missing_ok=True)


def unfinished_name(path: Path) -> Path:
    """Return a place beside ``path`` that is this process's alone, with the same suffix."""
    mark = f"{_host()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    return path.with_name(f".{path.stem}.{mark}.partial{path.suffix}")


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes of this machine have left of ``path``.

    What processes that live are writing stays, and so does what other machines have left: nobody
    here knows whether they still write.
    """
    pattern = f".{glob.escape(path.stem)}.{_host()}-*-*.partial*"
    for leftover in path.parent.glob(pattern):
        if _is_alive(leftover.name.rpartition(".partial")[0].split("-")[-2]):
            continue
        with suppress(OSError):  # what cannot be removed stops no work
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def _is_alive(pid: str) -> bool:
    import psutil

    return not pid.isdecimal() or psutil.pid_exists(int(pid))


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
