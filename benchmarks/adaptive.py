"""What ``--tta adaptive`` saves and loses: chips that keep their first view, and the road in them.

    python benchmarks/adaptive.py DATA roadex-light --sets train/massachusetts val/deepglobe

The images of each set are cut into chips of 1024 px with 64 px around. A chip is quiet if its
first view shows nothing. ``views`` is how many are computed per chip, 4 without ``adaptive``.
``lost`` is the road found in quiet chips by the mean of four views, at the threshold of the
model, and ``labelled`` the labelled road in them, both in pixels; ``road`` is all labelled road.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadex.inference.engine import Predictor
from roadex.inference.tta import is_quiet

sys.path.insert(0, str(Path(__file__).parents[1] / "workflows" / "gpu-training"))

from kit.places import ROAD, Place, at_gsd
from kit.sources import TRAINING, VALIDATION, read_source

CORE, CONTEXT = 1024, 64


def chips(place: Place) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Yield image ``(3, h, w)``, mirrored where the place ends, and labelled road of each core."""
    height, width = place.label.shape
    for row, col in product(range(0, height, CORE), range(0, width, CORE)):
        image = place.image[row : row + CORE, col : col + CORE]
        reach = [(CONTEXT, CONTEXT + CORE - side) for side in image.shape[:2]]
        padded = np.pad(image, [*reach, (0, 0)], mode="symmetric")
        road = place.label[row : row + CORE, col : col + CORE] == ROAD
        yield np.moveaxis(padded, -1, 0).astype(np.float32), road


def main() -> None:
    """Print a row per set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    parser.add_argument("--sets", nargs="+", default=[source.set_name for source in VALIDATION])
    parser.add_argument("--every", type=int, default=1, help="take every n-th image")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--gsd", type=float, default=0.7)
    parser.add_argument("--threshold", type=float, default=0.35)
    options = parser.parse_args()
    once, flips = (
        Predictor.load(options.model, tta=tta, precision=options.precision)
        for tta in ("none", "flip")
    )
    print("| set | chips | quiet | views | lost | labelled | road |", flush=True)
    for name in options.sets:
        counts = np.zeros(5, dtype=np.int64)
        places = (p for source in (*TRAINING, *VALIDATION) if source.set_name == name
                  for p in read_source(options.data, source))  # fmt: skip
        for number, place in enumerate(places):
            if number % options.every:
                continue
            for image, road in chips(at_gsd(place, options.gsd)):
                counts[[0, 4]] += 1, road.sum()
                if is_quiet(once.probability(image)):
                    inner = (slice(CONTEXT, CONTEXT + road.shape[0]),
                             slice(CONTEXT, CONTEXT + road.shape[1]))  # fmt: skip
                    found = flips.probability(image)[inner] >= options.threshold
                    counts[1:4] += 1, found.sum(), road.sum()
        n, quiet, lost, labelled, road_px = counts
        views = 4 - 3 * quiet / n
        print(
            f"| {name} | {n} | {quiet} | {views:.2f} | {lost} | {labelled} | {road_px} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
