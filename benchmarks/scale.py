"""How the pipeline scales where the model costs nothing: memory per process, overhead, tasks/s.

Makes a sparse virtual raster of one generated tile repeated, in which the roads are drawn bright
and soft over noise, and runs it with a model that takes brightness for probability, so that what is
left is reading, tasks, tile store, stitching and vectorizing of a network like that of a town::

    python benchmarks/scale.py --size 40000 --workers 2 -o /tmp/scale

Prints, per stage, wall time and megapixels per second; for prediction also tiles per second and the
CPU time of client and scheduler per tile (what scheduling costs); and the memory of the client and
of the largest worker in the first and the last quarter of each stage (flat is good).
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import rasterio
from distributed import Worker, WorkerPlugin
from scipy import ndimage

from roadex.config import RunConfig
from roadex.imagery.locations import READING
from roadex.pipeline import worker as worker_module
from roadex.pipeline.cluster import connect
from roadex.pipeline.run import carry_out, prepare
from roadex.progress import Silent
from roadex.synthetic import generate_scene, write_scene

TILE = 1024
DARK, BRIGHT, NOISE = 90, 150, 15
"""Values of land and of roads above it; not so dark that scenes are brightened before the model."""

SOFT_PX = 1.5


class BrightnessPlugin(WorkerPlugin):
    """Puts a model on workers that costs nothing: roads are what is bright."""

    name = "brightness"

    def __init__(self, sha256: str, tta: str) -> None:
        self._which = (sha256, tta)

    def setup(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's interface
        """Put it where the model of this run is looked for."""
        worker_module._LOADED[self._which] = Brightness()


class Brightness:
    """Stands in for :class:`roadex.inference.engine.Predictor`."""

    def predict_window(self, reader, window, chips):  # noqa: ARG002 - one value per pixel
        """Return brightness as probability."""
        from roadex.inference.engine import WindowPrediction

        image, valid = reader.read(window)
        return WindowPrediction(np.clip((image[0] - DARK) / BRIGHT, 0, 1), valid, 1)


def make_scene(folder: Path, size: int, share: float) -> Path:
    """Write a virtual raster of ``size`` x ``size`` pixels, ``share`` of it filled with a tile."""
    rng = np.random.default_rng(0)
    tile = _write_tile(folder, rng)
    with rasterio.open(tile) as raster:
        crs, left, top = raster.crs.to_wkt(), raster.transform.c, raster.transform.f
    n = -(-size // TILE)
    filled = rng.random((n, n)) < share
    bands = []
    for band, colour in enumerate(("Red", "Green", "Blue"), start=1):
        sources = [
            f"<SimpleSource><SourceFilename>{tile}</SourceFilename><SourceBand>{band}</SourceBand>"
            f'<SrcRect xOff="0" yOff="0" xSize="{TILE}" ySize="{TILE}"/><DstRect '
            f'xOff="{j * TILE}" yOff="{i * TILE}" xSize="{TILE}" ySize="{TILE}"/></SimpleSource>'
            for i, j in np.argwhere(filled)
        ]
        bands.append(
            f'<VRTRasterBand dataType="Byte" band="{band}"><NoDataValue>0</NoDataValue>'
            f"<ColorInterp>{colour}</ColorInterp>{''.join(sources)}</VRTRasterBand>"
        )
    path = folder / "scene.vrt"
    path.write_text(
        f'<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><SRS>{crs}</SRS>'
        f"<GeoTransform>{left},1,0,{top},0,-1</GeoTransform>{''.join(bands)}</VRTDataset>"
    )
    return path


def _write_tile(folder: Path, rng: np.random.Generator) -> Path:
    """Write the tile: roads of a generated scene, bright and soft; never 0, which is nodata."""
    scene = generate_scene(shape=(TILE, TILE), seed=1, style="mixed")
    roads = ndimage.gaussian_filter(scene.road_mask.astype(np.float32), SOFT_PX)
    grey = DARK + BRIGHT * roads + rng.uniform(-NOISE, NOISE, roads.shape)
    image = np.repeat(grey.clip(1, 255).astype(np.uint8)[None], 3, axis=0)
    return write_scene(replace(scene, image=image), folder)["scene"].absolute()


class Memory:
    """Memory of the client and of the largest worker, sampled four times a second, by stage."""

    def __init__(self) -> None:
        self.stage = "start"
        self._samples: dict[str, list[tuple[int, int]]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, dict[str, list[int]]]:
        """Return megabytes at most in the first and in the last quarter of each stage."""
        self._stop.set()
        self._thread.join()
        return {
            stage: {
                name: [round(max(part) / 1e6) for part in _first_and_last_quarter(values)]
                for name, values in zip(
                    ("client", "largest worker"), zip(*samples, strict=True), strict=True
                )
            }
            for stage, samples in self._samples.items()
        }

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.25):
            try:
                workers = [child.memory_info().rss for child in me.children(recursive=True)]
            except psutil.Error:
                continue
            sample = me.memory_info().rss, max(workers, default=0)
            self._samples.setdefault(self.stage, []).append(sample)


def _first_and_last_quarter(values: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    n = len(values) // 4 + 1
    return values[:n], values[-n:]


class StageTimes(Silent):
    """A display that notes the CPU time of the client, and tells the memory watch the stage."""

    def __init__(self, memory: Memory) -> None:
        self.memory, self.cpu = memory, {}
        self._began = 0.0

    def start(self, stage: str, _total: int) -> None:
        """Note the client's CPU time."""
        self.memory.stage = stage
        self._began = time.process_time()

    def finish(self, stage: str) -> None:
        """Note the client's CPU time."""
        self.cpu[stage] = time.process_time() - self._began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--share", type=float, default=0.5, help="of the scene with imagery")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--tile-size", type=int, default=1024)
    parser.add_argument("-o", "--output", type=Path, default=Path("scale"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    scene = make_scene(arguments.output, arguments.size, arguments.share)
    config = RunConfig.from_dict(
        {
            "cluster": {"workers": arguments.workers, "gpus": "none"},
            "predict": {"tta": "none"},
            "tiling": {"core_size": arguments.tile_size, "chip_size": arguments.tile_size},
        }
    )
    with rasterio.Env(**READING), connect(config.cluster) as client:
        memory = Memory()
        times = StageTimes(memory)
        work = prepare(scene, arguments.output / "out", config, overwrite=True, progress=times)
        client.register_plugin(BrightnessPlugin(work.plan.model_sha256, "none"))
        result = carry_out(work, client)
        megabytes = memory.stop()
    seconds, n_tiles = result.summary["seconds"], len(work.plan.tiles)
    figures = {
        "megapixels": result.summary["megapixels"],
        "road_km": result.summary["road_km"],
        "tiles": n_tiles,
        "seconds": seconds,
        "mpx_per_second": {
            stage: round(result.summary["megapixels"] / value, 1)
            for stage, value in seconds.items()
            if stage != "plan"
        },
        "tiles_per_second": round(n_tiles / seconds["predict"], 1),
        "client_cpu_ms_per_tile": round(1000 * times.cpu["predict"] / n_tiles, 2),
        "megabytes_first_and_last_quarter": megabytes,
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
