"""Probability rasters of several scenes, opened as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely

from roadex.config import VectorConfig
from roadex.errors import SceneError
from roadex.imagery.geodesy import place
from roadex.imagery.locations import READING, public_name
from roadex.network.road_network import RoadNetwork
from roadex.probability.joined import JoinedSource, join_sources
from roadex.probability.source import ArraySource, ProbabilitySource, RasterSource

_OF_A_RUN = "probability"


def scene_names(locations: Sequence[str | Path]) -> list[str]:
    """Return what to call each raster: its file, or the folder of the run it is from."""
    paths = [Path(public_name(str(location))) for location in locations]
    names = [
        path.parent.name if path.stem == _OF_A_RUN and path.parent.name else path.stem
        for path in paths
    ]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def open_rasters(
    locations: Sequence[str], names: Sequence[str], **options: Any
) -> RasterSource | JoinedSource:
    """Open one raster, or several as one.

    Parameters
    ----------
    locations
        What GDAL opens.
    names
        What to call them in errors.
    options
        Of :meth:`RasterSource.open`, for all of them.

    Raises
    ------
    SceneError
        If one cannot be read, there are none, or they lie too far apart.
    """
    if not locations:
        msg = "there is no raster of road probability"
        raise SceneError(msg)
    with rasterio.Env(**READING):
        sources = [RasterSource.open(location, **options) for location in locations]
    return sources[0] if len(sources) == 1 else join_sources(sources, names)


def with_model_thresholds(settings: VectorConfig, source: ProbabilitySource) -> VectorConfig:
    """Return settings in which thresholds that were not given are those of the rasters' model.

    Raises
    ------
    SceneError
        If rasters of models with different thresholds are joined, and none were given.
    """
    if isinstance(source, ArraySource):
        return settings
    members = source.sources if isinstance(source, JoinedSource) else (source,)
    known = (s.thresholds for s in members if isinstance(s, RasterSource))
    all_thresholds = sorted({thresholds for thresholds in known if thresholds is not None})
    filled = {settings.with_thresholds(*thresholds).thresholds for thresholds in all_thresholds}
    if len(filled) > 1:
        msg = (
            "the rasters are of models with different thresholds, "
            f"{' and '.join(f'{low:g} to {high:g}' for low, high in all_thresholds)}: give "
            "--threshold and --low-threshold"
        )
        raise SceneError(msg)
    return settings.with_thresholds(*all_thresholds[0]) if all_thresholds else settings


def with_scenes(network: RoadNetwork, source: JoinedSource, names: Sequence[str]) -> RoadNetwork:
    """Return a network whose edges say which scene their middle is from, as ``scene``."""
    edges = network.edges
    middles = shapely.line_interpolate_point(edges.geometry.to_numpy(), 0.5, normalized=True)
    on_grid = gpd.GeoSeries(middles, crs=edges.crs).to_crs(source.crs)
    col, row = place(~source.transform, on_grid.x.to_numpy(), on_grid.y.to_numpy())
    owner = source.part_at(row, col)
    scenes = np.array([*names, None], dtype=object)[owner]  # -1, none, is the last one
    edges = edges.copy()
    edges.insert(edges.columns.get_loc(edges.geometry.name), "scene", scenes)
    return replace(network, edges=edges)
