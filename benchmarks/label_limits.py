"""How far the placing of labels limits the IoU of a probability raster.

    python benchmarks/label_limits.py probability.tif --truth mask/*.tif --threshold 0.4

Labels drawn along centrelines lie a pixel or two beside the road they mean, and a road of seven
pixels has few pixels that are not near its edge. Printed are the shares of false and missed pixels
near a label and away from it, the IoU there would be without either kind, the IoU of the truth
with itself moved by whole pixels, and the IoU with the raster moved as a whole and block by block
to where it fits best. Moving is done to see what misplaced labels cost; no score of roadex does it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.merge import merge
from rasterio.vrt import WarpedVRT
from scipy import ndimage

from roadex.config import NODATA, PROBABILITY_MAX

Mask = NDArray[np.bool_]

NEAR_PX = 3
BLOCK_PX = 100
MOST_PX = 3


def read(probability: Path, masks: list[Path]) -> tuple[NDArray[np.float32], Mask]:
    """Return probability and truth on the grid of the masks."""
    with ExitStack() as stack:
        tiles = [stack.enter_context(rasterio.open(path)) for path in masks]
        truth, transform = merge(tiles)
        raster = stack.enter_context(rasterio.open(probability))
        height, width = truth.shape[1:]
        grid = {"crs": tiles[0].crs, "transform": transform, "height": height, "width": width}
        vrt = stack.enter_context(WarpedVRT(raster, resampling=Resampling.bilinear, **grid))
        stored = vrt.read(1)
    found = np.where(stored == NODATA, 0, stored).astype(np.float32) / PROBABILITY_MAX
    return found, truth[0] > 0


def iou(found: Mask, truth: Mask) -> float:
    """Return the intersection over union of two masks."""
    return int((found & truth).sum()) / max(1, int((found | truth).sum()))


def errors(found: Mask, truth: Mask) -> Iterator[str]:
    """Yield false and missed pixels, near the other mask and away from it."""
    union = int((found | truth).sum())
    near_truth = ndimage.distance_transform_edt(~truth) <= NEAR_PX
    near_found = ndimage.distance_transform_edt(~found) <= NEAR_PX
    false, missed = found & ~truth, truth & ~found
    for name, wrong, near in (("false", false, near_truth), ("missed", missed, near_found)):
        shares = (int((wrong & where).sum()) / union for where in (near, ~near))
        yield "{}: {:.3f} of the union near, {:.3f} away".format(name, *shares)
    away = (false & ~near_truth) | (missed & ~near_found)
    hit = int((found & truth).sum())
    yield f"IoU {hit / union:.3f}; without errors away {hit / (union - int(away.sum())):.3f}"
    is_near = (false & near_truth) | (missed & near_found)
    yield f"without errors near {hit / (union - int(is_near.sum())):.3f}"


def moved_as_a_whole(probability: NDArray[np.float32], truth: Mask, threshold: float) -> str:
    """Return the best move of the whole raster, in half pixels."""
    steps = np.arange(-1, 1.5, 0.5)
    best = max(
        (iou(ndimage.shift(probability, (down, right), order=1) >= threshold, truth), down, right)
        for down in steps
        for right in steps
    )
    return "moved as a whole: {:.3f}, {:+.1f} px down, {:+.1f} px right".format(*best)


def moved_by_block(found: Mask, truth: Mask) -> float:
    """Return the IoU with every block moved by up to ``MOST_PX`` pixels to where it fits best."""
    steps = range(-MOST_PX, MOST_PX + 1)
    moved = [np.roll(found, (down, right), (0, 1)) for down in steps for right in steps]
    overlap = union = 0
    for row in range(0, truth.shape[0], BLOCK_PX):
        for col in range(0, truth.shape[1], BLOCK_PX):
            block = np.s_[row : row + BLOCK_PX, col : col + BLOCK_PX]
            best = max(moved, key=lambda mask, at=block: iou(mask[at], truth[at]))[block]
            overlap += int((best & truth[block]).sum())
            union += int((best | truth[block]).sum())
    return overlap / max(1, union)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("probability", type=Path)
    parser.add_argument("--truth", type=Path, nargs="+", required=True, help="tiles of the mask")
    parser.add_argument("--threshold", type=float, default=0.5)
    options = parser.parse_args()
    probability, truth = read(options.probability, options.truth)
    found = probability >= options.threshold
    for line in errors(found, truth):
        print(line)
    for n in (1, 2, 3):
        print(f"truth moved {n} px right: IoU {iou(np.roll(truth, n, 1), truth):.3f} with itself")
    print(moved_as_a_whole(probability, truth, options.threshold))
    print(f"moved by block of {BLOCK_PX} px: {moved_by_block(found, truth):.3f}")


if __name__ == "__main__":
    main()
