"""A network in the cells of a square grid: files small enough for what reads them, each road once.

A cell has the edges whose middle lies in it, whole, and the nodes these end at. So every edge is in
one cell, and a node at the border of cells in several, with one id: put together, the cells are the
network again. The grid is that of the CRS, so that networks side by side have the same cells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely

from roadex.config import OutputConfig
from roadex.errors import OutputError
from roadex.files import whole_file
from roadex.imagery.geodesy import keeps_lengths
from roadex.network.road_network import RoadNetwork
from roadex.outputs import write_network, writer_for

INDEX: Final = "cells.json"

_NAME: Final = re.compile(r"x-?\d+_y-?\d+")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the grid and its part of the network."""

    name: str
    """``x12_y345``: number of the column and row, counted from the origin of the CRS."""

    bounds: tuple[float, float, float, float]
    edges: gpd.GeoDataFrame
    nodes: gpd.GeoDataFrame


def cells_of(network: RoadNetwork, size_m: float) -> Iterator[Cell]:
    """Yield the cells that have roads, by row and column.

    Parameters
    ----------
    network
        In a CRS in metres.
    size_m
        Side of a cell.

    Raises
    ------
    OutputError
        If the CRS does not keep lengths.
    """
    if not keeps_lengths(network.crs):
        msg = f"cells in metres need a CRS in metres, not {network.crs.name}; choose one with --crs"
        raise OutputError(msg)
    lines = network.edges.geometry.to_numpy()
    middles = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
    numbers, index = np.unique(
        np.floor(middles[:, ::-1] / size_m).astype(np.int64), axis=0, return_inverse=True
    )
    order = np.argsort(index.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(index.ravel(), minlength=len(numbers)))
    for (y, x), members in zip(numbers.tolist(), np.split(order, ends[:-1]), strict=True):
        edges = network.edges.iloc[members]
        at_ends = network.nodes["node_id"].isin(edges[["u", "v"]].to_numpy().ravel())
        left, bottom = x * size_m, y * size_m
        bounds = (left, bottom, left + size_m, bottom + size_m)
        yield Cell(f"x{x}_y{y}", bounds, edges, network.nodes[at_ends])


def write_cells(
    network: RoadNetwork,
    path: Path,
    *,
    size_m: float,
    provenance: Mapping[str, Any],
    overwrite: bool = False,
    config: OutputConfig | None = None,
) -> list[str]:
    """Write a network as a file per cell.

    Parameters
    ----------
    network
        In a CRS in metres.
    path
        ``FOLDER/NAME.SUFFIX``: a cell becomes ``FOLDER/CELL/NAME.SUFFIX``; ``FOLDER/cells.json``
        lists all. The folder is made if it is not there.
    size_m
        Side of a cell.
    provenance, config
        As in :func:`roadex.outputs.write_network`.
    overwrite
        Replace the cells that were written there before.

    Returns
    -------
    names
        The cells.

    Raises
    ------
    OutputError
        If they cannot be written, are there already, or the CRS has no metres.
    """
    writer_for(path)
    folder, index = path.parent, path.parent / INDEX
    _make_room(folder, overwrite=overwrite)
    listed: list[dict[str, Any]] = []
    for cell in cells_of(network, size_m):
        place = folder / cell.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        part = RoadNetwork(edges=cell.edges, nodes=cell.nodes, summary={})
        made_by = dict(provenance) | {"cell": cell.name, "cell_m": size_m}
        write_network(part, place, provenance=made_by, overwrite=overwrite, config=config)
        listed.append(
            {
                "name": cell.name,
                "file": f"{cell.name}/{path.name}",
                "bounds": cell.bounds,
                "edges": len(cell.edges),
                "road_km": round(float(cell.edges["length_m"].sum()) / 1000, 3),
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    content = {"roadex": 1, "crs": network.crs.to_string(), "size_m": size_m, "cells": listed}
    with whole_file(index) as place:
        place.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return [cell["name"] for cell in listed]


def _make_room(folder: Path, *, overwrite: bool) -> None:
    """Take away the cells that an earlier call wrote, and nothing else."""
    index = folder / INDEX
    if not index.exists():
        return
    if not overwrite:
        msg = f"{index} exists: the folder holds a network in cells. Add --overwrite to replace it"
        raise OutputError(msg)
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        _, files = content["roadex"], [Path(cell["file"]) for cell in content["cells"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{index} was not written by roadex; choose another folder"
        raise OutputError(msg) from error
    for file in files:
        if len(file.parts) != 2 or not _NAME.fullmatch(file.parts[0]):
            continue
        for written in (folder / file.parent).glob(f"{file.stem}*"):
            written.unlink()
        with suppress(OSError):  # something else is in it
            (folder / file.parent).rmdir()
    index.unlink()
