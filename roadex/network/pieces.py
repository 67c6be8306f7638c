"""Two sets of lines side by side: what of one has a counterpart in the other, cut into pieces.

Both are sampled every few metres; each sample gets a class from what is known of its counterpart.
Lines are cut where the class changes, except for rests shorter than two widths of the road, which
are slivers beside wide or divided roads and at junctions. Comparisons with a reference and between
dates are made of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from roadex.imagery.geodesy import keeps_lengths
from roadex.network.confidence import how_sure
from roadex.network.line_reader import metric_crs_of
from roadex.network.samples import (
    Counterparts,
    Samples,
    estimate_shift,
    find_counterparts,
    moved_samples,
    sample_lines,
)

UNKNOWN_WIDTH_M: Final = 6.0
"""Width of roads that do not say theirs."""


@dataclass(frozen=True, slots=True)
class Side:
    """One set of lines in a metric CRS."""

    frame: gpd.GeoDataFrame
    """Single lines with their attributes, numbered from 0."""

    width: NDArray[np.float64]
    """Width of each line in metres."""

    samples: Samples
    """Places along the lines."""

    @classmethod
    def of(cls, frame: gpd.GeoDataFrame, spacing_m: float) -> Side:
        """Sample lines every ``spacing_m`` at most."""
        frame = frame.explode(index_parts=False, ignore_index=True)
        width = (
            pd.to_numeric(frame["width_m"], errors="coerce").fillna(UNKNOWN_WIDTH_M).to_numpy()
            if "width_m" in frame
            else np.full(len(frame), UNKNOWN_WIDTH_M)
        )
        return cls(frame, width, sample_lines(frame.geometry.to_numpy(), spacing_m))

    @property
    def step(self) -> NDArray[np.float64]:
        """Length that each sample stands for."""
        count = np.bincount(self.samples.line, minlength=len(self.frame))
        length = shapely.length(self.frame.geometry.to_numpy())
        return np.asarray((length / np.maximum(count, 1))[self.samples.line])


def metric_crs(edges: gpd.GeoDataFrame) -> CRS:
    """Return the CRS of lines if lengths are true in it, else the UTM zone of their middle."""
    crs = CRS.from_user_input(edges.crs)
    return crs if keeps_lengths(crs) or edges.empty else metric_crs_of(edges.geometry)


def counterparts(
    places: Side, others: Side, shift: NDArray[np.float64], *, search_m: float, angle_deg: float
) -> Counterparts:
    """Return the counterpart of each sample of ``places`` moved by ``shift``."""
    moved = moved_samples(places.samples, shift)
    return find_counterparts(moved, others.samples, search=search_m, angle_deg=angle_deg)


def shift_between(
    ours: Side, theirs: Side, *, search_m: float, angle_deg: float, tolerance_m: float,
    around: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:  # fmt: skip
    """Return the shift from one set of lines to the other that all of the scene shares.

    Counterparts are looked for within ``search_m`` of each place moved by ``around``; None is not
    moved.
    """
    first = np.zeros(2) if around is None else around
    found = counterparts(ours, theirs, first, search_m=search_m, angle_deg=angle_deg)
    return first + estimate_shift(found.normal, found.across, tolerance=tolerance_m)


def without_slivers(
    label: NDArray[np.object_], side: Side, min_piece_m: float
) -> NDArray[np.object_]:
    """Give runs shorter than two widths the class of their longer neighbour on the same line."""
    for _ in range(2):  # a run that grew may swallow the next one
        runs = _runs(label, side.samples)
        length = np.bincount(runs, weights=side.step)
        starts = np.flatnonzero(np.diff(runs, prepend=-1))
        line, kind = side.samples.line[starts], label[starts]
        least = np.maximum(min_piece_m, 2 * side.width[line])
        before = np.r_[False, line[1:] == line[:-1]]
        after = np.r_[line[1:] == line[:-1], False]
        left = np.where(before, np.r_[0.0, length[:-1]], -1.0)
        right = np.where(after, np.r_[length[1:], 0.0], -1.0)
        is_sliver = (length < least) & (np.maximum(left, right) >= length)
        other = np.where(left >= right, np.roll(kind, 1), np.roll(kind, -1))
        label = np.where(is_sliver, other, kind)[runs]
    return np.asarray(label, dtype=object)


def _runs(label: NDArray[np.object_], samples: Samples) -> NDArray[np.int64]:
    """Return the number of each sample's run: one line, one class, counted from 0."""
    if not len(label):
        return np.zeros(0, dtype=np.int64)
    new = (samples.line[1:] != samples.line[:-1]) | (label[1:] != label[:-1])
    return np.asarray(np.r_[0, np.cumsum(new)], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Lines cut where their class changes."""

    frame: gpd.GeoDataFrame
    """Attributes of the lines, and the column ``class``."""

    run_of_sample: NDArray[np.int64]
    """Row of the piece that each sample lies on."""


def cut_pieces(side: Side, label: NDArray[np.object_]) -> Pieces:
    """Cut lines where the class of their samples changes; whole lines stay as they are."""
    runs = _runs(label, side.samples)
    starts = np.flatnonzero(np.diff(runs, prepend=-1))
    line, kind = side.samples.line[starts], label[starts]
    half = side.step / 2
    begin = side.samples.along[starts] - half[starts]
    stops = np.r_[starts[1:], len(runs)] - 1 if len(starts) else starts
    end = side.samples.along[stops] + half[stops]
    lines = side.frame.geometry.to_numpy()
    whole = np.bincount(line, minlength=len(lines))[line] == 1 if len(line) else np.zeros(0, bool)
    geometry = [
        lines[i] if is_whole else shapely.ops.substring(lines[i], a, b)
        for i, a, b, is_whole in zip(line, begin, end, whole, strict=True)
    ]
    frame = side.frame.iloc[line].reset_index(drop=True)
    frame["class"] = kind
    return Pieces(frame.set_geometry(gpd.GeoSeries(geometry, crs=frame.crs)), runs)


def review_layer(pieces: pd.DataFrame, columns: Sequence[str], crs: CRS) -> gpd.GeoDataFrame:
    """Return pieces with their lengths, in the order in which a mapper would look at them.

    Parameters
    ----------
    pieces
        In a metric CRS.
    columns
        Those that are kept, where anything is known.
    crs
        CRS of the result.
    """
    keep = [name for name in columns if name in pieces and pieces[name].notna().any()]
    frame = gpd.GeoDataFrame(pieces[keep].copy(), geometry=list(pieces.get("geometry", [])))
    frame["length_m"] = shapely.length(frame.geometry.to_numpy()).round(2)
    weight = frame["length_m"] * how_sure(frame)
    frame["review_order"] = weight.rank(method="first", ascending=False, na_option="bottom").astype(
        np.int64
    )
    frame = frame.sort_values("review_order", ignore_index=True)
    source = pieces.crs if isinstance(pieces, gpd.GeoDataFrame) else None
    return frame.set_crs(source or crs).to_crs(crs)
