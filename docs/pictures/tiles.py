"""How a scene is cut: work grid, tiles, chips, context."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle
from rasterio.windows import Window

from roadex.config import TilingConfig
from roadex.imagery.tiling import plan_chips, plan_tiles

NAMES = ("tiles.svg",)

_GRID = (2700, 3900)
_TILING = TilingConfig(core_size=2048)
_SCENE = ((250, 0), (3900, 420), (3640, 2700), (0, 2260))
"""Corners of a scene that is turned against the work grid, as (column, row)."""

_BLUE, _ORANGE, _GREEN, _GREY = "#0072b2", "#d55e00", "#009e73", "#9a9a9a"


def make(folder: Path) -> None:
    """Draw tiles and chips of a grid, and a chip with its context."""
    style = {"svg.fonttype": "none", "svg.hashsalt": "roadex", "font.family": "sans-serif"}
    with mpl.rc_context(style | {"font.size": 9}):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(8.6, 3.5), width_ratios=(1.5, 1), layout="constrained"
        )
        _draw_grid(left)
        _draw_chip(right)
        figure.savefig(folder / NAMES[0], metadata={"Date": None}, facecolor="white")
        plt.close(figure)


def _draw_grid(axes: Axes) -> None:
    axes.add_patch(Polygon(_SCENE, facecolor="#e9e3d6", edgecolor=_GREY, label="scene"))
    for i, chip in enumerate(plan_chips(_GRID, _TILING)):
        label = f"chips of {_TILING.chip_size} pixels" if i == 0 else None
        axes.add_patch(_box(chip.core, edgecolor=_BLUE, linewidth=0.8, linestyle=":", label=label))
    for i, tile in enumerate(plan_tiles(_GRID, _TILING)):
        label = f"tiles of {_TILING.tile_size} pixels" if i == 0 else None
        axes.add_patch(_box(tile.core, edgecolor=_ORANGE, linewidth=1.8, label=label))
    read = plan_chips(_GRID, _TILING).at(1, 1).read
    axes.add_patch(_box(read, edgecolor=_GREEN, linewidth=1.2, label="a chip with its context"))
    _frame(axes, "work grid: north up, square pixels, metres", (-60, _GRID[1] + 60), _GRID[0] + 60)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=2, frameon=False)


def _draw_chip(axes: Axes) -> None:
    chip = plan_chips(_GRID, _TILING).at(1, 1)
    axes.add_patch(_box(chip.read, facecolor="#cfe9df", edgecolor=_GREEN, linewidth=1.2, fill=True))
    axes.add_patch(
        _box(chip.core, facecolor="white", edgecolor=_BLUE, linewidth=1, linestyle=":", fill=True)
    )
    left, top = chip.core.col_off, chip.core.row_off
    middle = left + chip.core.width / 2
    for row, text in ((0.3, f"core: {_TILING.chip_size} x {_TILING.chip_size} pixels"),
                      (0.45, "its probability is kept"),
                      (0.7, f"context: {_TILING.halo} pixels around,"),
                      (0.8, "seen by the network, then cut off")):  # fmt: skip
        axes.text(middle, top + row * chip.core.height, text, ha="center", va="center")
    span = (chip.read.col_off - 20, chip.read.col_off + chip.read.width + 20)
    _frame(
        axes, "one chip", span, chip.read.row_off + chip.read.height + 20, chip.read.row_off - 20
    )


def _frame(
    axes: Axes, title: str, columns: tuple[float, float], bottom: float, top: float = -60
) -> None:
    axes.set(xlim=columns, ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)
    axes.spines[:].set_visible(False)


def _box(window: Window, *, fill: bool = False, **look: object) -> Rectangle:
    return Rectangle(
        (window.col_off, window.row_off), window.width, window.height, fill=fill, **look
    )
