"""Fit and measure the confidence of edges, and the completeness expected of a scene.

Every validation place is run once (``roadex.run``, no test-time augmentation, kept in FOLDER) and
its edges compared with its labels::

    python benchmarks/confidence.py DATA FOLDER
    python benchmarks/confidence.py DATA FOLDER2 --model fold.safetensors --places train/drawn/nepal

An edge is right by the share of it that lies on a labelled road, or within 2 m (3.2 m where labels
are lines of constant width). Models are fitted on all sets but one and measured on that one; each
set weighs the same. Of one set alone the constants in use are measured. DeepGlobe, the Czech set
and Nairobi are never fitted on. The last lines are the constants of ``roadex.network.confidence``
and ``roadex.probability.completeness``, fitted on all sets that may be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import shapely
from logistic import fit_logistic
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy import ndimage

import roadex
from roadex.network import confidence
from roadex.network.confidence import FEATURES, confidence_features
from roadex.probability import completeness
from roadex.probability.completeness import share_found

sys.path.insert(0, str(Path(__file__).parents[1] / "workflows" / "gpu-training"))

from kit.places import IGNORED, ROAD, Place
from kit.sources import TRAINING, VALIDATION, read_source

CRS = "EPSG:32631"
JUDGED_ONLY = ("czech", "deepglobe", "kenya")
LINE_LABELS = ("massachusetts", "vegas", "shanghai")
NEAR_M, NEAR_LINE_M = 2.0, 3.2
FOUND_M = 3.0
STEP_M = 2.0


def places(root: Path, wanted: list[str]) -> Iterator[tuple[str, Place]]:
    """Yield set name and place of all validation sets, or of ``ROLE/SET/BEGINNING`` of names."""
    chosen = [text.split("/", 2) for text in wanted] or [
        [*source.set_name.split("/"), ""] for source in VALIDATION
    ]
    for source in (*VALIDATION, *TRAINING):
        for role, name, beginning in chosen:
            if source.set_name == f"{role}/{name}":
                for place in read_source(root, source):
                    if place.name.startswith(beginning):
                        yield beginning or name, place


def run(place: Place, folder: Path, model: str) -> roadex.RunResult:
    """Return the results of a place, given a position it does not have."""
    height, width = place.label.shape
    profile = {
        "driver": "GTiff", "height": height, "width": width, "crs": CRS, "dtype": "uint8",
        "transform": from_origin(500_000, 5_000_000, place.gsd_m, place.gsd_m),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    scene = folder / "scene.tif"
    if not scene.exists():
        with rasterio.open(scene, "w", count=3, **profile) as file:
            file.write(np.moveaxis(place.image, -1, 0))
    config = roadex.RunConfig.from_dict(
        {"predict": {"tta": "none", "model": model}, "cluster": {"workers": 0}}
    )
    return roadex.run(scene, folder / "out", config=config)


def judge_edges(result: roadex.RunResult, place: Place, near_m: float) -> pd.DataFrame:
    """Return features, labelled kilometres and the right share of every edge."""
    edges = result.edges.to_crs(CRS)
    distance_m = ndimage.distance_transform_edt(place.label != ROAD) * place.gsd_m
    rows = []
    for line in edges.geometry:
        n = max(1, int(np.ceil(line.length / STEP_M)))
        xy = shapely.get_coordinates(
            shapely.line_interpolate_point(line, (np.arange(n) + 0.5) / n * line.length)
        )
        at = np.floor((xy - [500_000, 5_000_000]) / [place.gsd_m, -place.gsd_m]).astype(int)
        row, col = np.clip(at[:, ::-1], 0, np.array(place.label.shape) - 1).T
        counts = place.label[row, col] != IGNORED
        right = (distance_m[row, col] <= near_m)[counts]
        rows.append((counts.mean(), right.mean() if len(right) else np.nan))
    table = pd.DataFrame(confidence_features(edges, result.nodes), columns=list(FEATURES))
    table[["counted", "right"]] = np.array(rows).reshape(-1, 2)
    table["km"] = table["counted"] * edges["length_m"].to_numpy() / 1000
    table["prob_mean"] = edges["prob_mean"].to_numpy()
    return table[table["km"] > 0]


def judge_scene(result: roadex.RunResult, place: Place, threshold: float) -> dict[str, float]:
    """Return share found, true completeness and labelled road of a place."""
    with result.probability as raster:
        stored, gsd_m = raster.read(1), raster.transform.a
    rows, cols = (
        np.minimum(((np.arange(n) + 0.5) * gsd_m / place.gsd_m).astype(int), size - 1)
        for n, size in zip(stored.shape, place.label.shape, strict=True)
    )
    label = place.label[np.ix_(rows, cols)]
    levels = np.bincount(stored[(label != IGNORED) & (stored <= 254)], minlength=255)
    is_road = label == ROAD
    found = ndimage.binary_dilation(
        (stored <= 254) & (stored >= threshold * 254), iterations=round(FOUND_M / gsd_m)
    )
    return {
        "share": share_found(levels * np.arange(255) / 254, threshold),
        "completeness": (found & is_road).sum() / max(1, is_road.sum()),
        "road_m2": is_road.sum() * gsd_m**2,
    }


def fit(features: NDArray, truth: NDArray, weight: NDArray) -> NDArray:
    """Return constant and weights of a logistic model, least cross-entropy, slightly shrunk."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    weight = weight / weight.sum()
    return fit_logistic(features, truth, weight, mean=mean, spread=spread, shrink=1e-3)


def logistic(model: NDArray, features: NDArray) -> NDArray:
    return 1 / (1 + np.exp(-(model[0] + features @ model[1:])))


def wrong_in_lowest_fifth(value: NDArray, table: pd.DataFrame) -> float:
    """Return the share of the wrong kilometres in the fifth of the kilometres ranked lowest."""
    order = np.argsort(value, kind="stable")
    km, right = table["km"].to_numpy()[order], table["right"].to_numpy()[order]
    wrong = km * (1 - right)
    return float(wrong[np.cumsum(km) <= km.sum() / 5].sum() / wrong.sum())


def calibration_error(value: NDArray, table: pd.DataFrame) -> float:
    """Return the expected calibration error over ten bins, weighted with kilometres."""
    gap = table["km"] * (value - table["right"])
    bins = np.minimum((value * 10).astype(int), 9)
    return float(gap.groupby(bins).sum().abs().sum() / table["km"].sum())


def set_weight(table: pd.DataFrame, column: str) -> NDArray:
    return (table[column] / table.groupby("set")[column].transform("sum")).to_numpy(copy=True)


def show_edges(table: pd.DataFrame) -> NDArray:
    """Print how confidence ranks each set left out; return the model of all that may be fitted."""
    names = list(FEATURES)
    allowed = table[~table["judged_only"]]
    print("edges: set, km, right, wrong km in the lowest fifth by prob_mean and by confidence, ECE")
    for name, left in table.groupby("set"):
        rest = allowed[allowed["set"] != name]
        model = np.r_[confidence.CONSTANT, confidence.WEIGHTS]
        if len(rest):
            model = fit(rest[names].to_numpy(), rest["right"].to_numpy(), set_weight(rest, "km"))
        value = logistic(model, left[names].to_numpy())
        right = np.average(left["right"], weights=left["km"])
        by_probability = wrong_in_lowest_fifth(left["prob_mean"].to_numpy(), left)
        print(
            f"  {name:14} {left['km'].sum():7.2f} {right:.3f} {by_probability:.2f} "
            f"{wrong_in_lowest_fifth(value, left):.2f} {calibration_error(value, left):.3f}"
        )
    return fit(allowed[names].to_numpy(), allowed["right"].to_numpy(), set_weight(allowed, "km"))


def log_odds(share: pd.Series) -> NDArray:
    share = share.clip(0.02, 0.98)
    return np.log(share / (1 - share)).to_numpy()[:, None]


def show_scenes(table: pd.DataFrame) -> NDArray:
    """Print expected and true completeness of each set left out; return the model of the rest."""
    allowed = table[~table["judged_only"]]
    print("scenes: set, places, completeness expected and true, mean error of a place")
    for name, left in table.groupby("set"):
        rest = allowed[allowed["set"] != name]
        model = np.r_[completeness.CONSTANT, completeness.WEIGHT]
        if len(rest):
            model = fit(
                log_odds(rest["share"]), rest["completeness"].to_numpy(), set_weight(rest, "weight")
            )
        value = logistic(model, log_odds(left["share"]))
        expected, true = (np.average(v, weights=left["weight"]) for v in
                          (value, left["completeness"]))  # fmt: skip
        error = np.average(np.abs(value - left["completeness"]), weights=left["weight"])
        print(f"  {name:14} {len(left):3} {expected:.2f} {true:.2f} {error:.2f}")
    return fit(
        log_odds(allowed["share"]),
        allowed["completeness"].to_numpy(),
        set_weight(allowed, "weight"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of the datasets")
    parser.add_argument("folder", type=Path, help="where results are kept")
    parser.add_argument("--model", default="roadex-light")
    parser.add_argument("--threshold", type=float, default=0.35, help="high threshold of the model")
    parser.add_argument("--places", nargs="+", default=[], help="only ROLE/SET/BEGINNING")
    options = parser.parse_args()
    edges, scenes = [], []
    for name, place in places(options.root, options.places):
        result = run(place, options.folder / name / place.name, options.model)
        common = {"set": name, "judged_only": place.name.startswith("kenya") or name in JUDGED_ONLY}
        near_m = NEAR_LINE_M if name in LINE_LABELS else NEAR_M
        edges.append(judge_edges(result, place, near_m).assign(**common))
        scenes.append(judge_scene(result, place, options.threshold) | common)
    table = pd.DataFrame(scenes)
    table["weight"] = table["road_m2"].clip(upper=5000)
    found = show_edges(pd.concat(edges, ignore_index=True))
    complete = show_scenes(table[table["road_m2"] > 300])
    print("confidence  ", *found.round(4))
    print("completeness", *complete.round(4))


if __name__ == "__main__":
    main()
