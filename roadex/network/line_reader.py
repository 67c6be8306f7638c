"""Lines of a vector file, in a CRS in which metres are metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from roadex.errors import NetworkError, ScoreError
from roadex.imagery.geodesy import keeps_lengths, metric_crs_at
from roadex.imagery.georeference import require_earth
from roadex.network.sound_lines import single_lines
from roadex.network.vector_files import is_parquet, layers_of, read_geometries

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
        """Return the lines in another CRS.

        Raises
        ------
        NetworkError
            If it has no such places.
        """
        series = geopandas.GeoSeries(self.geometries, crs=self.crs).to_crs(crs)
        moved: NDArray[np.object_] = series.to_numpy()
        if not np.isfinite(shapely.get_coordinates(moved)).all():
            msg = f"{self.path} lies too far from the other side to be brought to {_name(crs)}"
            raise NetworkError(msg)
        return moved


def read_lines(path: str, *, layer: str | None = None) -> RoadLines:
    """Read the lines of a vector file: the layer ``road_edges``, or the one that holds lines.

    Raises
    ------
    NetworkError
        If it cannot be read.
    ScoreError
        If there are no lines, or several layers hold some.
    SceneError
        If their CRS is not one of the Earth.
    """
    frame = _read(path, layer or "", columns=[])
    crs = None if frame.crs is None else CRS.from_user_input(frame.crs)
    if crs is not None:
        require_earth(crs, path)
    n_read = len(frame)
    frame, notes = single_lines(frame, path)
    if n_read and frame.empty:
        msg = f"{path} holds no lines: {'; '.join(notes)}"
        raise ScoreError(msg)
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
    utm = metric_crs_of(geopandas.GeoSeries(located.geometries, crs=located.crs))
    return utm, f"lines compared in {_name(utm)}"


def metric_crs_of(lines: geopandas.GeoSeries) -> CRS:
    """Return the CRS in metres for the middle of lines: a UTM zone, or polar beyond UTM."""
    left, bottom, right, top = lines.to_crs(4326).total_bounds
    return metric_crs_at((left + right) / 2, (bottom + top) / 2)


def line_layer(path: str) -> str:
    """Return the layer of a vector file that holds its roads: ``road_edges``, or the only lines.

    Raises
    ------
    NetworkError
        If the file cannot be read.
    ScoreError
        If several layers hold lines.
    """
    kinds = {name: kind for name, kind in layers_of(path).items() if kind is not None}
    names = list(kinds)
    if EDGE_LAYER in names:
        return EDGE_LAYER
    with_lines = [name for name, kind in kinds.items() if "Line" in kind]
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
    NetworkError
        If it cannot be read.
    ScoreError
        If it has no CRS, or several layers hold lines.
    SceneError
        If its CRS is not one of the Earth.
    """
    frame = _read(path, layer)
    if frame.crs is None:
        msg = f"{path} has no CRS; write one with `ogr2ogr -a_srs EPSG:CODE OUT {path}`"
        raise ScoreError(msg)
    require_earth(CRS.from_user_input(frame.crs), path)
    return single_lines(frame, path, with_areas=with_areas)[0]


def _read(path: str, layer: str, *, columns: Sequence[str] | None = None) -> geopandas.GeoDataFrame:
    chosen = None if is_parquet(path) else layer or line_layer(path)
    return read_geometries(path, layer=chosen, columns=columns)


def _name(crs: CRS | None) -> str:
    if crs is None:
        return "no CRS"
    authority: tuple[str, str] | None = crs.to_authority()
    return ":".join(authority) if authority else str(crs.name)
