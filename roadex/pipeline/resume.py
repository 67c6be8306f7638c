"""Going on with unfinished work: who may make a result, what counts of it, what is removed.

Beside a result stands a folder ``.roadex``, gone when the result is complete:

    .roadex/KEY/rROW_cCOL       finished tiles, where no ``--store`` names another place for them
    .roadex/NAME.lock           held by the process that makes the result NAME; the operating
                                system frees it when that process ends, however it ends
    .roadex/NAME.json           the claim: for which request, by whom, whose tiles

Tiles have the key of everything that decides their values, so results that differ only in what is
made of them share tiles. Each result that uses tiles leaves its mark beside them, and the last one
to be complete takes them away.
"""

from __future__ import annotations

import json
import os
import platform
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import filelock

from roadex.config import ClusterConfig
from roadex.errors import OutputError
from roadex.files import whole_file
from roadex.outputs.own_files import check_replaceable
from roadex.pipeline.plan import RunPlan
from roadex.probability.tile_store import TileStore

WORK_FOLDER = ".roadex"
"""Folder of unfinished work beside the results; gone when they are complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """What the file of a claim says."""

    request: str
    """Identity of what was asked for."""

    began_empty: bool
    """Whether no result was there: then all that is there now is unfinished."""

    owner: str
    """Mark on the tiles."""

    keys: tuple[str, ...]
    """Tiles of this result, also those of earlier settings."""

    host: str
    pid: int
    started: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to make a result, held by this process, and the tiles kept for it."""

    store: TileStore
    _record: _Record
    _path: Path
    _root: str

    def finish(self) -> None:
        """Say that the result is complete: its tiles go, unless another result needs them.

        Raises
        ------
        OutputError
            If tiles cannot be deleted.
        """
        for key in self._record.keys:
            _store_in(self._root, key).release(self._record.owner)
        self._path.unlink(missing_ok=True)


@contextmanager
def claim(
    result: Path,
    plan: RunPlan,
    config: ClusterConfig,
    *,
    others: Sequence[Path] = (),
    overwrite: bool = False,
) -> Iterator[Claim]:
    """Take the place of a result for this process, or say why that cannot be.

    Results of an unfinished run may be replaced by the run that goes on with it; those of a
    complete one only with ``overwrite``.

    Parameters
    ----------
    result
        The probability raster: what it is called names the claim.
    plan
        What is to be done.
    config
        Says where tiles are kept.
    others
        Results that are written with it.
    overwrite
        Replace results that are there.

    Raises
    ------
    OutputError
        If another process is at work on this result, something is there that must not be replaced,
        or the folder cannot be written to.
    """
    folder, path = result.parent / WORK_FOLDER, _record_path(result)
    paths = [result, *others]
    if not folder.exists():  # an unfinished run would have left it
        _check(paths, plan, overwrite=overwrite)
    make_folder(result.parent)
    with _locked(folder, result):
        before = _read(path)
        began_empty = before is not None and before.began_empty
        goes_on = began_empty or (before is not None and before.request == plan.request)
        _check(paths, plan, overwrite=overwrite or goes_on)
        record = _Record(
            request=plan.request,
            began_empty=began_empty or not any(p.exists() for p in paths),
            owner=before.owner if before else uuid.uuid4().hex[:12],
            keys=tuple(dict.fromkeys([plan.key, *(before.keys if before else ())])),
            host=platform.node(),
            pid=os.getpid(),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        root = _root_of(folder, config)
        store = _store_in(root, plan.key)
        store.mark(record.owner)
        _write(path, record)
        mine = Claim(store=store, _record=record, _path=path, _root=root)
        try:
            yield mine
        except BaseException:
            is_untouched = not any(p.exists() for p in paths)
            if is_untouched and config.store is None and not store.keys():  # nothing was done
                mine.finish()
            raise


def is_unfinished(result: Path) -> bool:
    """Return whether a run has begun to make a result and not come to its end."""
    return _record_path(result).exists()


def make_folder(folder: Path) -> None:
    """Make a folder and see that it can be written to.

    Raises
    ------
    OutputError
        If that cannot be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".roadex-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        msg = f"cannot write to {folder}: {error.strerror}. Choose another place with -o"
        raise OutputError(msg) from error


def _record_path(result: Path) -> Path:
    return result.parent / WORK_FOLDER / f"{result.name}.json"


def _check(paths: Sequence[Path], plan: RunPlan, *, overwrite: bool) -> None:
    for path in paths:
        check_replaceable(path, overwrite=overwrite, inputs=plan.scene.paths)


def _root_of(folder: Path, config: ClusterConfig) -> str:
    if config.store is None:
        return str(folder.absolute())
    root = config.store if "://" in config.store else str(Path(config.store).absolute())
    return root.rstrip("/")


def _store_in(root: str, key: str) -> TileStore:
    return TileStore(f"{root}/{key}")


@contextmanager
def _locked(folder: Path, result: Path) -> Iterator[None]:
    """Hold the lock of a result; leave nothing but unfinished work behind."""
    path = folder / f"{result.name}.lock"
    lock = filelock.FileLock(path, blocking=False)
    try:
        folder.mkdir(exist_ok=True)
        lock.acquire()
        while not path.exists():  # who held it has taken the file away since it was opened
            lock.release()
            lock.acquire()
    except filelock.Timeout:
        msg = (
            f"{result} is being made by {_who(_record_path(result))}. Wait for it, stop "
            "it, or choose another place with -o"
        )
        raise OutputError(msg) from None
    except OSError as error:
        msg = f"cannot lock {path}: {error}. Choose a folder on a disk that has locks with -o"
        raise OutputError(msg) from error
    try:
        yield
    finally:
        if os.name == "posix":  # under Windows an open file cannot be deleted, and stays
            path.unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # unfinished work is there
            folder.rmdir()


def _who(path: Path) -> str:
    record = _read(path)
    if record is None:
        return "another process"
    return f"process {record.pid} on {record.host} since {record.started}"


def _read(path: Path) -> _Record | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return replace(_Record(**values), keys=tuple(values["keys"]))
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # none, or of another version
        return None


def _write(path: Path, record: _Record) -> None:
    with whole_file(path) as place:
        place.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
