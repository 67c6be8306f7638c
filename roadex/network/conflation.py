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

from roadex.config import CompareConfig
from roadex.network.pieces import (
    Side,
    counterparts,
    cut_pieces,
    metric_crs,
    review_layer,
    shift_between,
    without_slivers,
)
from roadex.network.reference import Reference
from roadex.network.samples import Counterparts
from roadex.network.sound_lines import single_lines

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
    metric = metric_crs(edges)
    ours = Side.of(edges.to_crs(metric), config.spacing_m)
    roads = _around(reference.roads.to_crs(metric), ours.frame, config.search_m)
    theirs = Side.of(roads, config.spacing_m)
    shift = np.zeros(2)
    if config.estimate_shift:
        shift = shift_between(
            ours, theirs, search_m=config.search_m, angle_deg=config.angle_deg,
            tolerance_m=config.shifted_m / 2,
        )  # fmt: skip
    forth = _counterparts(ours, theirs, shift, config)
    back = _counterparts(theirs, ours, -shift, config)
    pieces = pd.concat(
        [_classify_ours(ours, forth, theirs, config), _classify_theirs(theirs, back, config)],
        ignore_index=True,
    )
    layers = {
        name: review_layer(pieces[pieces["class"] == name], _KEPT, edges.crs)
        for name in (MISSING, ONLY_REFERENCE, SHIFTED, MATCHED, HIDDEN)
    }
    return Comparison(layers, _summary(layers, shift, (*notes, *reference.notes)))


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


def _counterparts(
    places: Side, others: Side, shift: NDArray[np.float64], config: CompareConfig
) -> Counterparts:
    return counterparts(places, others, shift, search_m=config.search_m, angle_deg=config.angle_deg)


def _classify_ours(
    ours: Side, found: Counterparts, theirs: Side, config: CompareConfig
) -> pd.DataFrame:
    wider = np.maximum(
        ours.width[ours.samples.line],
        np.where(found.found, theirs.width[theirs.samples.line[found.index]], 0.0)
        if len(theirs.width)
        else 0.0,
    )
    is_far = np.abs(found.across) > np.maximum(config.shifted_m, wider / 2)
    label = np.where(found.found, np.where(is_far, SHIFTED, MATCHED), MISSING).astype(object)
    label = without_slivers(label, ours, config.min_piece_m)
    pieces = cut_pieces(ours, label)
    offset = pd.DataFrame(found.offset, columns=["dx_m", "dy_m"]).groupby(pieces.run_of_sample)
    frame = pieces.frame.join(offset.median().round(2))
    frame.loc[frame["class"] == MISSING, ["dx_m", "dy_m"]] = np.nan
    return frame


def _classify_theirs(theirs: Side, found: Counterparts, config: CompareConfig) -> pd.DataFrame:
    if not len(theirs.frame):
        return pd.DataFrame({"class": []})
    hidden = theirs.frame["is_hidden"].to_numpy(dtype=bool)[theirs.samples.line]
    label = np.where(found.found, "", np.where(hidden, HIDDEN, ONLY_REFERENCE)).astype(object)
    label = without_slivers(label, theirs, config.min_piece_m)
    frame = cut_pieces(theirs, label).frame
    return frame[frame["class"] != ""]


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
