"""Crossings that may be on two levels: a bridge looks like a crossing from above.

Where two roads go straight on through a node and are plainly different roads, one may pass over the
other. No turn between them is certain there.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

ARM_M = 25.0
"""Length of the arms whose directions are compared, in metres; less where an edge is shorter."""

STRAIGHT_DEG = 20.0
"""A road that turns by less than this at the node goes straight on."""

LEAST_CROSSING_DEG = 30.0
"""Roads that meet at a smaller angle merge; they do not cross."""

WIDTH_RATIO = 1.5
PROBABILITY_DIFFERENCE = 0.2
"""Roads that differ by at least one of these in width and in probability are different roads."""


def level_unknown(edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Return which nodes are crossings of two roads that may be on different levels.

    Parameters
    ----------
    edges, nodes
        Tables of a :class:`roadex.RoadNetwork`; ``u`` and ``v`` are rows of ``nodes``.

    Returns
    -------
    unknown
        Shape ``(n_nodes,)``.
    """
    unknown = np.zeros(len(nodes), dtype=np.bool_)
    ends = np.stack([edges["u"].to_numpy(), edges["v"].to_numpy()], axis=1).reshape(-1)
    four = np.isin(ends, np.flatnonzero(nodes["degree"].to_numpy() == 4))
    order = np.flatnonzero(four)[np.argsort(ends[four], kind="stable")]
    if len(order) == 0:
        return unknown
    arms = order.reshape(-1, 4)
    heading = _headings(edges, nodes, order).reshape(-1, 4)
    around = np.argsort(heading, axis=1)
    arms = np.take_along_axis(arms, around, axis=1)
    heading = np.take_along_axis(heading, around, axis=1)
    turns = np.diff(heading, axis=1, append=heading[:, :1] + 2 * np.pi)
    opposite = turns[:, :2] + turns[:, 1:3]
    straight = np.abs(opposite - np.pi).max(axis=1) <= np.radians(STRAIGHT_DEG)
    across = turns.min(axis=1) >= np.radians(LEAST_CROSSING_DEG)
    unknown[ends[arms[:, 0]]] = straight & across & _are_different(edges, arms // 2)
    return unknown


def _headings(
    edges: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame, ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the direction in which the road leaves at each edge end, in radians.

    End ``2 * edge`` is at the first point of an edge, ``2 * edge + 1`` at its last one.
    """
    edge, is_last = ends // 2, ends % 2 == 1
    lines = edges.geometry.to_numpy()[edge]
    share = np.minimum(ARM_M / np.maximum(edges["length_m"].to_numpy()[edge], 1e-9), 0.5)
    at = np.where(is_last, 1 - share, share)
    away = shapely.get_coordinates(shapely.line_interpolate_point(lines, at, normalized=True))
    here = shapely.get_coordinates(shapely.get_point(lines, np.where(is_last, -1, 0)))
    steps = away - here
    if nodes.crs is not None and nodes.crs.is_geographic:
        steps[:, 0] *= np.cos(np.radians(here[:, 1]))
    heading: NDArray[np.float64] = np.arctan2(steps[:, 1], steps[:, 0])
    return heading


def _are_different(edges: gpd.GeoDataFrame, arms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether the roads through nodes differ; arms 0 and 2 are one road, 1 and 3 another."""
    width, probability = (
        edges[name].to_numpy(dtype=np.float64) for name in ("width_m", "prob_mean")
    )
    with np.errstate(invalid="ignore"):
        one, other = (width[arms[:, pair]].mean(axis=1) for pair in ([0, 2], [1, 3]))
        wider = np.maximum(one, other) >= WIDTH_RATIO * np.minimum(one, other)
        one, other = (probability[arms[:, pair]].mean(axis=1) for pair in ([0, 2], [1, 3]))
        surer = np.abs(one - other) >= PROBABILITY_DIFFERENCE
    different: NDArray[np.bool_] = wider | surer
    return different
