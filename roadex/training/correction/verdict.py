"""What a network makes of the roads of a scene, before and after it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window
from rasterio.windows import bounds as window_bounds
from scipy.ndimage import binary_dilation

from roadex.imagery.reader import open_grid
from roadex.inference.engine import Predictor
from roadex.models.base import SegmentationNetwork
from roadex.models.metadata import ModelMetadata
from roadex.models.scaling import Scaling
from roadex.progress import Display
from roadex.training.correction.corrected_scene import CorrectedScene

_SPACING_M: Final = 2.0
"""Between places along a road at which the probability is looked up."""

_MOST_PARTS: Final = 60
"""Parts of the scene on which a model is judged."""

FORGETFUL: Final = 0.03
"""Share of the kept roads a model may lose."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Shares of the length of roads that a model takes for roads, each in [0, 1]; NaN without."""

    added: float
    deleted: float
    kept: float

    def rounded(self) -> dict[str, float]:
        """Return the shares that are known."""
        return {name: round(value, 4) for name, value in asdict(self).items() if value == value}


def pixels_of(
    line: shapely.Geometry, whole: CorrectedScene
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return columns and rows of places along a line."""
    n = max(1, int(np.ceil(line.length / _SPACING_M)))
    places = shapely.line_interpolate_point(line, (np.arange(n) + 0.5) / n * line.length)
    x, y = shapely.get_coordinates(places).T
    cols, rows = ~whole.grid.transform * (x, y)
    return np.floor(cols).astype(np.int64), np.floor(rows).astype(np.int64)


class Judge:
    """Sees how much of the roads a network finds, near the corrections and in a sample of the rest.

    A road is found where the probability within a pixel of its line reaches the low threshold.

    Parameters
    ----------
    whole
        The scene.
    parts
        Those with corrections.
    side
        Of the squares of the sample, in pixels.
    """

    def __init__(self, whole: CorrectedScene, parts: Sequence[Window], side: int) -> None:
        height, width = whole.shape()
        everywhere = [
            Window(col, row, min(side, width - col), min(side, height - row))
            for row, col in product(range(0, height, side), range(0, width, side))
        ]
        step = max(1, len(everywhere) // (_MOST_PARTS // 2))
        self._whole = whole
        self._parts = [*parts[: _MOST_PARTS // 2], *everywhere[::step]]
        edits = whole.edits
        self._trees = [
            shapely.STRtree(roads.lines) for roads in (edits.added, edits.deleted, edits.kept)
        ]

    def __call__(
        self, network: SegmentationNetwork, metadata: ModelMetadata, display: Display, stage: str
    ) -> Verdict:
        """Return the verdict on a network; ``stage`` is what the display calls it."""
        predictor = Predictor.of(network, Scaling.of(metadata))
        found, looked = np.zeros(3), np.zeros(3)
        display.start(stage, len(self._parts))
        with open_grid(self._whole.scene, self._whole.grid) as reader:
            for part in self._parts:
                probability = predictor.predict_window(reader, part).probability
                is_road = binary_dilation(probability >= metadata.threshold_low, np.ones((3, 3)))
                for i, tree in enumerate(self._trees):
                    places = self._places(tree, part)
                    found[i] += is_road[places].sum()
                    looked[i] += len(places[0])
                display.advance(stage)
        display.finish(stage)
        with np.errstate(invalid="ignore"):
            return Verdict(*(found / looked).tolist())

    def _places(
        self, tree: shapely.STRtree, part: Window
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows and columns of places along the lines in a part, counted from its corner."""
        bounds = window_bounds(part, self._whole.grid.transform)
        near = tree.geometries[tree.query(shapely.box(*bounds))]
        rows, cols = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for line in shapely.get_parts(shapely.clip_by_rect(near, *bounds)):
            col, row = pixels_of(line, self._whole)
            rows.append(row - int(part.row_off))
            cols.append(col - int(part.col_off))
        row, col = np.concatenate(rows), np.concatenate(cols)
        inside = (row >= 0) & (row < part.height) & (col >= 0) & (col < part.width)
        return row[inside], col[inside]
