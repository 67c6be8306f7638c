"""Windows drawn at random, in which a person is to draw the true roads.

    probability ─► squares of imagery ─┬─ with roads of the network ─┐
                                       └─ without any               ─┴─► some of each, at random

Two strata, because most squares of most places hold no road: drawn from all alike, nearly all
windows would be empty, and drawn where the network has roads, none would show what it lacks.

References
----------
.. [1] W. G. Cochran, "Sampling Techniques", 3rd edition, 1977, chapter 5 (stratified sampling).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from roadex.config import NODATA
from roadex.errors import ScoreError
from roadex.imagery.geodesy import keeps_lengths, pixel_size, place
from roadex.network.line_reader import metric_crs_of
from roadex.probability.source import ProbabilitySource

WITH_ROADS: Final = "roads"
WITHOUT_ROADS: Final = "no roads"
"""Strata: whether the network has roads in a square."""

MARGIN_M: Final = 10.0
"""Roads are drawn in a window this much wider on each side than the square that counts: a road of
the network at the edge of the square may belong to a true one just outside."""

_SHARE_WITH_ROADS: Final = 0.6
"""Share of the windows that is drawn where the network has roads."""

_LEAST_IMAGED: Final = 0.5
"""Squares of which less is imaged are left out."""


def squares_of(source: ProbabilitySource, size_m: float) -> gpd.GeoDataFrame:
    """Cut what is imaged into squares.

    Parameters
    ----------
    source
        Road probability; nodata is not imaged. Read a row of squares at a time.
    size_m
        Side of the squares on the ground; changed a little, so that they fill the grid.

    Returns
    -------
    squares
        Those that are imaged by half or more, in a CRS in metres, with ``imaged_m2``.
    """
    pixel = pixel_size(source.transform, source.crs, source.shape)
    cols = _cuts(source.shape[1], size_m / pixel.col_m)
    rows = _cuts(source.shape[0], size_m / pixel.row_m)
    imaged, corners = [], []
    for top, bottom in pairwise(rows.tolist()):
        values = source.read(top, 0, bottom - top, source.shape[1])
        imaged.append(np.add.reduceat((values != NODATA).sum(axis=0), cols[:-1]))
        corners.append(np.stack([cols[:-1], cols[:-1] * 0 + top, cols[1:], cols[1:] * 0 + bottom]))
    n_imaged, (left, top, right, bottom) = np.concatenate(imaged), np.concatenate(corners, axis=1)
    kept = n_imaged >= _LEAST_IMAGED * (right - left) * (bottom - top)
    boxes = shapely.box(left[kept], top[kept], right[kept], bottom[kept])
    placed = shapely.transform(
        boxes, lambda xy: np.stack(place(source.transform, xy[:, 0], xy[:, 1]), axis=1)
    )
    squares = gpd.GeoDataFrame(
        {"imaged_m2": n_imaged[kept] * pixel.row_m * pixel.col_m}, geometry=placed, crs=source.crs
    )
    return squares if squares.empty else squares.to_crs(metric_crs_for(squares.geometry))


def metric_crs_for(geometries: gpd.GeoSeries) -> CRS:
    """Return the CRS of geometries where it keeps lengths in metres, else that of their middle."""
    crs = CRS.from_user_input(geometries.crs)
    return crs if keeps_lengths(crs) else metric_crs_of(geometries)


def _cuts(n_pixels: int, side_px: float) -> NDArray[np.int64]:
    """Return where a side of the grid is cut into nearly equal parts."""
    n_parts = min(n_pixels, max(1, round(n_pixels / side_px)))
    return np.linspace(0, n_pixels, n_parts + 1).round().astype(np.int64)


def draw_windows(
    squares: gpd.GeoDataFrame, roads: gpd.GeoSeries, *, n_windows: int, seed: int
) -> gpd.GeoDataFrame:
    """Draw windows from the squares, without replacement, in random order.

    Because of the order, the first windows are a random sample too: one may stop at any.

    Parameters
    ----------
    squares
        Of :func:`squares_of`.
    roads
        Lines of the network, in any CRS.
    n_windows
        How many; all squares where there are fewer. Three of five lie where the network has roads,
        and at least two in each stratum.

    Returns
    -------
    windows
        In the CRS of the roads: ``window_id`` from 1, ``stratum``, ``state`` and ``note`` (empty,
        for a person), ``imaged_m2`` of the square, ``stratum_m2`` and ``stratum_squares``: what
        the window was drawn from. The geometry is the square with :data:`MARGIN_M` around it.

    Raises
    ------
    ScoreError
        If nothing is imaged.
    """
    if squares.empty:
        msg = "no windows can be drawn: the probability is nodata nearly everywhere"
        raise ScoreError(msg)
    tree = shapely.STRtree(squares.geometry.to_numpy())
    _, met = tree.query(roads.to_crs(squares.crs).to_numpy(), predicate="intersects")
    has_roads = np.zeros(len(squares), dtype=np.bool_)
    has_roads[met] = True
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(np.concatenate(list(_choose(has_roads, n_windows, rng))))
    stratum = np.where(has_roads, WITH_ROADS, WITHOUT_ROADS)
    area = squares["imaged_m2"].groupby(stratum)
    frame = squares.iloc[chosen].reset_index(drop=True)
    frame.insert(0, "window_id", np.arange(1, len(frame) + 1))
    frame.insert(1, "stratum", stratum[chosen])
    for name in ("note", "state"):
        frame.insert(2, name, np.full(len(frame), None, dtype=object))
    frame["imaged_m2"] = frame["imaged_m2"].round(1)
    frame["stratum_m2"] = area.transform("sum").to_numpy()[chosen].round(1)
    frame["stratum_squares"] = area.transform("size").to_numpy()[chosen].astype(np.int64)
    widened = frame.geometry.buffer(MARGIN_M, join_style="mitre")
    return frame.set_geometry(widened).to_crs(roads.crs)


def _choose(
    has_roads: NDArray[np.bool_], n_windows: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield the squares that are drawn from each stratum."""
    strata = np.flatnonzero(has_roads), np.flatnonzero(~has_roads)
    sizes = [len(stratum) for stratum in strata]
    first = max(2, round(_SHARE_WITH_ROADS * n_windows))
    first = min(sizes[0], max(first, n_windows - sizes[1]))
    second = min(sizes[1], max(2, n_windows - first))
    for stratum, number in zip(strata, (first, second), strict=True):
        yield rng.choice(stratum, number, replace=False)
