"""Files a road network can be written to: one module and one line of :data:`WRITERS` each."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import geopandas as gpd

from roadex.config import OutputConfig
from roadex.errors import OutputError


class Network(Protocol):
    """What is written: see :class:`roadex.network.road_network.RoadNetwork`."""

    @property
    def edges(self) -> gpd.GeoDataFrame:
        """Lines with attributes."""

    @property
    def nodes(self) -> gpd.GeoDataFrame:
        """Points with attributes."""


Writer = Callable[[Network, Path, Mapping[str, Any], OutputConfig], None]
"""Writes a network to a path in an empty folder; other files may be put beside it."""

WRITERS: Final[dict[str, str]] = {
    ".gpkg": "roadex.outputs.gpkg",
    ".parquet": "roadex.outputs.geoparquet",
    ".fgb": "roadex.outputs.flatgeobuf",
    ".geojson": "roadex.outputs.geojson",
    ".graphml": "roadex.outputs.graphml",
    ".csv": "roadex.outputs.edgelist",
    ".shp": "roadex.outputs.shapefile",
}
"""Module of the writer of each file name suffix; each has a function ``write``."""


def write_network(
    network: Network,
    path: str | Path,
    *,
    provenance: Mapping[str, Any],
    overwrite: bool = False,
    config: OutputConfig | None = None,
) -> Path:
    """Write a network in the format its file name says.

    The files appear under their names when they are complete: a failure leaves what was there.

    Parameters
    ----------
    network
        Edges and nodes in one CRS.
    path
        Its suffix chooses the format, see :data:`WRITERS`.
    provenance
        What the network was made from and how, as JSON values. ``created`` (ISO 8601) becomes
        the time written into the file, so that equal runs give equal files.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the format is not known, the file exists, or it cannot be written.
    """
    path = Path(path)
    writer = check_target(path, overwrite=overwrite)
    try:
        _write_whole(network, path, provenance, config or OutputConfig(), writer)
    except (OSError, RuntimeError) as error:  # pyogrio's errors are RuntimeErrors
        msg = f"{path} cannot be written: {error}"
        raise OutputError(msg) from error
    return path


def check_target(path: Path, *, overwrite: bool) -> Writer:
    """Return the writer of a file's format if it could write there; worth asking before work.

    Raises
    ------
    OutputError
        If the format is not known, the file exists, or its folder does not.
    """
    writer = writer_for(path)
    if path.exists() and not overwrite:
        msg = f"{path} exists already. Choose another name, or allow overwriting it"
        raise OutputError(msg)
    if not path.parent.is_dir():
        msg = f"{path} cannot be written: there is no folder {path.parent}"
        raise OutputError(msg)
    return writer


def writer_for(path: Path) -> Writer:
    """Return the writer of a file name's format, or raise :class:`OutputError`."""
    module = WRITERS.get(path.suffix.lower())
    if module is None:
        msg = f"{path}: no format has the suffix {path.suffix!r}. Known: {', '.join(WRITERS)}"
        raise OutputError(msg)
    writer: Writer = import_module(module).write
    return writer


def _write_whole(
    network: Network,
    path: Path,
    provenance: Mapping[str, Any],
    config: OutputConfig,
    writer: Writer,
) -> None:
    """Write beside the final place, on the same disk, and rename when all is done."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.stem}-", dir=path.parent))
    try:
        writer(network, folder / path.name, provenance, config)
        written = sorted(folder.iterdir(), key=lambda file: (file.name == path.name, file.name))
        for file in written:  # the file that was asked for comes last
            os.replace(file, path.parent / file.name)  # noqa: PTH105 - replaces on every system
    finally:
        shutil.rmtree(folder, ignore_errors=True)
