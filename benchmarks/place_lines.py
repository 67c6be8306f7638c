"""How complete and correct the lines of ``roadex run`` are, set by set.

Every validation place is run once (no test-time augmentation, kept in FOLDER, which may be that of
``benchmarks/confidence.py``) and its lines are scored as ``roadex score`` does, against the middle
lines of the labels::

    python benchmarks/place_lines.py DATA FOLDER
    python benchmarks/place_lines.py DATA FOLDER2 --model other.safetensors

Completeness of a set is the mean over its images by their labelled road, correctness that by the
length of their lines. Lines on ignored pixels (doubtful roads, ground nobody labelled) count as
wrong: places with many of them are more correct than it seems here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from confidence import CRS, places, run
from rasterio.transform import from_origin

from roadex.scoring import score

from kit.places import IGNORED, ROAD, Place  # isort: skip

NODATA = 255


def write_truth(place: Place, path: Path) -> None:
    """Write the label of a place: 1 on roads, no data where it is ignored."""
    height, width = place.label.shape
    values = np.where(place.label == IGNORED, NODATA, place.label == ROAD).astype(np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint8", crs=CRS,
        nodata=NODATA, transform=from_origin(500_000, 5_000_000, place.gsd_m, place.gsd_m),
    ) as file:  # fmt: skip
        file.write(values, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of the datasets")
    parser.add_argument("folder", type=Path, help="where results are kept")
    parser.add_argument("--model", default="roadex-light")
    parser.add_argument("--places", nargs="+", default=[], help="only ROLE/SET/BEGINNING")
    options = parser.parse_args()
    rows = []
    for name, place in places(options.root, options.places):
        folder = options.folder / name / place.name
        result = run(place, folder, options.model)
        write_truth(place, folder / "truth.tif")
        found = score(result.paths.network, folder / "truth.tif", metrics=["completeness"])
        rows.append(
            {
                "set": name,
                "complete": found.value("completeness"),
                "correct": found.value("correctness"),
                "road": (place.label == ROAD).sum() * place.gsd_m**2,
                "km": result.edges["length_m"].sum() / 1000,
            }
        )
    print("| set | images | completeness | correctness |\n|---|--:|--:|--:|")
    for name, table in pd.DataFrame(rows).groupby("set", sort=False):
        complete = np.average(table["complete"], weights=table["road"])
        correct = np.average(table["correct"], weights=table["km"]) if table["km"].sum() else 1.0
        print(f"| {name} | {len(table)} | {complete:.3f} | {correct:.3f} |")


if __name__ == "__main__":
    main()
