"""A network compared with a reference: what both have, what one lacks, what lies elsewhere.

Roads are compared as lines, by place, direction and width, not as rasters: both are sampled every
few metres, and each sample looks for the nearest one of the other side that runs the same way.

    network   ─┐                              ┌─ matched, shifted, missing in the reference
               ├─ samples ─► counterparts ────┤
    reference ─┘   (one shift of the scene    └─ only in the reference, hidden
                    taken off)

Rests shorter than two widths of the road do not become a class of their own: they are slivers
beside wide or divided roads and at junctions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from roadex.config import CompareConfig
from roadex.imagery.geodesy import keeps_lengths
from roadex.network.confidence import how_sure
from roadex.network.line_reader import metric_crs_of
from roadex.network.reference import Reference
from roadex.network.samples import (
    Counterparts,
    Samples,
    estimate_shift,
    find_counterparts,
    sample_lines,
)
from roadex.network.sound_lines import single_lines

UNKNOWN_WIDTH_M = 6.0
"""Width of roads that do not say theirs."""

_KEPT = (
    "edge_id", "reference_id", "width_m", "prob_mean", "confidence", "surface", "dx_m", "dy_m",
)  # fmt: skip
"""Columns that the layers have, where anything is known."""

MATCHED, SHIFTED, MISSING = "matched", "shifted", "missing_in_reference"
ONLY_REFERENCE, HIDDEN = "only_in_reference", "hidden"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found; all layers are single lines in the CRS of the network."""

    layers: dict[str, gpd.GeoDataFrame]
    """``matched``, ``shifted`` (with ``dx_m, dy_m`` from the network to the reference) and
    ``missing_in_reference`` are pieces of the network, ``only_in_reference`` and ``hidden`` pieces
    of the reference. ``review_order`` counts from 1, the surest and longest first."""

    summary: dict[str, Any]
    """Kilometres of each class, the shift of the whole scene, shares, notes."""


def compare_networks(
    edges: gpd.GeoDataFrame, reference: Reference, config: CompareConfig | None = None
) -> Comparison:
    """Compare the edges of a network with a reference.

    Parameters
    ----------
    edges
        Lines with ``edge_id``, ``width_m`` and ``prob_mean`` or ``confidence`` where known.
    reference
        The roads to compare with, in any CRS; only those around the network count.
    config
        Distances and angles; the defaults if None.
    """
    config = config or CompareConfig()
    edges, notes = single_lines(edges, "the network")
    metric = _metric_crs(edges)
    ours = _Side.of(edges.to_crs(metric), config)
    roads = _around(reference.roads.to_crs(metric), ours.frame, config.search_m)
    theirs = _Side.of(roads, config)
    shift = _scene_shift(ours, theirs, config)
    forth = _counterparts(ours.samples, theirs.samples, shift, config)
    back = _counterparts(theirs.samples, ours.samples, -shift, config)
    pieces = pd.concat(
        [_classify_ours(ours, forth, theirs, config), _classify_theirs(theirs, back, config)],
        ignore_index=True,
    )
    layers = {
        name: _layer(pieces[pieces["class"] == name], edges.crs)
        for name in (MISSING, ONLY_REFERENCE, SHIFTED, MATCHED, HIDDEN)
    }
    return Comparison(layers, _summary(layers, shift, (*notes, *reference.notes)))


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a comparison in a metric CRS."""

    frame: gpd.GeoDataFrame
    width: NDArray[np.float64]
    samples: Samples

    @classmethod
    def of(cls, frame: gpd.GeoDataFrame, config: CompareConfig) -> _Side:
        frame = frame.explode(index_parts=False, ignore_index=True)
        width = (
            pd.to_numeric(frame["width_m"], errors="coerce").fillna(UNKNOWN_WIDTH_M).to_numpy()
            if "width_m" in frame
            else np.full(len(frame), UNKNOWN_WIDTH_M)
        )
        return cls(frame, width, sample_lines(frame.geometry.to_numpy(), config.spacing_m))


def _metric_crs(edges: gpd.GeoDataFrame) -> CRS:
    crs = CRS.from_user_input(edges.crs)
    return crs if keeps_lengths(crs) or edges.empty else metric_crs_of(edges.geometry)


def _around(
    roads: gpd.GeoDataFrame, network: gpd.GeoDataFrame, search_m: float
) -> gpd.GeoDataFrame:
    """Return the reference where the network is: beyond its hull nothing was looked for."""
    if network.empty:
        return roads
    scope = shapely.buffer(shapely.convex_hull(shapely.union_all(network.geometry)), search_m)
    inside = roads.clip(scope)
    inside = inside.explode(index_parts=False, ignore_index=True)
    return inside[inside.geom_type == "LineString"].reset_index(drop=True)


def _scene_shift(ours: _Side, theirs: _Side, config: CompareConfig) -> NDArray[np.float64]:
    """Return the shift from the network to the reference that all of the scene shares."""
    if not config.estimate_shift:
        return np.zeros(2)
    found = _counterparts(ours.samples, theirs.samples, np.zeros(2), config)
    return estimate_shift(found.normal, found.across, tolerance=config.shifted_m / 2)


def _counterparts(
    places: Samples, others: Samples, shift: NDArray[np.float64], config: CompareConfig
) -> Counterparts:
    moved = Samples(places.line, places.along, places.xy + shift, places.direction)
    return find_counterparts(moved, others, search=config.search_m, angle_deg=config.angle_deg)


def _classify_ours(
    ours: _Side, found: Counterparts, theirs: _Side, config: CompareConfig
) -> pd.DataFrame:
    wider = np.maximum(
        ours.width[ours.samples.line],
        np.where(found.found, theirs.width[theirs.samples.line[found.index]], 0.0)
        if len(theirs.width)
        else 0.0,
    )
    is_far = np.abs(found.across) > np.maximum(config.shifted_m, wider / 2)
    label = np.where(found.found, np.where(is_far, SHIFTED, MATCHED), MISSING).astype(object)
    label = _without_slivers(label, ours, config)
    pieces = _cut(ours, label)
    offset = pd.DataFrame(found.offset, columns=["dx_m", "dy_m"]).groupby(pieces.run_of_sample)
    frame = pieces.frame.join(offset.median().round(2))
    frame.loc[frame["class"] == MISSING, ["dx_m", "dy_m"]] = np.nan
    return frame


def _classify_theirs(theirs: _Side, found: Counterparts, config: CompareConfig) -> pd.DataFrame:
    if not len(theirs.frame):
        return pd.DataFrame({"class": []})
    hidden = theirs.frame["is_hidden"].to_numpy(dtype=bool)[theirs.samples.line]
    label = np.where(found.found, "", np.where(hidden, HIDDEN, ONLY_REFERENCE)).astype(object)
    label = _without_slivers(label, theirs, config)
    frame = _cut(theirs, label).frame
    return frame[frame["class"] != ""]


def _without_slivers(
    label: NDArray[np.object_], side: _Side, config: CompareConfig
) -> NDArray[np.object_]:
    """Give runs shorter than two widths the class of their longer neighbour on the same line."""
    for _ in range(2):  # a run that grew may swallow the next one
        runs = _runs(label, side.samples)
        step = _step(side)
        length = np.bincount(runs, weights=step)
        starts = np.flatnonzero(np.diff(runs, prepend=-1))
        line, kind = side.samples.line[starts], label[starts]
        least = np.maximum(config.min_piece_m, 2 * side.width[line])
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


def _step(side: _Side) -> NDArray[np.float64]:
    """Return the length each sample stands for."""
    count = np.bincount(side.samples.line, minlength=len(side.frame))
    length = shapely.length(side.frame.geometry.to_numpy())
    return np.asarray((length / np.maximum(count, 1))[side.samples.line])


@dataclass(frozen=True, slots=True)
class _Pieces:
    frame: gpd.GeoDataFrame
    run_of_sample: NDArray[np.int64]


def _cut(side: _Side, label: NDArray[np.object_]) -> _Pieces:
    """Cut lines where the class changes; whole lines stay as they are."""
    runs = _runs(label, side.samples)
    starts = np.flatnonzero(np.diff(runs, prepend=-1))
    line, kind = side.samples.line[starts], label[starts]
    half = _step(side) / 2
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
    return _Pieces(frame.set_geometry(gpd.GeoSeries(geometry, crs=frame.crs)), runs)


def _layer(pieces: pd.DataFrame, crs: CRS) -> gpd.GeoDataFrame:
    """Return one class with its length, in the order in which a mapper would look at it."""
    keep = [
        name
        for name in _KEPT
        if name in pieces and pieces[name].notna().any()
    ]  # fmt: skip
    frame = gpd.GeoDataFrame(pieces[keep].copy(), geometry=list(pieces.get("geometry", [])))
    frame["length_m"] = shapely.length(frame.geometry.to_numpy()).round(2)
    weight = frame["length_m"] * how_sure(frame)
    frame["review_order"] = weight.rank(method="first", ascending=False, na_option="bottom").astype(
        np.int64
    )
    frame = frame.sort_values("review_order", ignore_index=True)
    source = pieces.crs if isinstance(pieces, gpd.GeoDataFrame) else None
    return frame.set_crs(source or crs).to_crs(crs)


def _summary(
    layers: dict[str, gpd.GeoDataFrame], shift: NDArray[np.float64], notes: tuple[str, ...]
) -> dict[str, Any]:
    km = {name: round(float(layer["length_m"].sum()) / 1000, 3) for name, layer in layers.items()}
    ours = km[MATCHED] + km[SHIFTED] + km[MISSING]
    return {
        "km": km,
        "network_km": round(ours, 3),
        "share_known_to_reference": round((ours - km[MISSING]) / ours, 4) if ours else 0.0,
        "scene_shift_m": [round(float(v), 2) for v in shift],
        "notes": list(notes),
    }
