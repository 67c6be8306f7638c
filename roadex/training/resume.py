"""What a run folder says of its checkpoint: settings, data and initial model of the training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from roadex.config import TrainConfig
from roadex.errors import ConfigError, TrainingError
from roadex.files import changes_of_origin, write_origin
from roadex.progress import Display
from roadex.training.checkpoint import CHECKPOINT_NAME
from roadex.training.datasets.labelled import Labelled

_CONFIG_NAME = "config.json"
_ORIGIN_NAME = "data.json"
_CHANGES_NAME = "changes.txt"

_FREE = {"evaluate_every", "checkpoint_every", "loader_processes", "tta"}
"""Settings that may change when a training goes on: they do not change the weights."""


def changed_settings(folder: Path, config: TrainConfig) -> tuple[str, ...]:
    """Compare the settings with those that the checkpoint in ``folder`` was trained with.

    Returns
    -------
    changes
        ``name: before -> now`` for every setting that has an effect on the weights; nothing where
        there is no checkpoint.

    Raises
    ------
    TrainingError
        If the note of those settings is damaged.
    """
    stored = folder / _CONFIG_NAME
    if not stored.exists() or not (folder / CHECKPOINT_NAME).exists():
        return ()
    # Settings that an earlier version did not know had the effect of today's defaults.
    before = _plain(_read_settings(stored))
    now = _plain(config)
    return tuple(
        f"{name}: {before[name]!r} -> {value!r}"
        for name, value in now.items()
        if name not in _FREE and value != before[name]
    )


def _read_settings(path: Path) -> TrainConfig:
    try:
        return TrainConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, RecursionError, ConfigError) as error:
        msg = (
            f"{path} does not say what the checkpoint beside it was trained with ({error}). Use "
            "another --run-folder, or delete this one to begin anew"
        )
        raise TrainingError(msg) from error


def origin_of(
    data: Iterable[str], scenes: Iterable[Iterable[Labelled]], initial_sha256: str
) -> dict[str, Any]:
    """Return what the weights of a checkpoint come from, besides the settings.

    Parameters
    ----------
    data
        Datasets as they were given.
    scenes
        Those of each dataset: their files count with size and time.
    initial_sha256
        Hash of the model the training starts from, empty without one.
    """
    return {
        "data": list(data),
        "files": [_fingerprint(dataset) for dataset in scenes],
        "initial": initial_sha256,
    }


def check_origin(folder: Path, origin: Mapping[str, Any]) -> None:
    """See that the checkpoint in ``folder``, if there is one, comes from the same data and model.

    Raises
    ------
    TrainingError
        If not: its weights have learned from what the model file would not name.
    """
    if not (folder / CHECKPOINT_NAME).exists():
        return
    changes = changes_of_origin(folder / _ORIGIN_NAME, origin)
    if changes:
        msg = (
            f"the checkpoint in {folder} was trained on something else ({'; '.join(changes)}). Use "
            "another --run-folder, or delete this one to begin anew"
        )
        raise TrainingError(msg)


def check_resumption(
    folder: Path, config: TrainConfig, origin: Mapping[str, Any], display: Display
) -> tuple[str, ...]:
    """See that a checkpoint in ``folder`` may be gone on from; tell and return other settings.

    Raises
    ------
    TrainingError
        If it was trained on something else, see :func:`check_origin`.
    """
    check_origin(folder, origin)
    changes = changed_settings(folder, config)
    for change in changes:
        display.note(f"warning: resuming with other settings: {change}")
    return changes


def note_start(
    folder: Path, config: TrainConfig, origin: Mapping[str, Any], changes: Iterable[str]
) -> None:
    """Note in the run folder what the training that starts or goes on is made of."""
    write_origin(folder / _ORIGIN_NAME, origin)
    (folder / _CONFIG_NAME).write_text(json.dumps(config.to_dict(), indent=1))
    if not (folder / CHECKPOINT_NAME).exists():
        (folder / _CHANGES_NAME).unlink(missing_ok=True)
    with (folder / _CHANGES_NAME).open("a", encoding="utf-8") as file:
        file.writelines(f"{change}\n" for change in changes)


def noted_changes(folder: Path) -> list[str]:
    """Return all settings that were changed while the training in ``folder`` was interrupted."""
    return (folder / _CHANGES_NAME).read_text(encoding="utf-8").splitlines()


def _fingerprint(scenes: Iterable[Labelled]) -> str:
    """Return a hash over names, sizes and times of the files of a dataset."""
    digest = hashlib.sha256()
    for path in sorted({path for scene in scenes for path in scene.files()}):
        state = path.stat() if path.exists() else None  # imagery may be at a URL
        size_and_time = None if state is None else (state.st_size, state.st_mtime_ns)
        digest.update(repr((path.name, size_and_time)).encode())
    return digest.hexdigest()[:16]


def _plain(config: TrainConfig) -> dict[str, Any]:
    """Return the settings as a file gives them back: lists, no tuples."""
    values: dict[str, Any] = json.loads(json.dumps(config.to_dict()))
    return values
