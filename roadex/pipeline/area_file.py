"""The area a user asks for, by bounds or a file of polygons, brought to a work grid."""

from __future__ import annotations

import geopandas
import numpy as np
import shapely
from pyproj import CRS

from roadex.errors import ConfigError, NetworkError, SceneError
from roadex.imagery.area import Area
from roadex.imagery.georeference import require_earth
from roadex.imagery.locations import public_name
from roadex.imagery.work_grid import WorkGrid
from roadex.network.sound_lines import are_places
from roadex.network.vector_files import layers_of, read_geometries

_PARTS = 256
"""Into how many parts the longest side of an area is cut before it is brought to another CRS:
straight lines bend on the way."""


def read_area(text: str, grid: WorkGrid) -> Area:
    """Return the area of interest on a grid.

    Parameters
    ----------
    text
        ``WEST,SOUTH,EAST,NORTH`` in degrees, or a vector file with polygons and a CRS.
    grid
        The work grid of the scene.

    Raises
    ------
    ConfigError
        If it is neither, or reaches beyond what the CRS of the grid can say.
    SceneError
        If it does not meet the scene, or its CRS is not one of the Earth.
    """
    bounds = _of_bounds(text)
    frame = _of_file(text) if bounds is None else bounds
    there = _on_grid(frame, grid, public_name(text))
    polygons = shapely.union_all(shapely.make_valid(there.to_numpy()))
    matrix = ~grid.transform
    in_pixels = shapely.transform(polygons, lambda x, y: matrix @ (x, y), interleaved=False)
    area = Area.of(in_pixels)
    if area.window(grid.shape) is None:
        msg = f"the area of interest {public_name(text)} does not meet the scene"
        raise SceneError(msg)
    return area


def _on_grid(area: geopandas.GeoSeries, grid: WorkGrid, name: str) -> geopandas.GeoSeries:
    """Return polygons in the CRS of a grid."""
    problem = f"the area of interest {name} has coordinates that are no places on the Earth"
    own = CRS.from_user_input(area.crs)
    require_earth(own, name)
    if are_places(shapely.get_coordinates(area.to_numpy()), own).all():
        longest = max(area.total_bounds[2:] - area.total_bounds[:2])
        there = area.segmentize(longest / _PARTS).to_crs(CRS.from_wkt(grid.crs.to_wkt()))
        if np.isfinite(shapely.get_coordinates(there.to_numpy())).all():
            return there
        problem = (
            f"the area of interest {name} reaches where the CRS of the scene has no coordinates; "
            "cut it to the region of the scene"
        )
    raise ConfigError(problem)


def _of_bounds(text: str) -> geopandas.GeoSeries | None:
    """Return the rectangle of ``WEST,SOUTH,EAST,NORTH``; None where the text is something else."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return None
    if len(numbers) != 4 or not (numbers[0] < numbers[2] and numbers[1] < numbers[3]):
        msg = f"{text} are no bounds: give WEST,SOUTH,EAST,NORTH in degrees, as 16.5,49.1,16.6,49.2"
        raise ConfigError(msg)
    return geopandas.GeoSeries([shapely.box(*numbers)], crs=4326)


def _of_file(path: str) -> geopandas.GeoSeries:
    name = public_name(path)
    try:
        names = [layer for layer, kind in layers_of(path).items() if kind is not None]
        frames = [read_geometries(path, layer=layer, columns=[]) for layer in names]
    except NetworkError as error:
        msg = f"cannot read the area of interest {name}: {error.__cause__ or error}"
        raise ConfigError(msg) from error
    polygons = [f.geometry[f.geom_type.isin(["Polygon", "MultiPolygon"])] for f in frames]
    polygons = [found for found in polygons if len(found)]
    if not polygons:
        msg = f"the area of interest {name} holds no polygon"
        raise ConfigError(msg)
    if len(polygons) > 1:
        msg = f"the area of interest {name} has several layers of polygons; write one to a file"
        raise ConfigError(msg)
    if polygons[0].crs is None:
        msg = f"the area of interest {name} has no CRS"
        raise ConfigError(msg)
    return polygons[0]
