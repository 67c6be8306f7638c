"""How much of a place is found by a model that never saw it: drawn places left out in turn.

Runs ``roadex run --tta none`` over the hand-drawn places whose names begin as given, with the model
that was trained without them, and compares the lines with those drawn, within 5 m::

    python benchmarks/folds.py DATA FOLDER before.safetensors nepal=fold-nepal.safetensors \\
        estonia,netherlands=fold-europe.safetensors

The first model is the one that all others were trained from. Completeness is the share of the drawn
roads near lines found, correctness the share of the lines found near drawn roads, each over all
kilometres of a fold. Doubtful roads (``sure`` is false) and ground outside ``*.areas.geojson`` do
not count.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import geopandas as gpd
import shapely

import roadex

TOLERANCE_M = 5.0


@dataclass(frozen=True, slots=True)
class Lengths:
    """Metres of drawn roads and of lines found, and how much of them is right."""

    drawn: float = 0.0
    drawn_found: float = 0.0
    lines: float = 0.0
    lines_right: float = 0.0

    def __add__(self, other: Self) -> Lengths:
        return Lengths(
            self.drawn + other.drawn,
            self.drawn_found + other.drawn_found,
            self.lines + other.lines,
            self.lines_right + other.lines_right,
        )

    def __str__(self) -> str:
        completeness = self.drawn_found / max(self.drawn, 1e-9)
        correctness = self.lines_right / max(self.lines, 1e-9)
        return f"{completeness:.3f} / {correctness:.3f}"


def compare(edges: gpd.GeoDataFrame, truth_file: Path) -> Lengths:
    """Compare lines found with those drawn."""
    truth = gpd.read_file(truth_file)
    truth = truth.to_crs(truth.estimate_utm_crs())
    found = edges.to_crs(truth.crs).geometry.union_all()
    is_sure = truth["sure"].astype(bool)
    drawn = truth.geometry[is_sure].union_all()
    doubtful = truth.geometry[~is_sure].union_all().buffer(TOLERANCE_M)
    areas = truth_file.with_suffix(".areas.geojson")
    if areas.exists():
        scope = gpd.read_file(areas).to_crs(truth.crs).geometry.union_all()
        drawn, found = drawn.intersection(scope), found.intersection(scope)
    near_drawn, near_found = (shapely.buffer(lines, TOLERANCE_M) for lines in (drawn, found))
    judged = found.difference(doubtful.difference(near_drawn))
    return Lengths(
        drawn.length,
        drawn.intersection(near_found).length,
        judged.length,
        judged.intersection(near_drawn).length,
    )


def judge(model: str, scenes: list[Path], truth: Path, folder: Path) -> Lengths:
    """Run a model over scenes, kept in ``folder``, and compare each with its drawn roads."""
    config = roadex.RunConfig.from_dict(
        {"predict": {"tta": "none", "model": model}, "cluster": {"workers": 0}}
    )
    total = Lengths()
    for scene in scenes:
        result = roadex.run(scene, folder / Path(model).stem / scene.stem, config=config)
        here = compare(result.edges, truth / f"{scene.stem}.geojson")
        print(f"  {scene.stem} {here} ({here.drawn / 1000:.2f} km)", flush=True)
        total += here
    return total


def main() -> None:
    """Print completeness / correctness of every fold and of all together, before and after."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder of the datasets")
    parser.add_argument("folder", type=Path, help="where results of runs are kept")
    parser.add_argument("before", help="model that those of the folds were trained from")
    parser.add_argument("folds", nargs="+", help="BEGINNING[,BEGINNING...]=MODEL")
    options = parser.parse_args()
    drawn = options.root / "foreign" / "drawn" / "train"
    scenes = sorted((drawn / "sat").glob("*.tif"))
    totals = {"before": Lengths(), "after": Lengths()}
    for fold in options.folds:
        names, model = fold.split("=")
        chosen = [scene for scene in scenes if scene.name.startswith(tuple(names.split(",")))]
        for when, used in (("before", options.before), ("after", model)):
            found = judge(used, chosen, drawn / "lines", options.folder)
            totals[when] += found
            print(f"{names} {when}: {found} ({found.drawn / 1000:.1f} km)", flush=True)
    for when, found in totals.items():
        print(f"all {when}: {found} ({found.drawn / 1000:.1f} km)")


if __name__ == "__main__":
    main()
