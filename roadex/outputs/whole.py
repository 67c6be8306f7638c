"""Results of one or several files that are all there or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from roadex.errors import OutputError
from roadex.files import remove_leftovers, unfinished_name
from roadex.outputs.own_files import check_replaceable


def check_place(path: Path, *, overwrite: bool, inputs: Iterable[str | Path] = ()) -> None:
    """Raise :class:`OutputError` if nothing can be written there; worth asking before work.

    ``inputs`` are what the result is made from, see :mod:`roadex.outputs.own_files`.
    """
    check_replaceable(path, overwrite=overwrite, inputs=inputs)
    if not path.parent.is_dir():
        msg = f"{path} cannot be written: folder {path.parent} does not exist"
        raise OutputError(msg)


def write_whole(path: Path, write: Callable[[Path], None], *, overwrite: bool) -> Path:
    """Let ``write`` write a file, and others beside it, and show them when all are complete.

    They are written to a folder on the same disk and renamed; the one asked for comes last.

    Raises
    ------
    OutputError
        If the file exists and may not be replaced, or cannot be written.
    """
    check_place(path, overwrite=overwrite)
    remove_leftovers(path)
    folder = unfinished_name(path).with_suffix("")
    try:
        folder.mkdir()
        write(folder / path.name)
        written = sorted(folder.iterdir(), key=lambda file: (file.name == path.name, file.name))
        for file in written:
            os.replace(file, path.parent / file.name)  # noqa: PTH105 - replaces on every system
    except (OSError, RuntimeError) as error:  # pyogrio's errors are RuntimeErrors
        msg = f"{path} cannot be written: {error}"
        raise OutputError(msg) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return path
