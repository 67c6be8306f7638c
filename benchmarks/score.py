"""Time and memory of scoring: APLS of 5 000 edges, and a pair of 10 000 x 10 000 pixels.

    python benchmarks/score.py            # both
    python benchmarks/score.py apls       # or: network, raster

Prints one line of JSON per benchmark. Each runs in a process of its own, on one thread;
``cpu_s`` is the time that counts on a machine with other load.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_origin
from rasterio.windows import Window

from roadex.config import ScoreConfig
from roadex.scoring import score
from roadex.scoring.metrics import LINE_METRICS, load_metric
from roadex.scoring.metrics.lines import LineNetwork

SIZE_PX = 10_000
BLOCK_M = 120.0


def town(n: int, *, seed: int, drop: float = 0.0, jitter_m: float = 0.0) -> np.ndarray:
    """Return the roads of an irregular town of n x n blocks as lines with curved edges."""
    rng = np.random.default_rng(0)
    at = np.stack(np.meshgrid(np.arange(n + 1), np.arange(n + 1)), axis=-1) * BLOCK_M
    at += rng.normal(0, 15, at.shape)
    bend = rng.normal(0, 6, (2, n + 1, n + 1, 2))
    own = np.random.default_rng(seed)
    at += own.normal(0, jitter_m, at.shape) if jitter_m else 0
    lines = []
    for axis, (di, dj) in enumerate(((0, 1), (1, 0))):
        a, b = at[: n + 1 - di, : n + 1 - dj], at[di:, dj:]
        middle = (a + b) / 2 + bend[axis, : n + 1 - di, : n + 1 - dj]
        lines.append(np.stack([a, middle, b], axis=2).reshape(-1, 3, 2))
    coordinates = np.concatenate(lines)
    keep = own.random(len(coordinates)) >= drop
    roads: np.ndarray = shapely.linestrings(coordinates[keep])
    return roads


def time_networks(metrics: Iterable[str] = LINE_METRICS) -> dict[str, float]:
    """Time line metrics on networks of about 5 000 edges."""
    truth = LineNetwork.from_lines(town(50, seed=1))
    prediction = LineNetwork.from_lines(town(50, seed=2, drop=0.05, jitter_m=1.0))
    result: dict[str, float] = {"n_edges": len(truth.u)}
    for name in metrics:
        metric = load_metric(name)
        start, cpu_start = time.perf_counter(), time.process_time()
        scores = metric.measure(prediction, truth, ScoreConfig())
        result[f"{name}_s"] = round(time.perf_counter() - start, 2)
        result[f"{name}_cpu_s"] = round(time.process_time() - cpu_start, 2)
        if name == "apls":
            result |= {k: round(v, 4) for k, v in scores.items() if k.startswith("apls")}
    return result


def write_pair(folder: Path, size: int = SIZE_PX) -> tuple[Path, Path]:
    """Write a probability raster and its true mask, without ever holding them whole."""
    n = int(size * 0.5 / BLOCK_M)
    roads = shapely.buffer(town(n, seed=1), 4)
    tree = shapely.STRtree(roads)
    transform = from_origin(-BLOCK_M / 2, n * BLOCK_M + BLOCK_M / 2, 0.5, 0.5)
    profile = {
        "driver": "GTiff", "width": size, "height": size, "count": 1, "dtype": "uint8",
        "crs": "EPSG:32643", "transform": transform, "tiled": True, "compress": "ZSTD",
    }  # fmt: skip
    paths = folder / "probability.tif", folder / "mask.tif"
    rng = np.random.default_rng(0)
    with (
        rasterio.open(paths[0], "w", nodata=255, **profile) as probability,
        rasterio.open(paths[1], "w", **profile) as mask,
    ):
        probability.scales = [1 / 254]
        for row in range(0, size, 512):
            window = Window(0, row, size, min(512, size - row))
            place = rasterio.windows.transform(window, transform)
            bounds = rasterio.windows.bounds(window, transform)
            found = roads[tree.query(shapely.box(*bounds))]
            shape = (int(window.height), size)
            road = (
                rasterize(found, out_shape=shape, transform=place)
                if len(found)
                else np.zeros(shape, np.uint8)
            )
            noise = rng.integers(0, 60, shape).astype(np.uint8)
            missed = np.kron(
                rng.random((-(-shape[0] // 128), -(-size // 128))) < 0.05, np.ones((128, 128), bool)
            )
            seen = (np.roll(road, 2, axis=1) > 0) & ~missed[: shape[0], :size]
            probability.write(np.where(seen, 250 - noise, noise), 1, window=window)
            mask.write(road.astype(np.uint8), 1, window=window)
    return paths


def time_rasters() -> dict[str, float]:
    """Time all pixel metrics on a pair of rasters; memory includes Python and its libraries."""
    with tempfile.TemporaryDirectory() as folder:
        probability, mask = write_pair(Path(folder))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, cpu_start = time.perf_counter(), time.process_time()
        report = score(probability, mask)
        seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": round(seconds, 2), "cpu_s": round(cpu_s, 2),
        "peak_mb": round(peak / 1024), "before_mb": round(before / 1024),
        "iou": round(report.value("iou"), 4), "cldice": round(report.value("cldice"), 4),
        "megapixels_per_s": round(SIZE_PX * SIZE_PX / 1e6 / seconds, 1),
    }  # fmt: skip


BENCHMARKS: dict[str, Callable[[], dict[str, float]]] = {
    "apls": partial(time_networks, ("apls",)),
    "network": time_networks,
    "raster": time_rasters,
}


def run(name: str) -> dict[str, float]:
    """Run one benchmark in a fresh process, so that its peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(BENCHMARKS[name])


def main() -> None:
    """Run the benchmarks named on the command line, all if none is."""
    for name in sys.argv[1:] or ("network", "raster"):
        print(json.dumps({"benchmark": name, **run(name)}), flush=True)


if __name__ == "__main__":
    main()
