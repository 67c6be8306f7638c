"""The one tiler: cores cover each pixel of a grid exactly once, with context around them.

Tiles are what is stored, resumed and given to a worker. The network does not see tiles but chips:
cores at multiples of ``chip_size`` from the top left pixel of the grid, with ``halo`` pixels of
context. A tile is a group of whole chips, so probability does not depend on the size of the tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from rasterio.windows import Window

from roadex.config import TilingConfig


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a grid: the pixels it owns and those it looks at."""

    row: int
    """Row of the tile in the grid of tiles, from 0."""

    col: int
    core: Window
    """Pixels it owns; inside the grid."""

    read: Window
    """Core and halo; may leave the grid."""

    @property
    def key(self) -> str:
        """Name of the tile, unique in a plan."""
        return f"r{self.row:05d}_c{self.col:05d}"

    @property
    def inner(self) -> tuple[slice, slice]:
        """Where the core is in an array of the window ``read``."""
        top = int(self.core.row_off - self.read.row_off)
        left = int(self.core.col_off - self.read.col_off)
        return slice(top, top + int(self.core.height)), slice(left, left + int(self.core.width))


@dataclass(frozen=True, slots=True)
class Tiles(Sequence[Tile]):
    """The tiles of a grid, row by row; each is made when it is asked for.

    The tiles of the last row and column own fewer pixels where the size of the grid is no multiple
    of theirs. A file of a kilobyte can claim a grid of a billion tiles.
    """

    shape: tuple[int, int]
    """Rows and columns of the grid."""

    size: int
    """Side of a core."""

    halo: int = 0
    """Pixels looked at around a core."""

    is_clipped: bool = False
    """Whether a tile looks at nothing outside the grid."""

    @property
    def counts(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.shape[0] // self.size), -(-self.shape[1] // self.size)

    @property
    def read_pixels(self) -> int:
        """Pixels that all tiles look at, halos included, outside the grid too."""
        height, width = (
            size + 2 * self.halo * n for size, n in zip(self.shape, self.counts, strict=True)
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
        return self.at(*divmod(index % len(self), self.counts[1]))

    def at(self, row: int, col: int) -> Tile:
        """Return a tile by its place in the grid of tiles."""
        top, left = row * self.size, col * self.size
        bottom, right = min(top + self.size, self.shape[0]), min(left + self.size, self.shape[1])
        around = [top - self.halo, left - self.halo, bottom + self.halo, right + self.halo]
        if self.is_clipped:
            around = [
                max(0, around[0]), max(0, around[1]),
                min(self.shape[0], around[2]), min(self.shape[1], around[3]),
            ]  # fmt: skip
        return Tile(row, col, _window(top, left, bottom, right), _window(*around))

    def under(self, window: Window) -> Iterator[Tile]:
        """Yield the tiles that own pixels of a window inside the grid."""
        (top, bottom), (left, right) = window.toranges()
        for row in range(top // self.size, -(-bottom // self.size)):
            for col in range(left // self.size, -(-right // self.size)):
                yield self.at(row, col)


def plan_tiles(shape: tuple[int, int], config: TilingConfig) -> Tiles:
    """Cut a grid of ``shape`` (rows, columns) into tiles of whole chips."""
    return Tiles(shape, config.tile_size, config.halo)


def plan_chips(shape: tuple[int, int], config: TilingConfig) -> Tiles:
    """Cut a grid of ``shape`` (rows, columns) into chips, what the network sees at a time."""
    return Tiles(shape, config.chip_size, config.halo)


def moved(window: Window, rows: int, cols: int) -> Window:
    """Return a window of the same size further down and right."""
    return Window(window.col_off + cols, window.row_off + rows, window.width, window.height)


def _window(top: int, left: int, bottom: int, right: int) -> Window:
    return Window(left, top, right - left, bottom - top)
