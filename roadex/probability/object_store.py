"""Named objects in a folder or behind an fsspec URL: whole or not there, and tried again.

What goes wrong for a moment (a server that answers 500 or not at all, a stale network file) is
tried again with growing waits; what will not get better by itself (a full disk, no permission) is
said at once.
"""

from __future__ import annotations

import errno
import random
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import fsspec

from roadex.errors import OutputError

ATTEMPTS = 5
"""How often an operation is tried in all; libraries below, such as botocore, try again too."""

_FIRST_WAIT_S = 0.5
_LASTING = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR,
        errno.EISDIR, errno.ENAMETOOLONG, errno.EFBIG,
    }
)  # fmt: skip

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """Objects by name, in one folder or under one URL prefix; picklable."""

    url: str
    """A folder, or any URL fsspec knows, such as ``s3://bucket/prefix``."""

    def put(self, name: str, content: bytes) -> None:
        """Keep an object: readers see the old one, or none, or all of the new one.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        self._persistently(f"cannot write {name} to", lambda: self._put(name, content))

    def get(self, name: str) -> bytes | None:
        """Return an object, or None if there is none.

        Raises
        ------
        OutputError
            If that cannot be found out: an object that cannot be read now is not a missing one.
        """

        def read() -> bytes | None:
            system, root = self._system()
            try:
                content: bytes = system.cat_file(f"{root}/{name}")
            except FileNotFoundError:
                return None
            return content

        return self._persistently(f"cannot read {name} from", read)

    def names(self) -> set[str]:
        """Return the names of all objects.

        Raises
        ------
        OutputError
            If the store cannot be listed.
        """

        def listed() -> set[str]:
            system, root = self._system()
            try:
                paths = system.ls(root, detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return set()
            return {str(path).rstrip("/").rpartition("/")[2] for path in paths}

        return self._persistently("cannot list", listed)

    def delete(self, name: str) -> None:
        """Delete an object, if it is there.

        Raises
        ------
        OutputError
            If it cannot be deleted.
        """

        def delete() -> None:
            system, root = self._system()
            with suppress(FileNotFoundError):
                system.rm_file(f"{root}/{name}")

        self._persistently(f"cannot delete {name} from", delete)

    def remove(self) -> None:
        """Delete the store with all its objects.

        Raises
        ------
        OutputError
            If it cannot be deleted.
        """

        def delete() -> None:
            system, root = self._system()
            if system.exists(root):
                system.rm(root, recursive=True)

        self._persistently("cannot delete", delete)

    def _system(self) -> tuple[Any, str]:
        system, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
        return system, str(root).rstrip("/")

    def _put(self, name: str, content: bytes) -> None:
        system, root = self._system()
        if "file" not in system.protocol:
            system.pipe_file(f"{root}/{name}", content)  # object stores show whole objects only
            return
        partial = Path(root, f"{name}.{uuid.uuid4().hex}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content)
            partial.replace(Path(root, name))
        finally:
            partial.unlink(missing_ok=True)

    def _persistently(self, what: str, operation: Callable[[], Result]) -> Result:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return operation()
            except Exception as error:  # each store has errors of its own
                if attempt == ATTEMPTS or _will_last(error):
                    raise OutputError(_complaint(what, self.url, error)) from error
            # Workers that failed together are not to come back together.
            time.sleep(_FIRST_WAIT_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
        raise AssertionError


def _will_last(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _LASTING or isinstance(error, FileNotFoundError)
    return isinstance(error, FileNotFoundError | PermissionError | ImportError | ValueError)


def _complaint(what: str, url: str, error: Exception) -> str:
    if isinstance(error, ImportError):
        return f"{what} {url}: {error}. `pip install 'roadex[cloud]'` brings what S3 needs"
    return f"{what} {url}: {error or type(error).__name__}"
