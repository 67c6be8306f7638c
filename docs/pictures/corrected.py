"""What a model makes of the tutorial's scene once it learned from corrections; takes minutes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from sketch import GONE, NEW, Sketch, save_small
from tutorial import WIDTH_PX, extract, write_place

from roadex.config import CorrectConfig
from roadex.outputs.drawing import WHITE, Colour, Pixels, compose, displayable, resize
from roadex.pipeline.correct import correct
from roadex.scoring import score

NAMES = ("tutorial-corrected.jpg",)

_FOUND: Colour = (255, 214, 10)
_NEAR_M = 4.0
_WRONG_SHARE, _MISSED_SHARE = 0.1, 0.5
"""A line is wrong if more than this of it is not near a road; a road is missed likewise."""
_DIM = 0.55


def make(folder: Path) -> None:
    """Correct the network as a person would who knows the roads, teach the model, run again."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        paths = write_place(place / "truth")
        found = extract(paths["scene"], place / "out")
        kept, wrong, added = corrections(found.edges, gpd.read_file(paths["roads"]))
        edited = pd.concat([kept, gpd.GeoDataFrame(geometry=added.geometry, crs=added.crs)])
        edited.to_file(place / "edited.gpkg", layer="road_edges")
        model = place / "mine.safetensors"
        correct(
            place / "out", place / "edited.gpkg", model, config=CorrectConfig(),
            run_folder=place / "run",
        )  # fmt: skip
        better = extract(paths["scene"], place / "better", model=model)
        for what, result in (("before", found), ("after", better)):
            report = score(result.paths.network, paths["roads"], metrics=["completeness"])
            print(what, *(f"{k} {report.value(k):.3f}" for k in ("completeness", "correctness")))
        panels = [
            _panel(paths["scene"], {GONE: wrong, _FOUND: kept, NEW: added}),
            _panel(paths["scene"], {_FOUND: better.edges}),
        ]
        captions = ["corrected: orange deleted, green drawn", "found by the model that learned"]
        picture = compose(panels, n_columns=2, captions=captions, margin_px=0, paper=WHITE)
        save_small(picture, folder / NAMES[0])


def corrections(
    found: gpd.GeoDataFrame, truth: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return what stays of a network, what is deleted from it, and what is drawn."""
    wrong = _share_apart(found, truth) > _WRONG_SHARE
    kept = found[~wrong]
    return kept, found[wrong], truth[_share_apart(truth, kept) > _MISSED_SHARE]


def _share_apart(lines: gpd.GeoDataFrame, others: gpd.GeoDataFrame) -> np.ndarray:
    rest = shapely.difference(
        lines.geometry.to_numpy(), shapely.union_all(others.buffer(_NEAR_M).to_numpy())
    )
    share: np.ndarray = shapely.length(rest) / lines.length.to_numpy()
    return share


def _panel(scene: Path, layers: dict[Colour, gpd.GeoDataFrame]) -> Pixels:
    """Draw lines over the dimmed scene."""
    with rasterio.open(scene) as raster:
        image, transform = raster.read().astype(np.float32), raster.transform
    side = (WIDTH_PX - 12) // 2
    background = resize(displayable(image * _DIM), (side, side))
    scale = side / image.shape[-1]

    def to_pixels(points: np.ndarray) -> np.ndarray:
        return np.stack(~transform @ (points[:, 0], points[:, 1]), axis=1) * scale

    sketch = Sketch(background)
    for colour, lines in layers.items():
        sketch.lines(shapely.transform(lines.geometry.to_numpy(), to_pixels), colour, 3)
    return sketch.finished()
