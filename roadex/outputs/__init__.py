"""Files a road network can be written to: one module and one line of :data:`WRITERS` each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import geopandas as gpd

from roadex.config import OutputConfig
from roadex.errors import OutputError, public
from roadex.extensions import Extension, Family, find_extension, names_with_extensions
from roadex.network.tables import EDGE_TABLE
from roadex.outputs.whole import check_place, write_whole


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
    ".osm": "roadex.outputs.josm",
    ".kml": "roadex.outputs.kml",
    ".pmtiles": "roadex.outputs.pmtiles",
    ".maproulette.json": "roadex.outputs.maproulette",
    ".cooperative.maproulette.json": "roadex.outputs.maproulette_cooperative",
    ".overture.parquet": "roadex.outputs.overture",
}
"""Module of the writer of each ending of a file name; each has a function ``write``. The longest
ending counts."""


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
    settings = config or OutputConfig()
    made_by = public(dict(provenance) | {"edge_table": EDGE_TABLE})
    extension = _extension_for(path)
    if extension is not None:
        made_by["extensions"] = [*made_by.get("extensions", []), extension.record()]
    return write_whole(
        path,
        lambda place: writer(network, place, made_by, settings),
        overwrite=overwrite,
    )


def check_target(path: Path, *, overwrite: bool, inputs: Iterable[str | Path] = ()) -> Writer:
    """Return the writer of a file's format if it could write there; worth asking before work.

    Raises
    ------
    OutputError
        If the format is not known, the file exists, or its folder does not.
    """
    writer = writer_for(path)
    check_place(path, overwrite=overwrite, inputs=inputs)
    return writer


def is_network_file(path: Path) -> bool:
    """Return whether a file name has the ending of a format of networks."""
    return _own_ending(path) is not None or _extension_for(path) is not None


def writer_for(path: Path) -> Writer:
    """Return the writer of a file name's format.

    Raises
    ------
    OutputError
        If neither roadex nor an installed extension writes the format.
    ExtensionError
        If it is one of an extension that cannot be used.
    """
    ending = _own_ending(path)
    writer: Writer
    if ending is not None:
        writer = import_module(WRITERS[ending]).write
        return writer
    extension = _extension_for(path)
    if extension is None:
        known = ", ".join(names_with_extensions(Family.OUTPUTS, WRITERS))
        msg = f"{path}: unsupported format {path.suffix!r}. Supported: {known}"
        raise OutputError(msg)
    writer = extension.load()
    return writer


def _own_ending(path: Path) -> str | None:
    endings = [ending for ending in WRITERS if path.name.lower().endswith(ending)]
    return max(endings, key=len, default=None)


def _extension_for(path: Path) -> Extension | None:
    """Return the extension for a file name with an ending that roadex does not write."""
    if not path.suffix or _own_ending(path) is not None:
        return None
    names = names_with_extensions(Family.OUTPUTS, ())
    endings = [
        ending
        for ending in names
        if ending.startswith(".") and path.name.lower().endswith(ending.lower())
    ]
    return find_extension(Family.OUTPUTS, max(endings, key=len)) if endings else None
