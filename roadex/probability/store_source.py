"""Road probability straight from the tile store: vector tasks need no raster file to share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window

from roadex.config import NODATA
from roadex.errors import RunError
from roadex.imagery.tiling import Tile, Tiles
from roadex.probability.tile_store import TileStore

_CACHED_TILES = 16
"""Decompressed tiles a process keeps: windows overlap several, and neighbours share them."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Says which tiles are not in the store on purpose; picklable."""

    failed: frozenset[str] = frozenset()
    """Keys of the tiles that could not be done."""

    wanted: frozenset[str] | None = None
    """Keys of the tiles that were asked for; None is all."""

    def __call__(self, tile: Tile) -> bool:
        """Return whether a tile is nodata."""
        return tile.key in self.failed or (self.wanted is not None and tile.key not in self.wanted)


@dataclass(frozen=True, slots=True)
class StoreSource:
    """The probability of a run, tile by tile from its store; a source of vectorizing, picklable."""

    store: TileStore
    tiles: Tiles
    transform: Affine
    crs: CRS
    left_out: LeftOut
    """Says which tiles are nodata."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.tiles.shape

    def read(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Return a window inside the grid: 0..254 is probability times 254, 255 is nodata.

        Raises
        ------
        RunError
            If a tile was there and is not any more.
        """
        result = np.full((height, width), NODATA, dtype=np.uint8)
        for tile in self.tiles.under(Window(col, row, width, height)):
            if self.left_out(tile):
                continue
            stored = _read(self.store, tile)
            top, left = int(tile.core.row_off), int(tile.core.col_off)
            rows = slice(max(row, top), min(row + height, top + stored.shape[0]))
            cols = slice(max(col, left), min(col + width, left + stored.shape[1]))
            result[rows.start - row : rows.stop - row, cols.start - col : cols.stop - col] = stored[
                rows.start - top : rows.stop - top, cols.start - left : cols.stop - left
            ]
        return result


@lru_cache(maxsize=_CACHED_TILES)
def _read(store: TileStore, tile: Tile) -> NDArray[np.uint8]:
    stored = store.read(tile)
    if stored is None:
        msg = f"tile {tile.key} disappeared from {store.url}; run the same command again"
        raise RunError(msg)
    return stored
