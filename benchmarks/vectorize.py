"""Speed and memory of vectorizing, beside scikit-image + sknw, in one run.

    python benchmarks/vectorize.py                      # generated, up to 10 000 x 10 000 px
    python benchmarks/vectorize.py --sides 2000 4000 --no-peer

A generated network of about 8 % road with uneven probability and gaps is written as a tiled
GeoTIFF. Each candidate runs in a process of its own, on one thread. CPU seconds count: other load
on the machine changes wall time, but hardly them. The peer does less: it only thins the whole
scene in memory and builds a raw pixel graph (no cleaning, no geometry, no attributes, no file).
``grown_mb`` is the peak memory beyond that before the job, a small scene done.
"""

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.features import rasterize
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter
from shapely import LineString

from roadex.config import VectorConfig
from roadex.imagery.geodesy import pixel_size
from roadex.imagery.locations import GDAL_CACHE_BYTES
from roadex.network.vectorize import trace_scene, vectorize
from roadex.outputs import write_network
from roadex.probability.source import ArraySource, RasterSource

BLOCK_PX = 1000
PEER = "skimage + sknw"
Job = Callable[[], dict[str, float]]
CONFIG = VectorConfig()
LOW = CONFIG.thresholds[0]


def block(rng: np.random.Generator) -> np.ndarray:
    """Return the probability of one part of a town; its streets meet those of its copies."""
    lines = []
    for k in np.arange(120, BLOCK_PX, 250):
        bend = rng.normal(0, 12, 3)
        across = np.array([0, 0.25, 0.5, 0.75, 1]) * BLOCK_PX
        along = k + np.array([0, *bend, 0])
        lines += [np.stack([across, along], axis=1), np.stack([along, across], axis=1)]
    widths = rng.uniform(3, 6, len(lines))
    roads = [LineString(line).buffer(width) for line, width in zip(lines, widths, strict=True)]
    mask = rasterize(roads, out_shape=(BLOCK_PX, BLOCK_PX)).astype(np.float32)

    def field(sigma: float) -> np.ndarray:
        noise = gaussian_filter(rng.normal(size=mask.shape), sigma, mode="wrap")
        return noise / noise.std()

    share = gaussian_filter(mask, 1.2, mode="wrap") * (0.95 + 0.15 * field(12)).clip(0, 1)
    share *= (1.9 - 0.7 * field(4).clip(0, 5)).clip(0.03, 1)
    return np.rint(254 * share.clip(0, 1)).astype(np.uint8)


def write_scene(path: Path, side: int) -> float:
    """Write a scene of turned copies of some blocks; return its share of road."""
    rng = np.random.default_rng(0)
    blocks = [block(rng) for _ in range(4)]
    profile = {
        "driver": "GTiff", "dtype": "uint8", "count": 1, "height": side, "width": side,
        "crs": "EPSG:32633", "transform": Affine(1, 0, 4e5, 0, -1, 5.6e6), "nodata": 255,
        "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "zstd",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as raster:
        for row in range(0, side, BLOCK_PX):
            for col in range(0, side, BLOCK_PX):
                height, width = min(BLOCK_PX, side - row), min(BLOCK_PX, side - col)
                part = blocks[rng.integers(4)][:height, :width]
                raster.write(part, 1, window=Window(col, row, width, height))
        raster.scales = (1 / 254,)
    return float(np.mean([(b >= LOW * 254).mean() for b in blocks]))


def trace(path: str) -> Job:
    """Thin and trace a scene in memory."""
    raster = RasterSource.open(path)
    height, width = raster.shape
    source = ArraySource(raster.read(0, 0, height, width), raster.transform, raster.crs)
    pixel = pixel_size(source.transform, source.crs, source.shape)
    return lambda: {"lines": len(trace_scene(source, pixel, CONFIG))}


def whole(path: str) -> Job:
    """Do all that ``roadex vectorize`` does, from file to file."""

    def run() -> dict[str, float]:
        network = vectorize(RasterSource.open(path), config=CONFIG)
        output = Path(path).with_suffix(".gpkg")
        write_network(network, output, provenance={}, overwrite=True)
        return {"edges": len(network.edges), "gpkg_mb": output.stat().st_size / 1e6}

    return run


def peer(path: str) -> Job:
    """Thin a mask in memory with scikit-image and build its graph with sknw."""
    import sknw
    from skimage.morphology import skeletonize

    with rasterio.open(path) as raster:
        mask = raster.read(1) >= LOW * 254

    def run() -> dict[str, float]:
        graph = sknw.build_sknw(skeletonize(mask).astype(np.uint16), multi=True)
        return {"edges": graph.number_of_edges()}

    return run


JOBS = {"thin + trace": trace, "vectorize": whole, PEER: peer}


def measure(name: str, warm_path: str, path: str) -> dict[str, float]:
    """Compile on a small scene, then time the job on the other."""
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES):  # as roadex vectorize does
        JOBS[name](warm_path)()
        run = JOBS[name](path)
        before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wall, cpu = time.perf_counter(), time.process_time()
        result = run()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result | {
        "cpu_s": cpu, "wall_s": wall, "peak_mb": peak_mb, "grown_mb": peak_mb - before_mb
    }  # fmt: skip


def run_side(side: int, jobs: list[str], folder: Path) -> None:
    """Write a scene and print a line of figures for each job."""
    path, warm = folder / f"{side}.tif", folder / "warm.tif"
    write_scene(warm, BLOCK_PX)
    share = write_scene(path, side)
    print(json.dumps({"side_px": side, "road_share": round(share, 4)}), flush=True)
    context = multiprocessing.get_context("spawn")
    speeds = {}
    for job in jobs:
        with context.Pool(1) as pool:
            row = pool.apply(measure, (job, str(warm), str(path)))
        speeds[job] = row["mpx_per_cpu_s"] = side**2 / 1e6 / row["cpu_s"]
        if PEER in speeds:
            row |= {f"{name} / peer": speed / speeds[PEER] for name, speed in speeds.items()}
        rounded = {name: round(value, 2) for name, value in row.items()}
        print(json.dumps({"job": job} | rounded), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[5_000, 10_000])
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    jobs = [job for job in JOBS if job != PEER or not options.no_peer]
    with tempfile.TemporaryDirectory() as folder:
        for side in options.sides:
            run_side(side, jobs, Path(folder))


if __name__ == "__main__":
    main()
