"""How good models are region by region: IoU and relaxed precision and recall at given thresholds.

The network alone, without test-time augmentation, on whole images at 0.8 m (--gsd) with 64 px
mirrored around. IoU is over all labelled pixels of a set; relaxed precision and recall at 2.4 m::

    python benchmarks/regions.py DATA roadex-light --thresholds 0.5
    python benchmarks/regions.py DATA model.safetensors --thresholds 0.3 0.4 0.5 --sets drawn czech

A row per threshold is IoU, then precision / recall, of every set, and the mean of the IoUs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from roadex.inference.folding import ready_for_inference
from roadex.models.modelfile import load_model
from roadex.scoring.metrics.relaxed import RelaxedCounts, dilate

sys.path.insert(0, str(Path(__file__).parents[1] / "workflows" / "gpu-training"))

from kit.measure import LevelCounts, predict
from kit.places import IGNORED, ROAD, Place, at_gsd
from kit.sources import VALIDATION, read_source

RADIUS_M = 2.4


@dataclass(slots=True)
class Figures:
    """Counts of one set."""

    levels: LevelCounts
    relaxed: dict[float, RelaxedCounts]
    radius_px: int

    def add(self, probability: NDArray[np.float32], label: NDArray[np.uint8]) -> None:
        """Count an image; what is found on ignored pixels does not count as predicted."""
        self.levels.add(probability, label)
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

    def text(self, threshold: float) -> str:
        """Return ``IoU precision/recall`` of a threshold."""
        scores = self.relaxed[threshold].scores()
        precision, recall = scores["relaxed_precision"], scores["relaxed_recall"]
        return f"{self.levels.iou(threshold):.3f} {precision:.2f}/{recall:.2f}"


def places_of(root: Path, names: Iterable[str], gsd_m: float) -> Iterator[tuple[str, Place]]:
    """Yield set name and place at a pixel size."""
    for source in VALIDATION:
        name = source.set_name.removeprefix("val/")
        if name in names:
            for place in read_source(root, source):
                yield name, at_gsd(place, gsd_m)


def main() -> None:
    all_names = [source.set_name.removeprefix("val/") for source in VALIDATION]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of the datasets")
    parser.add_argument("models", nargs="+", help="names of packaged models or model files")
    parser.add_argument("--thresholds", nargs="+", type=float, default=[0.3, 0.4, 0.5])
    parser.add_argument("--sets", nargs="+", default=all_names, choices=all_names)
    parser.add_argument("--gsd", type=float, default=0.8, help="metres per pixel")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    networks = {name: ready_for_inference(load_model(name).network) for name in options.models}
    figures = {
        (model, name): Figures(
            LevelCounts(),
            dict.fromkeys(options.thresholds, RelaxedCounts()),
            round(RADIUS_M / options.gsd),
        )
        for model in networks
        for name in options.sets
    }
    for name, place in places_of(options.root, options.sets, options.gsd):
        for model, network in networks.items():
            probability = predict(network, place.image, torch.device("cpu"))
            figures[model, name].add(probability, place.label)
    print("| model | threshold |", " | ".join(options.sets), "| mean |")
    for model in networks:
        for threshold in options.thresholds:
            rows = [figures[model, name] for name in options.sets]
            mean = np.mean([row.levels.iou(threshold) for row in rows])
            cells = " | ".join(row.text(threshold) for row in rows)
            print(f"| {Path(model).stem} | {threshold:.2f} | {cells} | {mean:.4f} |", flush=True)


if __name__ == "__main__":
    main()
