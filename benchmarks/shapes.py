"""How true the shapes of a network are: generated roads of known truth, kind by kind.

    python benchmarks/shapes.py                      # 20 places of 500 m for each of nine kinds
    python benchmarks/shapes.py --places 4 --kinds bends hairpins --save pictures/

The surface of the roads is drawn exactly, blurred, given an uneven probability, and loses stretches
of 3 to 15 m along each road. What is found from it with default settings is compared with the
centre lines it was drawn from. ``offset`` is the 99th percentile of the distance to the nearest
true line over points of found lines within 10 m of one, and the same from the true lines. ``width``
is the median error of ``width_m``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import shapely
import shapely.ops
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy.ndimage import gaussian_filter, zoom
from shape_places import KINDS, SIDE_M, Place, Random, clipped, turned
from shapely import LineString, Polygon

import roadex

SUPERSAMPLING = 4
CRS = "EPSG:32633"
HOLE_EVERY_M = 120.0
HOLE_M = (3.0, 15.0)
METRICS = ("apls", "topo", "junctions", "completeness", "zigzag")
COLUMNS = (
    "apls", "topo_f1", "junction_f1", "completeness", "correctness", "lines_per_road",
    "turn_deg_per_100m",
)  # fmt: skip


def probability(place: Place, random: Random, *, is_whole: bool) -> NDArray[np.float32]:
    """Return what a network could say of a place, shape ``(500, 500)``, a pixel a metre."""
    fine = SIDE_M * SUPERSAMPLING
    transform = Affine.scale(1 / SUPERSAMPLING)
    road = [line.buffer(width / 2, cap_style="flat") for line, width in place.roads]
    holes = [hole for line, width in place.roads for hole in holes_of(line, width, random)]
    if is_whole:
        holes = []

    def share(shapes: list[Polygon]) -> NDArray[np.float64]:
        if not shapes:
            return np.zeros((SIDE_M, SIDE_M))
        mask = rasterize(shapes, out_shape=(fine, fine), transform=transform)
        blocks = mask.reshape(SIDE_M, SUPERSAMPLING, SIDE_M, SUPERSAMPLING)
        return blocks.mean(axis=(1, 3))

    covered = np.maximum(share(road + place.surfaces) - share(holes), 0)
    uneven = zoom(random.normal(size=(26, 26)), SIDE_M / 26, order=1)[:SIDE_M, :SIDE_M]
    level = np.clip(random.uniform(0.75, 0.95) + 0.06 * uneven, 0, 1)
    soft = gaussian_filter(covered * level, random.uniform(0.7, 1.4))
    noise = gaussian_filter(random.normal(size=soft.shape), 1.5) * 0.05
    return np.clip(soft + noise * (soft > 0.05), 0, 1).astype(np.float32)


def holes_of(line: LineString, width: float, random: Random) -> list[Polygon]:
    """Return stretches of a road where nothing is seen of it, none at its ends."""
    n_holes = random.poisson(line.length / HOLE_EVERY_M)
    holes = []
    for _ in range(n_holes):
        length = random.uniform(*HOLE_M)
        if line.length > 60 + length:
            start = random.uniform(30, line.length - 30 - length)
            piece = shapely.ops.substring(line, start, start + length)
            holes.append(piece.buffer(width / 2 + 2, cap_style="flat"))
    return holes


def vectorized(values: NDArray[np.float32]) -> gpd.GeoDataFrame:
    """Return the edges found in a probability, coordinates as those of places."""
    network = roadex.vectorize(values, transform=Affine(1, 0, 5e5, 0, -1, 5e6), crs=CRS)
    edges = network.edges[["width_m", "geometry"]].to_crs(CRS)
    return edges.set_geometry(edges.geometry.affine_transform([1, 0, 0, -1, -5e5, 5e6]))


def places_of(
    kind: str, n_places: int, seed: int, save: Path | None, *, is_whole: bool
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return found and true lines of places beside each other, in metres."""
    random = np.random.default_rng([seed, sorted(KINDS).index(kind)])
    found, truth = [], []
    for number in range(n_places):
        place = turned(KINDS[kind](random), random)
        values = probability(place, random, is_whole=is_whole)
        lines, widths = zip(*clipped(place).roads, strict=True)
        real = gpd.GeoDataFrame({"width_m": widths}, geometry=list(lines), crs=CRS)
        ours = vectorized(values)
        if save is not None:
            draw(values, ours, real, save / f"{kind}-{number:02}.png")
        for collected, frame in ((found, ours), (truth, real)):
            aside = frame.geometry.translate(5e5 + 2 * SIDE_M * number, 5e6)
            collected.append(frame.set_geometry(aside))
    return tuple(pd.concat(frames, ignore_index=True) for frames in (found, truth))


def draw(
    values: NDArray[np.float32], ours: gpd.GeoDataFrame, real: gpd.GeoDataFrame, path: Path
) -> None:
    """Draw what is true in green and what was found in red."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(9, 9))
    axes.imshow(values, cmap="gray", vmin=0, vmax=1, extent=(0, SIDE_M, SIDE_M, 0))
    real.plot(ax=axes, color="lime", linewidth=1)
    ours.plot(ax=axes, color="red", linewidth=1)
    ends = ours.boundary.explode()
    axes.plot(ends.x, ends.y, "y.", markersize=4)
    axes.set_xlim(0, SIDE_M)
    axes.set_ylim(SIDE_M, 0)
    figure.savefig(path, dpi=80, bbox_inches="tight")
    plt.close(figure)


def offsets(found: gpd.GeoDataFrame, truth: gpd.GeoDataFrame) -> float:
    """Return the 99th percentile of distances between matched lines, in metres."""
    all_distances = []
    for ours, theirs in ((found, truth), (truth, found)):
        points = [
            line.interpolate(d) for line in ours.geometry for d in np.arange(0, line.length, 2)
        ]
        distances = shapely.distance(np.array(points), shapely.union_all(theirs.geometry.values))
        all_distances.append(distances[distances <= 10])
    return float(np.percentile(np.concatenate(all_distances), 99))


def width_error(found: gpd.GeoDataFrame, truth: gpd.GeoDataFrame) -> float:
    """Return the median error of the width of found edges, weighted by length, in metres."""
    middles = found.geometry.interpolate(0.5, normalized=True)
    pairs = gpd.GeoDataFrame(geometry=middles).sjoin_nearest(truth, max_distance=10)
    pairs = pairs[~pairs.index.duplicated()]
    errors = (found.width_m.loc[pairs.index] - pairs.width_m).abs().to_numpy()
    order, weights = np.argsort(errors), found.length.loc[pairs.index].to_numpy()
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(errors[order][half])


def figures_of(found: gpd.GeoDataFrame, truth: gpd.GeoDataFrame) -> dict[str, float]:
    """Return what the columns of the table say."""
    report = roadex.score(found, truth, metrics=METRICS)
    return {name: report.value(name) for name in COLUMNS} | {
        "km": truth.length.sum() / 1000,
        "offset": offsets(found, truth),
        "width": width_error(found, truth),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--places", type=int, default=20)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--whole", action="store_true", help="no holes along the roads")
    parser.add_argument("--save", type=Path, help="folder for pictures")
    options = parser.parse_args()
    columns = ("km", *COLUMNS, "offset", "width")
    print("| kind |", " | ".join(columns), "|")
    everything: list[tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]] = []
    for number, kind in enumerate(options.kinds):
        both = places_of(kind, options.places, options.seed, options.save, is_whole=options.whole)
        show(kind, figures_of(*both), columns)
        below = 2 * SIDE_M * number
        everything.append(
            tuple(frame.set_geometry(frame.geometry.translate(0, below)) for frame in both)
        )
    found, truth = (
        pd.concat(frames, ignore_index=True) for frames in zip(*everything, strict=True)
    )
    show("all", figures_of(found, truth), columns)


def show(kind: str, figures: dict[str, float], columns: Sequence[str]) -> None:
    print(
        f"| {kind} |", " | ".join(f"{figures[column]:.3f}" for column in columns), "|", flush=True
    )


if __name__ == "__main__":
    main()
