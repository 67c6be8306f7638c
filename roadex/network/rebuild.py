"""A network made anew from lines with attributes that meet at their ends."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from roadex.network.cutting import end_places
from roadex.network.linking import pair_up, walk_lines
from roadex.network.metric_roads import MetricRoads
from roadex.network.road_network import MEASURED, TEXTS, RoadNetwork, assemble_network


def rebuild_network(roads: MetricRoads) -> RoadNetwork:
    """Return the network of lines that meet where they end at exactly the same place.

    Where lines are joined, means are weighted with their lengths, the surface is that of most of
    the length, and of other texts that of the longest part is kept. Dead ends at ``borders`` are of
    kind ``border``.
    """
    lines, output_crs = roads.lines, roads.output_crs
    places = end_places(lines)
    if not len(lines):
        nothing = np.zeros(0, dtype=np.int64)
        empty = {name: np.zeros(0) for name in MEASURED}
        return assemble_network(
            lines, np.zeros((0, 2)), nothing, nothing, empty, np.zeros(0, np.bool_), output_crs
        )
    # Nodes are numbered from north to south, then west to east, as those of a raster.
    flipped, end_node = np.unique(places[:, ::-1] * [-1, 1], axis=0, return_inverse=True)
    xy, end_node = (flipped * [-1, 1])[:, ::-1], end_node.ravel()
    sequence, bounds = walk_lines(pair_up(end_node))
    u, v = end_node[sequence[bounds[:-1]]], end_node[sequence[bounds[1:] - 1] ^ 1]
    joined = np.array(
        [_join(lines, sequence[a:b]) for a, b in pairwise(bounds)],
        dtype=object,
    )
    table = _join_attributes(roads.attributes, shapely.length(lines), sequence, bounds)
    backwards = u > v
    joined[backwards] = shapely.reverse(joined[backwards])
    order = np.lexsort((shapely.length(joined), np.maximum(u, v), np.minimum(u, v)))
    used, index = np.unique(np.stack([np.minimum(u, v), np.maximum(u, v)]), return_inverse=True)
    u, v = index.reshape(2, -1)[:, order]
    at_border = {(x, y) for x, y in roads.borders.tolist()}
    is_border = np.array([(x, y) in at_border for x, y in xy[used].tolist()], dtype=np.bool_)
    moved, points = _move(joined[order], xy[used], roads.crs, output_crs)
    measured = {name: column[order] for name, column in table.items()}
    return assemble_network(moved, points, u, v, measured, is_border, output_crs)


def _move(
    lines: NDArray[np.object_], points: NDArray[np.float64], crs: CRS, output_crs: CRS
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    if output_crs == crs:
        return lines, points
    move = Transformer.from_crs(crs, output_crs, always_xy=True)
    moved = shapely.transform(lines, lambda xy: np.stack(move.transform(*xy.T), axis=1))
    return moved, np.stack(move.transform(*points.T), axis=1)


def _join(lines: NDArray[np.object_], entries: NDArray[np.int64]) -> shapely.LineString:
    """Return one line made of several, each entered at the given end."""
    parts = [
        shapely.get_coordinates(lines[entry >> 1])[:: -1 if entry & 1 else 1] for entry in entries
    ]
    return shapely.LineString(np.vstack([parts[0], *(part[1:] for part in parts[1:])]))


def _join_attributes(
    attributes: pd.DataFrame,
    length: NDArray[np.float64],
    sequence: NDArray[np.int64],
    bounds: NDArray[np.int64],
) -> dict[str, NDArray[Any]]:
    """Return the attributes of joined lines."""
    owner = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    part, n = sequence >> 1, len(bounds) - 1
    table: dict[str, NDArray[Any]] = {}
    means = [name for name in MEASURED if name != "prob_min"]
    means += [name for name in ("confidence", "surface_prob") if name in attributes]
    for name in means:
        value = _numbers(attributes, name)[part]
        weight = np.where(np.isnan(value), 0, length[part])
        total = np.bincount(owner, weight, n)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(owner, weight * np.nan_to_num(value), n) / total
        table[name] = mean.round(2 if name == "width_m" else 4)
    lowest = np.full(n, np.inf)
    np.fmin.at(lowest, owner, _numbers(attributes, "prob_min")[part])
    table["prob_min"] = np.where(np.isinf(lowest), np.nan, lowest)
    for name in set(TEXTS) & set(attributes):
        text = attributes[name].to_numpy(dtype=object)[part]
        weight = _length_of_same(text, owner, length[part]) if name == "surface" else length[part]
        heaviest = np.lexsort((weight, owner))
        last = np.searchsorted(owner[heaviest], np.arange(n), side="right") - 1
        table[name] = text[heaviest[last]]
    return table


def _length_of_same(
    text: NDArray[np.object_], owner: NDArray[np.int64], length: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each part the length of all parts of its line with the same text, or with none."""
    code = pd.factorize(text)[0]
    same = pd.Series(length).groupby([owner, code]).transform("sum")
    total: NDArray[np.float64] = same.to_numpy()
    return total


def _numbers(attributes: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where it is missing or says nothing."""
    if name not in attributes:
        return np.full(len(attributes), np.nan)
    numbers: NDArray[np.float64] = pd.to_numeric(attributes[name], errors="coerce").to_numpy(
        dtype=np.float64
    )
    return numbers
