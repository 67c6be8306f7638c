from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.features import rasterize
from scipy.ndimage import gaussian_filter

from roadex.config import VectorConfig
from roadex.imagery.tiling import Tiles
from roadex.network.chains import Chains
from roadex.network.road_network import RoadNetwork
from roadex.network.tile_frame import SkeletonSettings, TileFrame
from roadex.network.tracing import trace_tile
from roadex.network.vectorize import vectorize
from roadex.probability.source import ArraySource

Line = Sequence[tuple[float, float]]


def draw(
    lines: Sequence[Line], shape: tuple[int, int], *, width: float = 8, value: int = 230
) -> NDArray[np.uint8]:
    """Return road probability with lines ``[(col, row), ...]`` of one width drawn into it."""
    roads = [shapely.LineString(line).buffer(width / 2, cap_style="flat") for line in lines]
    return rasterize([(road, value) for road in roads], out_shape=shape, dtype=np.uint8)


def source_of(
    probability: NDArray[np.uint8], *, gsd: float = 1.0, crs: str = "EPSG:32633"
) -> ArraySource:
    transform = Affine(gsd, 0, 400_000, 0, -gsd, 5_600_000)
    return ArraySource(probability, transform, CRS.from_user_input(crs))


def random_probability(seed: int, max_side: int = 240) -> NDArray[np.uint8]:
    """Return blobs, rings, bars and single pixels in all sizes."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=rng.integers(12, max_side, 2)), rng.uniform(0.7, 6))
    field = field / field.std() - rng.uniform(-0.5, 1)
    return np.where(field > 0, 150 + 40 * field, 20).clip(0, 254).astype(np.uint8)


def trace_in_tiles(
    probability: NDArray[np.uint8], tile_size: int, settings: SkeletonSettings
) -> list[Chains]:
    parts = []
    at_edge = Tiles(probability.shape, tile_size, settings.halo_at_edge, is_clipped=True)
    for tile in at_edge:
        (rows, cols), (top, left) = tile.inner, (int(tile.read.row_off), int(tile.read.col_off))
        inner = (rows.start, cols.start, rows.stop, cols.stop)
        frame = TileFrame(top, left, inner, *probability.shape)
        parts.append(trace_tile(probability[tile.read.toslices()], frame, settings))
    return parts


@pytest.fixture
def draw_roads() -> Callable[..., NDArray[np.uint8]]:
    return draw


@pytest.fixture
def make_source() -> Callable[..., ArraySource]:
    return source_of


@pytest.fixture
def make_blobs() -> Callable[..., NDArray[np.uint8]]:
    return random_probability


@pytest.fixture
def trace() -> Callable[..., Any]:
    return trace_in_tiles


@pytest.fixture
def network_of(make_source) -> Callable[..., RoadNetwork]:
    """Return a function that vectorizes road probability with some settings."""

    def build(image, gsd=1.0, **settings):
        settings = {"min_component_m": 20} | settings
        return vectorize(make_source(image, gsd=gsd), config=VectorConfig(**settings))

    return build
