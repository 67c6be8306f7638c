"""Lines of a vector file, in a CRS in which metres are metres."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas
import numpy as np
import pyogrio
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS

from roadex.errors import ScoreError
from roadex.imagery.geodesy import keeps_lengths, require_earth
from roadex.network.sound_lines import single_lines

EDGE_LAYER = "road_edges"
"""The layer roadex writes its lines to."""


@dataclass(frozen=True, slots=True, eq=False)
class RoadLines:
    """Lines and their CRS."""

    path: str
    geometries: NDArray[np.object_]
    crs: CRS | None
    notes: tuple[str, ...] = ()
    """What was left out of the file."""

    def to(self, crs: CRS) -> NDArray[np.object_]:
        """Return the lines in another CRS."""
        series = geopandas.GeoSeries(self.geometries, crs=self.crs).to_crs(crs)
        moved: NDArray[np.object_] = series.to_numpy()
        return moved


def read_lines(path: str, *, layer: str | None = None) -> RoadLines:
    """Read the lines of a vector file: the layer ``road_edges``, or the one that holds lines.

    Raises
    ------
    ScoreError
        If there are no lines, or several layers hold some.
    SceneError
        If their CRS is not one of the Earth.
    """
    if path.lower().endswith((".parquet", ".geoparquet")):
        frame = geopandas.read_parquet(path)
    else:
        frame = _read_layer(path, layer or line_layer(path))
    n_read = len(frame)
    frame, notes = single_lines(frame, path)
    if n_read and frame.empty:
        msg = f"{path} holds no lines: {'; '.join(notes)}"
        raise ScoreError(msg)
    crs = None if frame.crs is None else CRS.from_user_input(frame.crs)
    if crs is not None:
        require_earth(crs, path)
    return RoadLines(path, frame.geometry.to_numpy(), crs, notes)


def metric_crs(truth: RoadLines, prediction: RoadLines) -> tuple[CRS | None, str]:
    """Choose the CRS in which both sides are compared.

    The truth's own where it is a projection in metres that keeps lengths, as UTM and state grids
    do; else the UTM zone of the truth (of the prediction, where the truth is empty).

    Returns
    -------
    crs, reason
        None where neither side has a CRS: coordinates are then taken for metres.

    Raises
    ------
    ScoreError
        If just one side has a CRS.
    """
    if truth.crs is None and prediction.crs is None:
        return None, "no CRS on either side: coordinates are taken for metres"
    for side, other in ((truth, prediction), (prediction, truth)):
        if side.crs is None:
            msg = (
                f"{side.path} has no CRS, {other.path} has {_name(other.crs)}; write one with "
                "`ogr2ogr -a_srs EPSG:CODE OUT IN`"
            )
            raise ScoreError(msg)
    if truth.crs is not None and keeps_lengths(truth.crs):
        return truth.crs, f"lines compared in {_name(truth.crs)}, the CRS of the truth"
    located = truth if len(truth.geometries) else prediction
    if not len(located.geometries):
        return CRS.from_epsg(32631), "no lines on either side"
    utm = geopandas.GeoSeries(located.geometries, crs=located.crs).estimate_utm_crs()
    return CRS.from_user_input(utm), f"lines compared in {_name(utm)}"


def line_layer(path: str) -> str:
    """Return the layer of a vector file that holds its roads: ``road_edges``, or the only lines.

    Raises
    ------
    ScoreError
        If the file cannot be read, or several layers hold lines.
    """
    try:
        layers = pyogrio.list_layers(path)
    except DataSourceError as error:
        msg = f"cannot read lines from {path}: {error}"
        raise ScoreError(msg) from error
    names = [name for name, kind in layers if kind is not None]
    if EDGE_LAYER in names:
        return EDGE_LAYER
    with_lines = [name for name, kind in layers if kind is not None and "Line" in kind]
    if len(with_lines) == 1 or len(names) == 1:
        return str((with_lines or names)[0])
    msg = (
        f"{path} has {len(with_lines) or 'no'} layers of lines ({', '.join(names)}); "
        "write the roads to a file of their own with `ogr2ogr OUT IN LAYER`"
    )
    raise ScoreError(msg)


def read_line_table(
    path: str, *, layer: str = "", with_areas: bool = False
) -> geopandas.GeoDataFrame:
    """Read the lines of a vector file with their attributes, one line a row.

    Parameters
    ----------
    path
        A file.
    layer
        Empty: that of :func:`line_layer`.
    with_areas
        Polygons too.

    Raises
    ------
    ScoreError
        If it cannot be read, has no CRS, or several layers hold lines.
    """
    try:
        if path.lower().endswith((".parquet", ".geoparquet")):
            frame = geopandas.read_parquet(path)
        else:
            frame = pyogrio.read_dataframe(path, layer=layer or line_layer(path))
    except (DataSourceError, DataLayerError, OSError) as error:
        msg = f"cannot read {path}: {error}"
        raise ScoreError(msg) from error
    if frame.crs is None:
        msg = f"{path} has no CRS; write one with `ogr2ogr -a_srs EPSG:CODE OUT {path}`"
        raise ScoreError(msg)
    return single_lines(frame, path, with_areas=with_areas)[0]


def _read_layer(path: str, layer: str) -> geopandas.GeoDataFrame:
    try:
        return pyogrio.read_dataframe(path, layer=layer, columns=[])
    except (DataSourceError, DataLayerError) as error:
        msg = f"cannot read layer {layer} of {path}: {error}"
        raise ScoreError(msg) from error


def _name(crs: CRS | None) -> str:
    if crs is None:
        return "no CRS"
    authority: tuple[str, str] | None = crs.to_authority()
    return ":".join(authority) if authority else str(crs.name)
