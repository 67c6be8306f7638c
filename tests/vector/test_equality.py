"""The network is the same to the last bit for any tile size, number of workers and order."""

import hashlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.merge
import shapely
from scipy.ndimage import gaussian_filter

from roadex.config import VectorConfig
from roadex.network.vectorize import vectorize
from roadex.probability.source import RasterSource

TILE_SIZES = (100_000, 4096, 2048, 1024, 700, 512)
WORKER_COUNTS = (1, 2, 4)


def fingerprint(network):
    digest = hashlib.sha256()
    for frame in (network.edges, network.nodes):
        digest.update(frame.drop(columns="geometry").to_csv().encode())
        for wkb in shapely.to_wkb(frame.geometry.to_numpy()):
            digest.update(wkb)
    return digest.hexdigest()


def check_equality(raster, tile_sizes, worker_counts):
    """Vectorize in one piece, then in tiles on workers, taking results as they come."""
    whole = vectorize(raster, config=VectorConfig(), tile_size=100_000)
    assert whole.summary["bridged_km"] > 0
    expected = fingerprint(whole)
    for n_workers in worker_counts:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(n_workers, mp_context=context) as pool:

            def as_they_come(function, items, pool=pool):
                for future in as_completed([pool.submit(function, item) for item in items]):
                    yield future.result()

            for size in tile_sizes:
                network = vectorize(
                    raster, config=VectorConfig(), tile_size=size, map_tiles=as_they_come
                )
                assert fingerprint(network) == expected, (size, n_workers)


def write_probability(path, mask, transform, crs):
    """Write what a network might make of a road mask: soft, uneven, with gaps and false roads."""
    rng = np.random.default_rng(7)

    def field(sigma):
        noise = gaussian_filter(rng.normal(size=mask.shape).astype(np.float32), sigma)
        return noise / noise.std()

    share = gaussian_filter(mask.astype(np.float32), 1.5) * (0.9 + 0.2 * field(12)).clip(0, 1)
    share *= (1.6 - 0.7 * field(4).clip(0, 5)).clip(0.03, 1)
    share = np.maximum(share, ((field(3) - 2.6) * 0.8).clip(0, 0.8))
    profile = {
        "driver": "GTiff", "dtype": "uint8", "count": 1, "tiled": True, "compress": "deflate",
        "height": mask.shape[0], "width": mask.shape[1], "transform": transform, "crs": crs,
        "nodata": 255,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(np.rint(254 * share.clip(0, 1)).astype(np.uint8), 1)
        raster.scales = (1 / 254,)
    return path


def streets(shape, spacing):
    """Return bent streets across a scene, rings over the corners of tiles and streets on seams."""
    rng = np.random.default_rng(3)
    lines = []
    for axis in (0, 1):
        along = np.linspace(-10, shape[1 - axis] + 10, 40)
        for at in np.arange(spacing / 2, shape[axis], spacing):
            across = at + np.cumsum(rng.normal(0, spacing / 12, 40))
            lines.append(np.stack([along, across] if axis == 0 else [across, along], axis=1))
    turn = np.linspace(0, 2 * np.pi, 60)
    for corner in (512, 700, 1024, 2048, 4096):
        ring = np.stack([corner + 60 * np.cos(turn), corner + 50 * np.sin(turn)], axis=1)
        lines += [ring, [(corner, -10), (corner, shape[0] + 10)]]
    return lines


@pytest.mark.slow
def test_small_scene_is_the_same_for_all_tiles_and_workers(draw_roads, make_source, tmp_path):
    source = make_source(draw_roads(streets((600, 660), 70), (600, 660), width=7))
    path = write_probability(
        tmp_path / "p.tif", source.probability > 0, source.transform, source.crs
    )
    check_equality(RasterSource.open(path), (97, 130, 512), (2,))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_large_scene_is_the_same_for_all_tiles_and_workers(draw_roads, make_source, tmp_path):
    shape = (4301, 4159)
    source = make_source(draw_roads(streets(shape, 180), shape, width=8))
    path = write_probability(
        tmp_path / "p.tif", source.probability > 0, source.transform, source.crs
    )
    check_equality(RasterSource.open(path), TILE_SIZES, WORKER_COUNTS)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_validation_scene_is_the_same_for_all_tiles_and_workers(tmp_path):
    """Its probability where one is at hand, else one made from the masks of its roads."""
    if "ROADEX_TEST_PROBABILITY" in os.environ:
        path = os.environ["ROADEX_TEST_PROBABILITY"]
    elif "ROADEX_TEST_DATA" in os.environ:
        folder = Path(os.environ["ROADEX_TEST_DATA"])
        masks = sorted((folder / "massachusetts" / "val" / "mask").glob("*.tif"))
        mosaic, transform = rasterio.merge.merge(masks)
        path = write_probability(tmp_path / "p.tif", mosaic[0] > 0, transform, "EPSG:26986")
    else:
        pytest.skip("neither ROADEX_TEST_PROBABILITY nor ROADEX_TEST_DATA is set")
    check_equality(RasterSource.open(path), TILE_SIZES, WORKER_COUNTS)
