"""Tiles: how a work grid is shared out. Cores cover each pixel exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

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


@dataclass(frozen=True, slots=True)
class Tiles(Sequence[Tile]):
    """The tiles of a grid, row by row; each is made when it is asked for.

    A file of a kilobyte can claim a grid of a billion tiles.
    """

    shape: tuple[int, int]
    """Rows and columns of the grid."""

    config: TilingConfig

    @property
    def counts(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        size = self.config.core_size
        return -(-self.shape[0] // size), -(-self.shape[1] // size)

    @property
    def read_pixels(self) -> int:
        """Pixels that all tiles look at, halos included."""
        height, width = (
            size + 2 * self.config.halo * n for size, n in zip(self.shape, self.counts, strict=True)
        )
        return height * width

    def __len__(self) -> int:
        rows, cols = self.counts
        return rows * cols

    @overload
    def __getitem__(self, index: int) -> Tile: ...
    @overload
    def __getitem__(self, index: slice) -> list[Tile]: ...
    def __getitem__(self, index: int | slice) -> Tile | list[Tile]:
        """Return a tile by its number, or several."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            msg = f"there is no tile {index}, only {len(self)}"
            raise IndexError(msg)
        row, col = divmod(index % len(self), self.counts[1])
        size, halo = self.config.core_size, self.config.halo
        top, left = row * size, col * size
        rows, cols = min(size, self.shape[0] - top), min(size, self.shape[1] - left)
        core = Window(left, top, cols, rows)
        read = Window(left - halo, top - halo, cols + 2 * halo, rows + 2 * halo)
        return Tile(row, col, core, read)


def plan_tiles(shape: tuple[int, int], config: TilingConfig) -> Tiles:
    """Cut a grid of ``shape`` (rows, columns) into tiles, row by row.

    The tiles of the last row and column own fewer pixels where the size is no multiple of the
    core; none is dropped and none overlaps.
    """
    return Tiles(shape, config)
