"""Files that are whole or not there: written beside their place, renamed when complete."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise :class:`OutputError` if something is there that may not be replaced."""
    if path.exists() and not overwrite:
        msg = f"{path} exists already. Choose another name, or add --overwrite"
        raise OutputError(msg)
