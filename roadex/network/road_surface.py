"""Edges with their surface, told from the imagery they were found in."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from roadex.imagery.scene import RGB, Scene
from roadex.imagery.work_grid import WorkGrid
from roadex.network.cleaning.bridges import MapTasks
from roadex.network.road_colours import SceneColours, lines_in_pixels, road_colours, scene_colours
from roadex.network.road_network import RoadNetwork
from roadex.network.surface import surface_features, surface_of, unpaved_probability

_GREY: Final = 0.02
"""Range of redness below which a scene has no colours."""

_USUAL_REDNESS: Final = (-0.15, 0.25)
"""Medians of scenes in natural colours: those the model was fitted and judged on have -0.05 (fields
in the Netherlands) to 0.15 (red earth in Kampala), one of a brown river in Manila 0.18."""

_DARKEST: Final = 0.7
"""Exponent of :class:`roadex.imagery.radiometry.Radiometry` below which little is left of colours;
scenes the model was fitted on have 0.76 to 1."""


def edge_features(
    edges: gpd.GeoDataFrame,
    scene: Scene,
    grid: WorkGrid,
    colours: SceneColours,
    map_tasks: MapTasks = map,
) -> NDArray[np.float64]:
    """Return the features of every edge, see :func:`roadex.network.surface.surface_features`.

    Parameters
    ----------
    edges
        Lines with ``width_m``, in any CRS.
    scene, grid
        The scene they were found in, and its work grid.
    colours
        Of the scene.
    map_tasks
        Applies a picklable function to items, here or elsewhere, in any order.
    """
    width_m = edges["width_m"].to_numpy(np.float64)
    along = road_colours(lines_in_pixels(edges, grid), width_m, scene, grid, map_tasks)
    return surface_features(
        along.redness / scene.radiometry.gamma,  # brightening a scene takes that much from colours
        along.brightness,
        width_m,
        mean=colours.brightness,
        deviation=colours.deviation,
    )


def with_surface(
    network: RoadNetwork, scene: Scene, grid: WorkGrid, map_tasks: MapTasks = map
) -> RoadNetwork:
    """Return a network whose edges have ``surface`` and ``surface_prob``.

    ``surface_prob`` is the probability that an edge is unpaved, NaN where it cannot be told;
    ``surface`` is None where that decides nothing. ``summary["no_surface"]`` says why none of the
    edges has one, and is empty where they may.

    Parameters
    ----------
    network, scene, grid, map_tasks
        As in :func:`edge_features`.
    """
    reason = _why_bands(scene)
    probability = np.full(len(network.edges), np.nan)
    if not reason and len(probability):
        colours = scene_colours(scene, map_tasks)
        reason = why_not(scene, colours)
        if not reason:
            features = edge_features(network.edges, scene, grid, colours, map_tasks)
            probability = unpaved_probability(features).round(4)
    edges = network.edges.copy()
    place = edges.columns.get_loc(edges.geometry.name)
    edges.insert(place, "surface", surface_of(probability))
    edges.insert(place + 1, "surface_prob", probability)
    return replace(network, edges=edges, summary=network.summary | {"no_surface": reason})


def why_not(scene: Scene, colours: SceneColours) -> str:
    """Return why the surface of roads cannot be told in a scene; nothing where it can."""
    if np.isnan(colours.brightness):
        return "no imagery was found in the windows sampled from the scene"
    if scene.radiometry.gamma < _DARKEST:
        return "the scene is dark"
    if colours.redness_range < _GREY:
        return "the scene has no colours"
    low, high = _USUAL_REDNESS
    if not low <= colours.redness <= high:
        return "the colours of the scene are not natural ones (infrared, or a strong cast)"
    return ""


def _why_bands(scene: Scene) -> str:
    """Return why bands are not red, green and blue; nothing where nothing speaks against it."""
    if not set(RGB) <= set(scene.wanted):
        return "the model does not take red, green and blue"
    roles = scene.mosaic.placed[0].member.roles
    stated = [roles[band - 1] for band in scene.bands]
    if any(role not in (None, name) for role, name in zip(stated, scene.wanted, strict=True)):
        return "other bands stand in for red, green and blue"
    return ""
