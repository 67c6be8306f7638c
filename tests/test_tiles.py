"""Tiles cover each pixel once and look at their surroundings."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from roadex.config import TilingConfig
from roadex.imagery.tiling import plan_tiles


@given(
    height=st.integers(1, 64),
    width=st.integers(1, 64),
    core_size=st.integers(4, 32),
    halo=st.integers(0, 16),
)
def test_cores_cover_every_pixel_exactly_once(height, width, core_size, halo):
    count = np.zeros((height, width), dtype=np.uint8)
    for tile in plan_tiles((height, width), TilingConfig(core_size=core_size, halo=halo)):
        count[tile.core.toslices()] += 1
    assert (count == 1).all()


def test_read_window_is_core_and_halo_on_all_sides():
    tile = plan_tiles((100, 100), TilingConfig(core_size=64, halo=32))[3]
    assert (tile.core.row_off, tile.core.col_off, tile.core.height, tile.core.width) == (
        64,
        64,
        36,
        36,
    )
    assert (tile.read.row_off, tile.read.col_off, tile.read.height, tile.read.width) == (
        32,
        32,
        100,
        100,
    )


def test_edge_tile_is_shrunk_not_dropped():
    sizes = [tile.core.width for tile in plan_tiles((10, 70), TilingConfig(core_size=64))]
    assert sizes == [64, 6]


def test_keys_are_unique():
    tiles = plan_tiles((1000, 1000), TilingConfig(core_size=64))
    assert len({tile.key for tile in tiles}) == len(tiles) == 256
