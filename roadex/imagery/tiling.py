"""Tiles: how a work grid is shared out. Cores cover each pixel exactly once."""

from __future__ import annotations

from dataclasses import dataclass

from rasterio.windows import Window

from roadex.config import TilingConfig


@dataclass(frozen=True, slots=True)
class Tile:
    """A unit of work: the pixels it owns and those it looks at."""

    row: int
    """Row of the tile in the grid of tiles, from 0."""

    col: int
    core: Window
    """Pixels it owns; inside the scene."""

    read: Window
    """Core and halo; may leave the scene."""

    @property
    def key(self) -> str:
        """Name of the tile, unique in a plan."""
        return f"r{self.row:05d}_c{self.col:05d}"


def plan_tiles(shape: tuple[int, int], config: TilingConfig) -> list[Tile]:
    """Cut a grid of ``shape`` (rows, columns) into tiles, row by row.

    The tiles of the last row and column own fewer pixels where the size is no multiple of the
    core; none is dropped and none overlaps.
    """
    height, width = shape
    size, halo = config.core_size, config.halo
    tiles = []
    for row, top in enumerate(range(0, height, size)):
        for col, left in enumerate(range(0, width, size)):
            rows, cols = min(size, height - top), min(size, width - left)
            core = Window(left, top, cols, rows)
            read = Window(left - halo, top - halo, cols + 2 * halo, rows + 2 * halo)
            tiles.append(Tile(row, col, core, read))
    return tiles
