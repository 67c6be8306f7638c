"""What a scene could teach its model without labels, and whether a figure without labels tells.

    python benchmarks/adaptation.py DATA/foreign/drawn/val tonga_kolovai_01 estonia_c_01

Each place is mapped with other thresholds, with batch statistics mixed with its own, and with the
mean of the log odds over four flips at three pixel sizes (``scales``), which is what
self-training would learn from. ``roads`` are completeness / correctness at 5 m against the lines
drawn by hand. The other figures need no labels; they compare with the lines of ``scales``:

sure
    share of its sure lines (thresholds 0.35 and 0.6) that the candidate has
possible
    the same of its possible lines (0.05 and 0.1)
confirmed
    share of the candidate that lies near its possible lines

The last table accepts a candidate where these allow it, and says what roads say of those accepted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import shapely
import torch
from ablation_scores import with_statistics_of
from folds import TOLERANCE_M, compare
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.special import expit, logit

import roadex
from roadex.imagery.scene import Scene, open_scene
from roadex.imagery.work_grid import WorkGrid, open_grid, plan_grid
from roadex.inference.engine import Predictor
from roadex.inference.on_grid import predict_on_grid
from roadex.models.averaging import average_networks
from roadex.models.base import SegmentationNetwork
from roadex.models.modelfile import Model, load_model
from roadex.models.scaling import Scaling

THRESHOLDS: Final = ((0.21, 0.35), (0.21, 0.6), (0.1, 0.2), (0.05, 0.1), (0.03, 0.05))
SURE, POSSIBLE = (0.35, 0.6), (0.05, 0.1)
SCALES_M: Final = (0.55, 0.7, 0.9)
STATISTICS: Final = (0.3, 0.6)
"""Shares of the statistics of the scene."""

CHIP, LEAST_IMAGERY = 384, 0.25


@dataclass(frozen=True, slots=True)
class Place:
    """A scene on the grid of the model."""

    scene: Scene
    grid: WorkGrid
    valid: NDArray[np.bool_]
    truth: Path


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to map a place. All figures are shares in [0, 1]."""

    way: str
    completeness: float
    correctness: float
    sure: float
    possible: float
    confirmed: float

    def __str__(self) -> str:
        return (
            f"| {self.way} | {self.completeness:.3f} / {self.correctness:.3f} | {self.sure:.3f} | "
            f"{self.possible:.3f} | {self.confirmed:.3f} |"
        )


def open_place(data: Path, name: str, model: Model) -> Place:
    """Open a place that was drawn."""
    metadata = model.metadata
    scene = open_scene([str(data / "sat" / f"{name}.tif")], stretch=metadata.stretch)
    grid = plan_grid(scene, gsd_m=metadata.gsd_m, gsd_range_m=metadata.gsd_range_m)
    with open_grid(scene, grid) as reader:
        valid = reader.read(Window(0, 0, grid.shape[1], grid.shape[0]))[1]
    return Place(scene, grid, valid, data / "lines" / f"{name}.geojson")


def images_of(place: Place, scaling: Scaling) -> Iterator[torch.Tensor]:
    """Yield network input of the parts of a place that show enough."""
    with open_grid(place.scene, place.grid) as reader:
        for row, col in product(*(range(0, side, CHIP) for side in place.grid.shape)):
            image, valid = reader.read(Window(col, row, CHIP, CHIP))
            if valid.mean() >= LEAST_IMAGERY:
                yield scaling.apply(torch.from_numpy(image)[None])[0]


@torch.no_grad()
def networks_of(place: Place, model: Model) -> Iterator[tuple[str, SegmentationNetwork]]:
    """Yield the network of a model, and that with statistics of the place mixed in."""
    yield "model", model.network
    own = with_statistics_of(model.network, images_of(place, Scaling.of(model.metadata)))
    for share in STATISTICS:
        shares = [1 - share, share]
        mixed = average_networks([model, replace(model, network=own)], shares)
        yield f"statistics {share:g}", mixed.eval()


def over_scales(place: Place, model: Model) -> NDArray[np.float32]:
    """Return the probability of the mean of the log odds over flips at several pixel sizes."""
    predictor = Predictor.of(model.network, Scaling.of(model.metadata), tta="flip")
    total = np.zeros(place.grid.shape, dtype=np.float32)
    for gsd_m in SCALES_M:
        grid = plan_grid(place.scene, gsd_m=gsd_m, gsd_range_m=model.metadata.gsd_range_m)
        found = predict_on_grid(predictor, place.scene, grid, place.grid)
        total += logit(found.clip(1e-5, 1 - 1e-5))
    return expit(total / len(SCALES_M))


def lines_of(
    probability: NDArray[np.float32], place: Place, thresholds: tuple[float, float]
) -> gpd.GeoDataFrame:
    """Return the network of a place."""
    low, high = thresholds
    config = roadex.RunConfig.from_dict(
        {"vector": {"low": low, "high": high}, "cluster": {"workers": 0}}
    )
    seen = np.where(place.valid, probability, np.nan)
    place_on_earth = {"transform": place.grid.transform, "crs": place.grid.crs.to_wkt()}
    edges = roadex.vectorize(seen, **place_on_earth, config=config).edges
    return edges.to_crs(place.grid.crs)


def near(lines: shapely.Geometry, others: shapely.Geometry) -> float:
    """Return the share of lines that lies near others."""
    return float(lines.intersection(others.buffer(TOLERANCE_M)).length / max(lines.length, 1e-9))


def candidates(place: Place, model: Model) -> Iterator[Candidate]:
    """Yield every way to map a place; the first is the model as it is."""
    scales = over_scales(place, model)
    sure, possible = (
        lines_of(scales, place, pair).geometry.union_all() for pair in (SURE, POSSIBLE)
    )
    networks = networks_of(place, model)
    found = {way: plain(place, network, model) for way, network in networks} | {"scales": scales}
    for (way, probability), pair in product(found.items(), THRESHOLDS):
        edges = lines_of(probability, place, pair)
        lines = edges.geometry.union_all()
        judged = compare(edges, place.truth)
        yield Candidate(
            f"{way} {pair[0]:g}/{pair[1]:g}",
            judged.drawn_found / judged.drawn,
            judged.lines_right / max(judged.lines, 1e-9),
            near(sure, lines),
            near(possible, lines),
            near(lines, possible),
        )


def plain(place: Place, network: SegmentationNetwork, model: Model) -> NDArray[np.float32]:
    """Return the probability of a place without augmentation."""
    predictor = Predictor.of(network, Scaling.of(model.metadata))
    return predict_on_grid(predictor, place.scene, place.grid, place.grid)


def print_gates(found: Mapping[str, list[Candidate]]) -> None:
    """Print what gates without labels accept, and how good that is."""
    print("| confirmed, sure at most less | possible at least more | accepted | better | worse |")
    for loss, gain in product((0.02, 0.005), (0.01, 0.03)):
        accepted = [
            (c.completeness - base.completeness, c.correctness - base.correctness)
            for base, *others in found.values()
            for c in others
            if not c.way.startswith("scales")  # it would judge itself
            and c.confirmed >= base.confirmed - loss
            and c.sure >= base.sure - loss
            and c.possible >= base.possible + gain
        ]
        better = sum(more >= 0.05 and right >= -0.02 for more, right in accepted)
        worse = sum(more < -0.01 or right < -0.02 for more, right in accepted)
        print(f"| {loss} | {gain} | {len(accepted)} | {better} | {worse} |")


def main() -> None:
    """Print a table per place, and one of the gates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with sat/ and lines/")
    parser.add_argument("places", nargs="+")
    parser.add_argument("--model", default="roadex-light")
    options = parser.parse_args()
    model = load_model(options.model)
    found: dict[str, list[Candidate]] = {}
    for name in options.places:
        place = open_place(options.data, name, model)
        print(f"| {name} | roads | sure | possible | confirmed |", flush=True)
        found[name] = []
        for candidate in candidates(place, model):
            found[name].append(candidate)
            print(candidate, flush=True)
    print_gates(found)


if __name__ == "__main__":
    main()
