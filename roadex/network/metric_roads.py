"""Networks as lines in metres: what merging and rebuilding begin with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from roadex.errors import NetworkError
from roadex.imagery.geodesy import keeps_lengths, metric_crs_at
from roadex.imagery.georeference import require_earth
from roadex.imagery.longitudes import MOST_DEGREES_APART, degrees_apart
from roadex.network.road_network import RoadNetwork
from roadex.network.sound_lines import single_lines

Tables: TypeAlias = tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]
"""Edges and nodes."""

AnyNetwork: TypeAlias = str | Path | RoadNetwork | Tables | gpd.GeoDataFrame
"""A network: file of roadex, network, its tables of edges and nodes, or its edges alone."""


@dataclass(frozen=True, slots=True)
class MetricRoads:
    """Lines with attributes in a CRS in metres, and the places where scenes end."""

    lines: NDArray[np.object_]
    attributes: pd.DataFrame
    """One row per line, columns as in :class:`~roadex.network.road_network.RoadNetwork`; those that
    are missing are unknown."""

    borders: NDArray[np.float64]
    """Shape ``(n, 2)``: places of nodes of kind ``border``."""

    crs: CRS
    """That of the lines, in metres."""

    output_crs: CRS
    """The CRS a result is to have: that in which the first network came."""

    notes: tuple[str, ...] = ()
    """What was left out."""


def metric_roads(networks: Sequence[AnyNetwork]) -> list[MetricRoads]:
    """Return the sound lines of networks, all in one metric CRS.

    Raises
    ------
    NetworkError
        If a file is no network of roadex, one has no CRS, or they lie too far apart for one CRS.
    TypeError
        If something is no network.
    """
    frames = [_tables(network) for network in networks]
    names = [_name(network, i) for i, network in enumerate(networks)]
    crs = _work_crs(frames, names)
    output_crs = CRS.from_user_input(frames[0][0].crs)
    return [
        _roads(edges, nodes, crs, output_crs, name)
        for (edges, nodes), name in zip(frames, names, strict=True)
    ]


def _name(network: AnyNetwork, position: int) -> str:
    """Return what the column ``scene`` calls a network: its file, or its place in the list."""
    if not isinstance(network, str | Path):
        return f"network {position + 1}"
    path = Path(network)
    # The results of scenes are all called roads.gpkg, each in a folder of its own.
    return path.parent.name if path.stem == "roads" and path.parent.name else path.stem


def _tables(network: AnyNetwork) -> Tables:
    if isinstance(network, str | Path):
        network = RoadNetwork.read(network)
    if isinstance(network, RoadNetwork):
        return network.edges, network.nodes
    if isinstance(network, gpd.GeoDataFrame):
        return network, gpd.GeoDataFrame({"kind": []}, geometry=[], crs=network.crs)
    if isinstance(network, tuple) and all(isinstance(t, gpd.GeoDataFrame) for t in network):
        return network
    msg = f"merge takes paths, RoadNetworks and GeoDataFrames, got {type(network).__name__}"
    raise TypeError(msg)


def _work_crs(frames: Sequence[Tables], names: Sequence[str]) -> CRS:
    """Return a CRS in which metres are metres for all networks.

    Raises
    ------
    NetworkError
        If a network has no CRS, or they lie too far apart for one.
    """
    for (edges, _), name in zip(frames, names, strict=True):
        if edges.crs is None:
            msg = f"{name} has no CRS; write one with `ogr2ogr -a_srs EPSG:CODE OUT IN`"
            raise NetworkError(msg)
        require_earth(CRS.from_user_input(edges.crs), name)
    crs = CRS.from_user_input(frames[0][0].crs)
    middles = [(_middle(edges), name) for (edges, _), name in zip(frames, names, strict=True)]
    placed = [(middle, name) for middle, name in middles if middle is not None]
    if not placed:
        return crs if keeps_lengths(crs) else CRS.from_epsg(32631)
    (longitude, latitude), first = placed[0]
    for (other, _), name in placed[1:]:
        apart = degrees_apart(longitude, other)
        if apart > MOST_DEGREES_APART:
            msg = (
                f"{name} lies {apart:.0f} degrees of longitude from {first}: no metric CRS fits "
                "both. Merge networks of one region at a time"
            )
            raise NetworkError(msg)
    return crs if keeps_lengths(crs) else metric_crs_at(longitude, latitude)


def _middle(edges: gpd.GeoDataFrame) -> tuple[float, float] | None:
    """Return longitude and latitude of the middle of a network, None if it has no roads."""
    sound, _ = single_lines(edges, "")
    if sound.empty:
        return None
    left, bottom, right, top = sound.to_crs(4326).total_bounds
    return (left + right) / 2, (bottom + top) / 2


def _roads(
    edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame, crs: CRS, output_crs: CRS, name: str
) -> MetricRoads:
    """Return the sound lines of a network, and what was left out here or on the way to ``crs``."""
    sound, notes = single_lines(edges, name)
    moved, lost = single_lines(sound.to_crs(crs), name)
    is_point = shapely.get_type_id(nodes.geometry.to_numpy()) == 0
    is_border = (nodes["kind"] == "border") & is_point & ~shapely.is_empty(nodes.geometry)
    borders = shapely.get_coordinates(nodes.geometry[is_border].to_crs(crs).to_numpy())
    attributes = pd.DataFrame(moved.drop(columns=moved.geometry.name))
    if "scene" not in attributes or attributes["scene"].isna().all():
        attributes["scene"] = name
    lines = moved.geometry.to_numpy()
    return MetricRoads(lines, attributes, borders, crs, output_crs, (*notes, *lost))
