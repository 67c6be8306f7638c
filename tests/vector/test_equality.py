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
from roadex.source import RasterSource
from roadex.vectorize import vectorize

TILE_SIZES = (100_000, 4096, 2048, 1024, 700, 512)


def fingerprint(network):
    digest = hashlib.sha256()
    for frame in (network.edges, network.nodes):
        digest.update(frame.drop(columns="geometry").to_csv().encode())
        for wkb in shapely.to_wkb(frame.geometry.to_numpy()):
            digest.update(wkb)
    return digest.hexdigest()


def pool_map(n_workers):
    """Return a map over processes that gives results as they come."""

    def run(function, items):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(n_workers, mp_context=context) as pool:
            for future in as_completed([pool.submit(function, item) for item in items]):
                yield future.result()

    return run


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


@pytest.mark.slow
def test_processes_and_completion_order_change_nothing(draw_roads, make_source, tmp_path):
    lines = [[(-10, k), (620, k + 40)] for k in range(30, 560, 60)]
    lines += [[(k, -10), (k + 25, 620)] for k in range(20, 560, 90)]
    source = make_source(draw_roads(lines, (600, 600), width=7))
    path = write_probability(
        tmp_path / "p.tif", source.probability > 0, source.transform, source.crs
    )
    raster = RasterSource.open(path)
    config = VectorConfig()
    serial = vectorize(raster, config=config)
    parallel = vectorize(raster, config=config, tile_size=130, map_tiles=pool_map(2))
    assert serial.summary["bridged_km"] > 0
    assert fingerprint(parallel) == fingerprint(serial)


@pytest.fixture(scope="module")
def validation_raster(tmp_path_factory):
    """Probability of the validation scene: a real one if given, else made from its masks."""
    if "ROADEX_TEST_DATA" not in os.environ:
        pytest.skip("ROADEX_TEST_DATA does not say where the real imagery is")
    folder = Path(os.environ["ROADEX_TEST_DATA"])
    masks = sorted((folder / "massachusetts" / "val" / "mask").glob("*.tif"))
    mosaic, transform = rasterio.merge.merge(masks)
    path = tmp_path_factory.mktemp("validation") / "probability.tif"
    return write_probability(path, mosaic[0] > 0, transform, "EPSG:26986")


@pytest.mark.real
@pytest.mark.slow
def test_validation_scene_is_the_same_for_all_tile_sizes(validation_raster):
    source = RasterSource.open(validation_raster)
    prints = {
        fingerprint(vectorize(source, config=VectorConfig(), tile_size=size)) for size in TILE_SIZES
    }
    assert len(prints) == 1


@pytest.mark.real
@pytest.mark.slow
def test_validation_scene_is_the_same_for_all_worker_counts(validation_raster):
    source = RasterSource.open(validation_raster)
    serial = fingerprint(vectorize(source, config=VectorConfig()))
    for n_workers in (1, 2, 4):
        network = vectorize(
            source, config=VectorConfig(), tile_size=1024, map_tiles=pool_map(n_workers)
        )
        assert fingerprint(network) == serial
