"""Fit and measure how well the surface of roads is told, place by place.

DATA holds ``foreign/drawn/{train,val}`` with ``sat/NAME.tif`` and ``lines/NAME.geojson``
(``width_m``, ``surface``, ``sure``). Every scene is run once (``roadex.run``, no test-time
augmentation, kept in FOLDER)::

    python benchmarks/surface.py DATA FOLDER

What counts are the edges that lie on sure roads of one surface for 80 % of their length or more,
and are 20 m or longer. A model is fitted on the scenes in ``train`` but those of one region, and
measured on that region; what is in ``val`` is never fitted on. Regions weigh by their kilometres,
up to 2 km of each surface, and both surfaces the same. The interval is a bootstrap over regions.
The last line is the constant and the weights of ``roadex.network.surface``, fitted on all of
``train``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from logistic import fit_logistic
from numpy.typing import NDArray

import roadex
from roadex.imagery.work_grid import WorkGrid, plan_grid
from roadex.network import surface
from roadex.network.road_colours import scene_colours
from roadex.network.road_surface import edge_features, why_not
from roadex.network.surface import FEATURES, PAVED, UNPAVED

MODEL_GSD_M, MODEL_RANGE_M = 0.7, (0.5, 1.4)
CAP_M = 2000.0
LEAST_M = 20.0
NEAR_M, STEP_M = 3.0, 2.0
MOSTLY = 0.8
SHRINK = 0.02
RESAMPLES = 2000


def scenes(root: Path) -> Iterator[tuple[str, Path, gpd.GeoDataFrame]]:
    """Yield role, image and drawn roads of every scene."""
    for role in ("train", "val"):
        folder = root / "foreign" / "drawn" / role
        for image in sorted((folder / "sat").glob("*.tif")):
            lines = gpd.read_file(folder / "lines" / f"{image.stem}.geojson")
            yield role, image, lines[lines.geom_type == "LineString"]


def region(name: str) -> str:
    """Return what is left out together: a country, or a town of a large one."""
    words = name.split("_")
    return "_".join(words[:2]) if words[0] in ("usa", "new") else words[0]


def run(image: Path, folder: Path) -> gpd.GeoDataFrame:
    """Return the edges found in a scene."""
    config = roadex.RunConfig.from_dict({"predict": {"tta": "none"}, "cluster": {"workers": 0}})
    return roadex.run(image, folder / image.stem, config=config).edges


def told_edges(edges: gpd.GeoDataFrame, drawn: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the edges that lie on sure roads of one surface, with it."""
    metric = drawn.estimate_utm_crs()
    near = drawn.to_crs(metric)
    reach = near["width_m"].fillna(4.0) / 2 + NEAR_M
    tree, buffers = shapely.STRtree(near.geometry.to_numpy()), near.geometry.buffer(reach)
    kinds = near["surface"].where(near["sure"], "unsure").to_numpy(object)
    found = []
    for line in edges.to_crs(metric).geometry:
        n = max(1, int(np.ceil(line.length / STEP_M)))
        places = shapely.line_interpolate_point(line, (np.arange(n) + 0.5) / n * line.length)
        nearest = tree.nearest(places)
        is_on = shapely.contains(buffers.to_numpy()[nearest], places)
        kind = pd.Series(np.where(is_on, kinds[nearest], "none")).value_counts(normalize=True)
        found.append(kind.index[0] if kind.iloc[0] >= MOSTLY else "none")
    return edges.assign(surface=found)


def features_of(
    edges: gpd.GeoDataFrame, scene: roadex.Scene, grid: WorkGrid
) -> tuple[pd.DataFrame, str]:
    """Return features and length of edges, and why a run would tell none of them."""
    colours = scene_colours(scene)
    values = edge_features(edges, scene, grid, colours)
    table = pd.DataFrame(values, columns=list(FEATURES))
    table["length_m"] = edges.to_crs(edges.estimate_utm_crs()).length.to_numpy()
    table["is_unpaved"] = (edges["surface"] == UNPAVED).to_numpy()
    table["scene_redness"] = colours.redness
    return table, why_not(scene, colours)


def measure(root: Path, folder: Path) -> pd.DataFrame:
    """Return a row for every line of known surface."""
    tables = []
    for role, image, drawn in scenes(root):
        scene = roadex.Scene.open(image)
        grid = plan_grid(scene, gsd_m=MODEL_GSD_M, gsd_range_m=MODEL_RANGE_M)
        edges = told_edges(run(image, folder), drawn)
        known = edges[edges["surface"].isin((PAVED, UNPAVED))]
        if len(known):
            table, reason = features_of(known, scene, grid)
            tables.append(table.assign(
                role=role, scene=image.stem, region=region(image.stem), reason=reason
            ))  # fmt: skip
    table = pd.concat(tables, ignore_index=True)
    return table[(table["length_m"] >= LEAST_M) & table[list(FEATURES)].notna().all(axis=1)]


def weights(table: pd.DataFrame) -> NDArray:
    """Return the weight of each line: both surfaces count the same, regions up to a limit."""
    group = table.groupby(["region", "is_unpaved"])["length_m"].transform("sum")
    weight = table["length_m"] * np.minimum(1, CAP_M / group)
    return (weight / weight.groupby(table["is_unpaved"]).transform("sum") / 2).to_numpy()


def fit(table: pd.DataFrame) -> NDArray:
    """Return constant and weights of a logistic model, least cross-entropy, slightly shrunk."""
    features, truth = table[list(FEATURES)].to_numpy(), table["is_unpaved"].to_numpy(float)
    weight = weights(table)
    mean = weight @ features
    spread = np.sqrt(weight @ (features - mean) ** 2)
    return fit_logistic(features, truth, weight, mean=mean, spread=spread, shrink=SHRINK)


def left_out(table: pd.DataFrame) -> NDArray:
    """Return the probability that an edge is unpaved, by models that never saw its region."""
    probability = np.full(len(table), np.nan)
    for name in table["region"].unique():
        here = (table["region"] == name).to_numpy()
        model = fit(table[~here & (table["role"] == "train").to_numpy()])
        values = table.loc[here, list(FEATURES)].to_numpy()
        probability[here] = 1 / (1 + np.exp(-model[0] - values @ model[1:]))
    return probability


def balanced_accuracy(table: pd.DataFrame) -> tuple[float, float, float]:
    """Return the mean share of right kilometres of both surfaces, with its 95 % interval."""
    right = (table["probability"] >= 0.5) == table["is_unpaved"]
    sums = table.assign(right=table["length_m"].where(right, 0)).pivot_table(
        index="region", columns="is_unpaved", values=["length_m", "right"], aggfunc="sum"
    )  # fmt: skip
    totals = np.stack([sums.fillna(0)[name].to_numpy() for name in ("right", "length_m")])
    if totals.shape[2] < 2:  # roads of one surface only
        return np.nan, np.nan, np.nan
    chosen = np.random.default_rng(0).integers(totals.shape[1], size=(RESAMPLES, totals.shape[1]))
    with np.errstate(invalid="ignore"):
        value = np.divide(*totals.sum(axis=1)).mean()
        low, high = np.nanpercentile(
            np.divide(*totals[:, chosen].sum(axis=2)).mean(axis=1), (2.5, 97.5)
        )
    return float(value), float(low), float(high)


def show(table: pd.DataFrame, what: str) -> None:
    """Print how a part of the lines is told."""
    sure = (table["probability"] - 0.5).abs() >= surface.SURE - 0.5
    value, low, high = balanced_accuracy(table)
    km = table.groupby("is_unpaved")["length_m"].sum() / 1000
    said = table.loc[sure, "length_m"].sum() / table["length_m"].sum()
    print(
        f"{what:18} {km.get(False, 0):6.2f} {km.get(True, 0):6.2f} {value:.3f} "
        f"({low:.2f} to {high:.2f})   {said:.2f} {balanced_accuracy(table[sure])[0]:.3f}"
    )


def show_all(table: pd.DataFrame) -> None:
    print(
        "lines: km paved and unpaved, balanced accuracy; share that gets a surface, accuracy of it"
    )
    show(table, "region left out")
    show(table[table["role"] == "val"], "val")
    for name in ("nepal", "estonia"):
        show(table[table["region"] == name], name)
    show(table[table["region"] != "nepal"], "all but nepal")
    right = (table["probability"] >= 0.5) == table["is_unpaved"]
    sums = (
        table.assign(right=table["length_m"].where(right, 0))
        .groupby(["scene", "is_unpaved"])[["length_m", "right"]]
        .sum()
    )
    sums["share"] = (sums["right"] / sums["length_m"]).round(2)
    print(sums[["length_m", "share"]].round(2).to_string())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of the datasets")
    parser.add_argument("folder", type=Path, help="where results are kept")
    options = parser.parse_args()
    table = measure(options.root, options.folder)
    table["probability"] = left_out(table)
    show_all(table)
    redness = table.groupby("scene")["scene_redness"].first()
    print(f"redness of scenes {redness.min():.3f} to {redness.max():.3f}")
    for scene, reason in table.groupby("scene")["reason"].first().items():
        if reason:
            print(f"a run tells none in {scene}: {reason}")
    print("surface", *fit(table[table["role"] == "train"]).round(4))


if __name__ == "__main__":
    main()
