"""A run of which only the network is wanted, as one file in any format."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from roadex.config import RunConfig
from roadex.errors import IncompleteError
from roadex.network.road_network import RoadNetwork
from roadex.network.tables import read_provenance
from roadex.outputs import check_target, write_network
from roadex.pipeline.result import ResultPaths, RunResult
from roadex.pipeline.run import run
from roadex.progress import Display


def run_to_file(
    scenes: Sequence[str | Path],
    path: Path,
    *,
    config: RunConfig,
    overwrite: bool = False,
    progress: Display | None = None,
) -> RunResult:
    """Extract the road network of a scene into one file; of the result only the figures stay.

    Until it is done, a hidden folder beside the file holds all results; the same call goes on from
    the tiles that are there. ``scenes``, ``config`` and ``progress`` are those of
    :func:`roadex.run`.

    Parameters
    ----------
    path
        The suffix chooses the format.
    overwrite
        Replace the file.

    Raises
    ------
    OutputError
        If the format is not known, or the file exists.
    IncompleteError
        If tiles failed; the file lacks them, and the folder stays.
    RoadexError
        As :func:`roadex.run`.
    """
    folder = path.with_name(f".{path.name}.run")
    check_target(path, overwrite=overwrite or folder.exists(), inputs=scenes)
    try:
        result = run(scenes, folder, config=config, overwrite=True, progress=progress)
    except IncompleteError:
        _write(folder, path, config)
        raise
    _write(folder, path, config)
    shutil.rmtree(folder)
    return result


def _write(folder: Path, path: Path, config: RunConfig) -> None:
    found = ResultPaths(folder).network
    write_network(
        RoadNetwork.read(found), path, provenance=read_provenance(found), overwrite=True,
        config=config.output,
    )  # fmt: skip
