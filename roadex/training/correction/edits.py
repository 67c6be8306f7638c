"""What a person changed in a network: the roads added, deleted and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from roadex.errors import NetworkError

_MOVED_M: Final = 5.0
"""A line this close to one of the other network is the same road."""

_SAME_M: Final = 0.5
"""A line this close to one of the other network has not been moved."""

_SLIVER_M: Final = 8.0
"""Shorter rests of lines that differ are no edits."""

_MOSTLY: Final = 0.7
"""Share of a line that differs, from which all of it does."""

_TOUCHING_M: Final = 0.01
"""Lines this close touch, whatever rounding did."""

_USUAL_WIDTH_M: Final = 6.0
"""Width of roads where no edge has one."""


@dataclass(frozen=True, slots=True)
class Roads:
    """Lines in the CRS of a work grid, with their widths in metres, shape ``(n,)``."""

    lines: NDArray[np.object_]
    widths_m: NDArray[np.float64]

    @property
    def km(self) -> float:
        """Their length."""
        return float(shapely.length(self.lines).sum()) / 1000

    def __add__(self, other: Roads) -> Roads:
        """Return these roads and others."""
        return Roads(
            np.concatenate([self.lines, other.lines]),
            np.concatenate([self.widths_m, other.widths_m]),
        )


@dataclass(frozen=True, slots=True)
class Edits:
    """The roads of two states of a network.

    ``added``, ``deleted`` and ``kept`` are roads: one that was moved a little is kept. ``drawn``,
    ``gone`` and ``same`` are lines: one that was moved is gone where it was, and drawn anew.
    """

    added: Roads
    deleted: Roads
    kept: Roads
    drawn: Roads
    gone: Roads
    same: Roads


def find_edits(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> Edits:
    """Compare an edited network with the one it was made of.

    Parameters
    ----------
    before, after
        Lines in one metric CRS, with ``width_m`` where it is known. Edges of ``after`` whose
        ``review`` is ``wrong`` count as deleted.

    Raises
    ------
    NetworkError
        If nothing was changed.
    """
    usual = before["width_m"].median() if "width_m" in before else np.nan
    usual = _USUAL_WIDTH_M if not usual > 0 else float(usual)
    if "review" in after:
        after = after[after["review"].astype("string").str.lower().ne("wrong").fillna(True)]
    old, new = (_changed(one, other) for one, other in ((before, after), (after, before)))
    unchanged = Roads(before.geometry[~old].to_numpy(), _widths(before[~old], usual))
    (deleted, kept), (gone, same) = (
        _apart(before[old], after, usual, near_m) for near_m in (_MOVED_M, _SAME_M)
    )
    added, drawn = (_apart(after[new], before, usual, near_m)[0] for near_m in (_MOVED_M, _SAME_M))
    edits = Edits(added, deleted, unchanged + kept, drawn, gone, unchanged + same)
    if not len(edits.added.lines) and not len(edits.deleted.lines):
        msg = (
            "the edited network does not differ from the one it was made of: no road was added or "
            f"deleted over more than {_SLIVER_M:g} m"
        )
        raise NetworkError(msg)
    return edits


def _changed(lines: gpd.GeoDataFrame, others: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Return which lines are not among the others to the millimetre."""
    own, theirs = (_to_the_millimetre(f.geometry.to_numpy()) for f in (lines, others))
    known = set(theirs.tolist())
    return np.array([line not in known for line in own.tolist()], dtype=np.bool_)


def _to_the_millimetre(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return lines as bytes, the same whichever way they are drawn."""
    rounded = shapely.transform(shapely.normalize(lines), lambda xy: xy.round(3))
    coded: NDArray[np.object_] = shapely.to_wkb(rounded)
    return coded


def _apart(
    lines: gpd.GeoDataFrame, others: gpd.GeoDataFrame, usual_m: float, near_m: float
) -> tuple[Roads, Roads]:
    """Return the parts of lines farther than ``near_m`` from others, and the rest of the lines."""
    geometry, widths = lines.geometry.to_numpy(), _widths(lines, usual_m)
    near = others.geometry.to_numpy()
    at, index = shapely.STRtree(near).query(geometry, predicate="dwithin", distance=near_m)
    bounds = np.searchsorted(at, np.arange(len(geometry) + 1))
    apart: list[tuple[shapely.LineString, float]] = []
    left: list[tuple[shapely.LineString, float]] = []
    for i, line in enumerate(geometry):
        zone = shapely.union_all(shapely.buffer(near[index[bounds[i] : bounds[i + 1]]], near_m))
        rest = shapely.difference(line, zone)
        if rest.length > _MOSTLY * line.length:
            rest = line  # only crossed by the others
        own = [piece for piece in shapely.get_parts(rest) if piece.length >= _SLIVER_M]
        apart += [(piece, widths[i]) for piece in own]
        stays = shapely.difference(line, shapely.buffer(shapely.union_all(own), _TOUCHING_M))
        left += [(piece, widths[i]) for piece in shapely.get_parts(stays) if piece.length > 0]
    return _roads(apart), _roads(left)


def _roads(pieces: list[tuple[shapely.LineString, float]]) -> Roads:
    lines = np.array([line for line, _ in pieces], dtype=object)
    return Roads(lines, np.array([width for _, width in pieces], dtype=np.float64))


def _widths(lines: gpd.GeoDataFrame, usual_m: float) -> NDArray[np.float64]:
    if "width_m" not in lines:
        return np.full(len(lines), usual_m)
    widths = pd.to_numeric(lines["width_m"], errors="coerce").to_numpy(dtype=np.float64)
    return np.where(widths > 0, widths, usual_m)
