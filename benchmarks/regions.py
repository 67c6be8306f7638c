"""How good models are region by region: IoU and relaxed precision and recall at given thresholds.

The network alone, without test-time augmentation, on whole images at 0.8 m (--gsd) with 64 px
mirrored around. IoU is over all labelled pixels of a set; relaxed precision and recall at 2.4 m::

    python benchmarks/regions.py DATA roadex-light --thresholds 0.5
    python benchmarks/regions.py DATA model.safetensors --thresholds 0.3 0.4 0.5 --sets drawn czech
    python benchmarks/regions.py DATA roadex-light --gsd 0.7 \\
        --precisions float32 int8 --tta none flip

A row per threshold is IoU, then precision / recall, of every set, the mean of the IoUs, and how
much that is above the first row of the same threshold, with the 95 % interval over 1000 draws of
images (as many of each set as it has, with replacement).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from roadex.config import FLOAT32, INT8, TTA_NAMES
from roadex.inference.folding import ready_for_inference
from roadex.inference.int8_form import IntegerForm
from roadex.inference.tta import predict_with_tta
from roadex.models.int8 import load_int8
from roadex.models.modelfile import load_model, read_metadata
from roadex.models.scaling import Scaling
from roadex.scoring.metrics.relaxed import RelaxedCounts, dilate

sys.path.insert(0, str(Path(__file__).parents[1] / "workflows" / "gpu-training"))

from kit.measure import LEVELS, LevelCounts, predict
from kit.places import IGNORED, ROAD, Place, at_gsd
from kit.sources import VALIDATION, read_source

RADIUS_M = 2.4
_DRAWS = 1000

Row = tuple[str, str, str]
"""Model, precision, test-time augmentation."""


Forward = Callable[[torch.Tensor], torch.Tensor]


def build(row: Row) -> Forward:
    """Return what computes a row: scaled chips to logits of the mean probability over views."""
    name, precision, tta = row
    network: Forward = ready_for_inference(load_model(name).network)
    if precision == INT8:
        integers = IntegerForm(load_int8(name), Scaling.of(read_metadata(name)))

        def network(chips: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(integers.logits(chips.contiguous().numpy()))

    def averaged(chips: torch.Tensor) -> torch.Tensor:
        return torch.logit(predict_with_tta(network, chips, tta), eps=1e-6)[:, None]

    return averaged


@dataclass(slots=True)
class Figures:
    """Counts of one set."""

    levels: list[LevelCounts]
    """One per image."""

    relaxed: dict[float, RelaxedCounts]
    radius_px: int

    def add(self, probability: NDArray[np.float32], label: NDArray[np.uint8]) -> None:
        """Count an image; what is found on ignored pixels does not count as predicted."""
        counts = LevelCounts()
        counts.add(probability, label)
        self.levels.append(counts)
        truth, counted = label == ROAD, label != IGNORED
        near_truth = dilate(truth, self.radius_px)
        for threshold in self.relaxed:
            found = probability >= threshold
            near_found, found = dilate(found, self.radius_px), found & counted
            self.relaxed[threshold] += RelaxedCounts(
                int(np.count_nonzero(found)),
                int(np.count_nonzero(found & near_truth)),
                int(np.count_nonzero(truth)),
                int(np.count_nonzero(truth & near_found)),
            )

    def iou(self, threshold: float, drawn: NDArray[np.int64] | None = None) -> float:
        """Return the IoU over all pixels of all images, or of those drawn."""
        chosen = range(len(self.levels)) if drawn is None else drawn
        first = int(np.ceil(threshold * (LEVELS - 1) - 1e-9))
        found = sum(self.levels[i].road[first:].sum() for i in chosen)
        road = sum(self.levels[i].road.sum() for i in chosen)
        wrong = sum(self.levels[i].other[first:].sum() for i in chosen)
        return float(found / (road + wrong)) if road + wrong else 1.0

    def text(self, threshold: float) -> str:
        """Return ``IoU precision/recall`` of a threshold."""
        scores = self.relaxed[threshold].scores()
        precision, recall = scores["relaxed_precision"], scores["relaxed_recall"]
        return f"{self.iou(threshold):.3f} {precision:.2f}/{recall:.2f}"


def places_of(root: Path, names: Iterable[str], gsd_m: float) -> Iterator[tuple[str, Place]]:
    """Yield set name and place at a pixel size."""
    for source in VALIDATION:
        name = source.set_name.removeprefix("val/")
        if name in names:
            for place in read_source(root, source):
                yield name, at_gsd(place, gsd_m)


def gain(rows: list[Figures], base: list[Figures], threshold: float) -> str:
    """Return the mean IoU of sets above that of other figures, with its 95 % interval."""
    random = np.random.default_rng(0)
    differences = []
    for _ in range(_DRAWS):
        drawn = [random.integers(len(row.levels), size=len(row.levels)) for row in rows]
        differences.append(
            np.mean(
                [
                    ours.iou(threshold, some) - theirs.iou(threshold, some)
                    for ours, theirs, some in zip(rows, base, drawn, strict=True)
                ]
            )
        )
    low, high = np.percentile(differences, [2.5, 97.5])
    whole = np.mean([a.iou(threshold) - b.iou(threshold) for a, b in zip(rows, base, strict=True)])
    return f"{whole:+.4f} ({low:+.4f} to {high:+.4f})"


def main() -> None:
    all_names = [source.set_name.removeprefix("val/") for source in VALIDATION]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of the datasets")
    parser.add_argument("models", nargs="+", help="names of packaged models or model files")
    parser.add_argument("--thresholds", nargs="+", type=float, default=[0.3, 0.4, 0.5])
    parser.add_argument("--sets", nargs="+", default=all_names, choices=all_names)
    parser.add_argument("--gsd", type=float, default=0.8, help="metres per pixel")
    parser.add_argument("--precisions", nargs="+", default=[FLOAT32], choices=[FLOAT32, INT8])
    parser.add_argument("--tta", nargs="+", default=["none"], choices=TTA_NAMES)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows: list[Row] = list(product(options.models, options.precisions, options.tta))
    networks = {row: build(row) for row in rows}
    figures = {
        (row, name): Figures(
            [],
            dict.fromkeys(options.thresholds, RelaxedCounts()),
            round(RADIUS_M / options.gsd),
        )
        for row in rows
        for name in options.sets
    }
    for name, place in places_of(options.root, options.sets, options.gsd):
        for row, network in networks.items():
            probability = predict(network, place.image, torch.device("cpu"))
            figures[row, name].add(probability, place.label)
    print("| model | threshold |", " | ".join(options.sets), "| mean | above the first row |")
    for row in rows:
        for threshold in options.thresholds:
            sets = [figures[row, name] for name in options.sets]
            first = [figures[rows[0], name] for name in options.sets]
            mean = np.mean([figure.iou(threshold) for figure in sets])
            cells = " | ".join(figure.text(threshold) for figure in sets)
            above = "" if row == rows[0] else gain(sets, first, threshold)
            name = ", ".join((Path(row[0]).stem, *row[1:]))
            print(f"| {name} | {threshold:.2f} | {cells} | {mean:.4f} | {above} |", flush=True)


if __name__ == "__main__":
    main()
