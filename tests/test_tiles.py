"""Tiles cover each pixel once and look at their surroundings."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from roadex.config import TilingConfig
from roadex.imagery.tiling import Tiles, plan_chips, plan_tiles


@given(
    height=st.integers(1, 64),
    width=st.integers(1, 64),
    core_size=st.integers(4, 32),
    halo=st.integers(0, 16),
)
def test_cores_cover_every_pixel_exactly_once(height, width, core_size, halo):
    count = np.zeros((height, width), dtype=np.uint8)
    for tile in plan_tiles(
        (height, width), TilingConfig(core_size=core_size, chip_size=core_size, halo=halo)
    ):
        count[tile.core.toslices()] += 1
    assert (count == 1).all()


def test_read_window_is_core_and_halo_on_all_sides():
    tile = plan_tiles((100, 100), TilingConfig(core_size=64, chip_size=64, halo=32))[3]
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
    sizes = [
        tile.core.width for tile in plan_tiles((10, 70), TilingConfig(core_size=64, chip_size=64))
    ]
    assert sizes == [64, 6]


def test_keys_are_unique():
    tiles = plan_tiles((1000, 1000), TilingConfig(core_size=64, chip_size=64))
    assert len({tile.key for tile in tiles}) == len(tiles) == 256


@given(
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    chip_size=st.integers(4, 32),
    tile_size=st.integers(4, 90),
)
def test_a_tile_is_made_of_whole_chips(shape, chip_size, tile_size):
    config = TilingConfig(core_size=tile_size, chip_size=chip_size, halo=3)
    chips = plan_chips(shape, config)
    seen = [chip.key for tile in plan_tiles(shape, config) for chip in chips.under(tile.core)]
    assert sorted(seen) == [chip.key for chip in chips]


def test_clipped_tiles_look_at_nothing_outside():
    (tile,) = Tiles((10, 70), 100, 5, is_clipped=True)
    assert (tile.read, tile.inner) == (tile.core, (slice(0, 10), slice(0, 70)))
    right = Tiles((10, 70), 64, 5, is_clipped=True)[1]
    assert right.read.toranges() == ((0, 10), (59, 70))
    assert right.inner == (slice(0, 10), slice(5, 11))
