"""A scene whose labels are what a model found, overruled by what a person corrected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.imagery.reader import open_grid
from roadex.imagery.scene import Scene
from roadex.imagery.tiling import moved
from roadex.imagery.work_grid import WorkGrid
from roadex.probability.histogram import sampled_levels
from roadex.probability.source import ProbabilitySource
from roadex.training.correction.edits import Edits
from roadex.training.datasets.labelled import Chip
from roadex.training.datasets.line_scene import burn_roads

_NOT_ROAD: Final = 0.02
"""Probability below which the model's own verdict is taken for the truth.

Most roads a model misses have less than 0.1: taught as other ground up to there, the model finds
fewer of them (on a town in Nepal completeness of roads nobody corrected rose from 0.633 to 0.655
with 0.1 and 2e-4 as learning rate, to 0.707 with 0.02 and 4e-4).
"""

_LEAST_GROUND: Final = 0.4
"""Share of a scene that is taken for other ground, the least probable, however little a model is
sure of: without any of it a network would learn that everything is road."""

_BAND_M: Final = 3.0
"""Width beside a drawn road without a label: nobody drew its edge."""

_GONE_M: Final = 3.0
"""Width beside a line that is gone that is no road either."""


def background_level(probability: ProbabilitySource) -> float:
    """Return the probability up to which a model is believed that there is no road."""
    levels = sampled_levels(probability)
    below = np.cumsum(levels) / max(1, int(levels.sum()))
    return max(_NOT_ROAD, int(np.searchsorted(below, _LEAST_GROUND)) / PROBABILITY_MAX)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrectedScene:
    """A scene, or a part of it, on its work grid.

    Road is what the model found along lines that were left as they were, and what was drawn. Other
    ground is where the model saw none, and where lines are gone. All else carries no label.
    """

    scene: Scene
    grid: WorkGrid
    probability: ProbabilitySource
    """What the model found, on the same grid."""

    threshold: float
    """Probability from which it took something for a road."""

    background: float
    """Probability up to which it is believed that there is none, see :func:`background_level`."""

    edits: Edits
    part: Window
    """Rows and columns of the grid that belong to it."""

    sources: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """Name of the first image, and where the part begins."""
        return f"{self.scene.name} {self.part.row_off:.0f}, {self.part.col_off:.0f}"

    @property
    def gsd_m(self) -> float:
        """Metres per pixel."""
        return self.grid.gsd_m

    def shape(self) -> tuple[int, int]:
        """Return ``(H, W)`` of the part."""
        return int(self.part.height), int(self.part.width)

    def files(self) -> tuple[Path, ...]:
        """Return images and networks."""
        return (*map(Path, self.scene.paths), *self.sources)

    def of(self, part: Window) -> CorrectedScene:
        """Return another part of the same scene."""
        return replace(self, part=part)

    def read(self, window: Window | None = None) -> Chip:
        """Read a window of the part (all of it if None) with its labels.

        Raises
        ------
        SceneError
            If a file of the scene cannot be read.
        """
        if window is None:
            window = Window(0, 0, self.part.width, self.part.height)
        window = moved(window, int(self.part.row_off), int(self.part.col_off))
        with open_grid(self.scene, self.grid) as reader:
            image, seen = reader.read(window)
        road, known = self._labels(window)
        return Chip(image, road, seen & known)

    def _labels(self, window: Window) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return road, and where a pixel has a label."""
        row, col = int(window.row_off), int(window.col_off)
        found = self.probability.read(row, col, int(window.height), int(window.width))
        same, drawn, around, gone = (
            burn_roads(roads.lines, roads.widths_m / 2 + margin_m, window, self.grid)
            for roads, margin_m in (
                (self.edits.same, _BAND_M), (self.edits.drawn, 0.0), (self.edits.drawn, _BAND_M),
                (self.edits.gone, _GONE_M),
            )
        )  # fmt: skip
        is_road = (found >= self.threshold * PROBABILITY_MAX) & (found != NODATA)
        is_other = found <= self.background * PROBABILITY_MAX
        # Where a line that is gone joins one that stayed, the pixels are those of the other.
        deleted = gone & ~same & ~around
        road = drawn | (is_road & same & ~gone)
        return road, road | (is_other & ~around) | deleted
