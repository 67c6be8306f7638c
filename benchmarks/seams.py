"""How much chips show: the step of probability across edges of chips, and what context costs.

    python benchmarks/seams.py DATA roadex-light --images 3

Images of the validation sets with room for several chips (Massachusetts, Dubai) are cut into chips
of 1024 px with more and more context and stitched, without test-time augmentation, in float32.
``step`` is the mean change of probability from one pixel to the next across edges of chips, where
one of the two is road, divided by that of the most context at the same places, where no edge is
near. ``IoU`` is against labels, ``as most`` that of the two road masks, ``work`` the pixels
computed per pixel of the image.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

import numpy as np
import torch
from kit.measure import LevelCounts
from numpy.typing import NDArray

from benchmarks.regions import Forward, build, places_of

CORE = 1024
CONTEXTS = (512, 384, 256, 192, 128, 64)
"""The first is what the others are compared with."""

SETS = ("massachusetts", "dubai")

Probability = NDArray[np.float32]


def stitched(forward: Forward, image: NDArray[np.uint8], context: int) -> Probability:
    """Return the probability of an image cut into chips, mirrored where it ends."""
    height, width = image.shape[:2]
    rows, cols = (-(-side // CORE) for side in (height, width))
    reach = [(context, n * CORE - side + context) for n, side in ((rows, height), (cols, width))]
    scaled = np.pad(image, [*reach, (0, 0)], mode="symmetric").astype(np.float32) / 127.5 - 1
    result = np.empty((rows * CORE, cols * CORE), dtype=np.float32)
    for row, col in product(range(0, rows * CORE, CORE), range(0, cols * CORE, CORE)):
        side = CORE + 2 * context
        chip = torch.from_numpy(scaled[row : row + side, col : col + side]).permute(2, 0, 1)
        with torch.inference_mode():
            whole = torch.sigmoid(forward(chip[None]))[0, 0].numpy()
        inner = slice(context, context + CORE)
        result[row : row + CORE, col : col + CORE] = whole[inner, inner]
    return result[:height, :width]


def steps(found: Probability, threshold: float) -> Iterator[float]:
    """Yield changes of probability across edges of chips where there is road."""
    for values in (found, found.T):
        for edge in range(CORE, len(values), CORE):
            pair = values[edge - 1 : edge + 1]
            yield from np.abs(pair[1] - pair[0])[pair.max(axis=0) >= threshold]


def overlap(found: Probability, most: Probability, threshold: float) -> tuple[int, int]:
    """Return how many pixels are road in both, and in one or both."""
    ours, theirs = found >= threshold, most >= threshold
    return int(np.count_nonzero(ours & theirs)), int(np.count_nonzero(ours | theirs))


def main() -> None:
    """Print a table of contexts for each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("model")
    parser.add_argument("--images", type=int, default=3, help="images of each set")
    parser.add_argument("--contexts", type=int, nargs="+", default=CONTEXTS, help="most first")
    parser.add_argument("--gsd", type=float, default=0.7)
    parser.add_argument("--threshold", type=float, default=0.35)
    options = parser.parse_args()
    torch.set_num_threads(1)
    forward = build((options.model, "float32", "none"))
    print("| set | context | step | IoU | as most | work |", flush=True)
    for name in SETS:
        places = [place for _, place in islice(
            places_of(options.data, [name], options.gsd), options.images
        )]  # fmt: skip
        most = [stitched(forward, place.image, options.contexts[0]) for place in places]
        base = np.mean([step for found in most for step in steps(found, options.threshold)])
        for context in options.contexts:
            found = most
            if context != options.contexts[0]:
                found = [stitched(forward, place.image, context) for place in places]
            counts = LevelCounts()
            for place, values in zip(places, found, strict=True):
                counts.add(values, place.label)
            both, either = np.sum(
                [overlap(a, b, options.threshold) for a, b in zip(found, most, strict=True)], axis=0
            )
            step = np.mean([step for values in found for step in steps(values, options.threshold)])
            work = (1 + 2 * context / CORE) ** 2
            print(
                f"| {name} | {context} | {step / base:.2f} | {counts.iou(options.threshold):.4f} "
                f"| {both / either:.3f} | {work:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
