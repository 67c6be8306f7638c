"""What each cleaning step does: a drawn place before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from pyproj import CRS
from rasterio.features import rasterize
from sketch import FRAME, GONE, JUNCTION, KEPT, NEW, Sketch, pale, save_small

from roadex.config import VectorConfig
from roadex.config.vector import CleaningStep
from roadex.network.road_network import RoadNetwork
from roadex.network.vectorize import vectorize
from roadex.outputs.drawing import WHITE, Colour, Pixels, compose
from roadex.probability.source import ArraySource

STEPS: tuple[str, ...] = get_args(CleaningStep)
NAMES = tuple(f"cleaning-{step}.png" for step in STEPS)

ROAD, FAINT, TRACE = 230, 95, 30
"""Stored probability: above the high threshold, between the two, below both."""

_SHAPE = (80, 130)
_ZOOM = 3
_SAME_PX = 1.2
"""Smoothing moves a line by less than this where a neighbour changes."""

_PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)


class Road(NamedTuple):
    """A drawn road, in pixels of a metre, x to the right and y down."""

    points: Sequence[tuple[float, float]]
    width: float = 8
    probability: int = ROAD


_MAIN = Road([(-10, 60), (140, 50)])

PLACES: dict[str, Sequence[Road]] = {
    "sure": [_MAIN, Road([(20, 15), (110, 22)], probability=FAINT)],
    "borders": [_MAIN, Road([(60, 55), (64, 4)])],
    "areas": [_MAIN, Road([(70, 54), (70, 0)], 58)],
    "hairs": [Road([(-10, 50), (140, 45)], 16), *(
        Road([(x, 47), (x + 1, y)], 7) for x, y in ((25, 36), (58, 59), (95, 34))
    )],
    "bridges": [
        Road([(-10, 60), (45, 57)]), Road([(45, 57), (82, 55)], 6, TRACE),
        Road([(82, 55), (140, 51)]),
    ],
    "loops": [_MAIN, Road([(34, 57), (42, 47), (82, 44), (90, 54)], 5)],
    "spurs": [_MAIN, Road([(50, 56), (52, 38)], 6), Road([(90, 54), (88, 74)], 6)],
    "junctions": [
        Road([(-10, 50), (140, 45)], 12), Road([(58, 47), (52, -10)]), Road([(66, 47), (72, 100)])
    ],
    "components": [_MAIN, Road([(30, 20), (66, 17)])],
    "leaps": [Road([(-10, 60), (58, 57)]), Road([(71, 56), (140, 53)])],
}  # fmt: skip
"""Cleaning step to a place it has work at."""


def make(folder: Path) -> None:
    """Draw every step."""
    for step, roads in PLACES.items():
        save_small(_before_and_after(step, _drawn(roads)), folder / f"cleaning-{step}.png")


def _drawn(roads: Sequence[Road]) -> NDArray[np.uint8]:
    """Return stored probability; the surer road counts where two lie."""
    probability = np.zeros(_SHAPE, dtype=np.uint8)
    for road in roads:
        surface = shapely.LineString(road.points).buffer(road.width / 2, cap_style="flat")
        burnt = rasterize([(surface, road.probability)], out_shape=_SHAPE, dtype=np.uint8)
        probability = np.maximum(probability, burnt)
    return probability


def _before_and_after(step: str, probability: NDArray[np.uint8]) -> Image.Image:
    number = STEPS.index(step)
    before, after = (_network(probability, STEPS[first:]) for first in (number, number + 1))
    panels = [
        _panel(probability, before, _surroundings(after), GONE),
        _panel(probability, after, _surroundings(before), NEW),
    ]
    return compose(
        panels, n_columns=2, captions=[f"before '{step}'", f"after '{step}'"], margin_px=6,
        paper=WHITE,
    )  # fmt: skip


def _network(probability: NDArray[np.uint8], skip: Sequence[str]) -> RoadNetwork:
    source = ArraySource(probability, _PLACE, CRS.from_epsg(32633))
    return vectorize(source, config=VectorConfig(skip=tuple(skip) or None))


def _in_pixels(geometries: Sequence[shapely.Geometry]) -> NDArray[np.object_]:
    def to_pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(~_PLACE @ (points[:, 0], points[:, 1]), axis=1)

    return shapely.transform(np.asarray(geometries, dtype=object), to_pixels)


def _surroundings(network: RoadNetwork) -> shapely.Geometry:
    return shapely.union_all(shapely.buffer(_in_pixels(network.edges.geometry), _SAME_PX))


def _panel(
    probability: NDArray[np.uint8], network: RoadNetwork, others: shapely.Geometry, colour: Colour
) -> Pixels:
    """Draw a network, in ``colour`` what the other one does not have."""
    sketch = Sketch(pale(probability), zoom=_ZOOM)
    lines = _in_pixels(network.edges.geometry)
    sketch.lines(lines, KEPT)
    apart = shapely.difference(lines, others)
    sketch.lines(apart[shapely.length(apart) > 0.5], colour, 4)
    sketch.dots(_in_pixels(network.nodes.geometry), JUNCTION)
    sketch.lines([shapely.box(0, 0, *probability.shape[::-1]).exterior], FRAME, 2)
    return sketch.finished()
