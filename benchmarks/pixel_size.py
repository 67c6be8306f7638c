"""What other pixel sizes cost: a scene resampled, run, and scored against the same truth.

    python benchmarks/pixel_size.py sat/*.tif --truth mask/*.tif --gsd 0.5 1 1.5 -o /tmp/gsd

Scenes and masks are tiles of one area. ``--window`` takes only a part of it: row, column, height
and width in pixels of the original. Finer images are made by cubic convolution, coarser ones by
averages; ``roadex.run`` brings all of them back to the pixel size of the model, as ``roadex
run`` does.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.merge import merge
from rasterio.warp import reproject

import roadex
from roadex.config import RunConfig, ScoreConfig
from roadex.scoring import score


def write_mosaic(tiles: list[Path], window: list[int] | None, path: Path) -> None:
    """Write the area of some tiles, or a part of it, as one GeoTIFF."""
    with ExitStack() as stack:
        rasters = [stack.enter_context(rasterio.open(tile)) for tile in tiles]
        values, transform = merge(rasters)
        profile = rasters[0].profile
    row, col, height, width = window or [0, 0, *values.shape[1:]]
    values = values[:, row : row + height, col : col + width]
    _write(path, values, profile["crs"], transform @ transform.translation(col, row))


def write_resampled(source: Path, gsd_m: float, path: Path) -> None:
    """Write an image with pixels of another size, from the same corner."""
    with rasterio.open(source) as raster:
        factor = raster.res[0] / gsd_m
        shape = (raster.count, round(raster.height * factor), round(raster.width * factor))
        values = np.zeros(shape, dtype=raster.dtypes[0])
        transform = raster.transform @ raster.transform.scale(1 / factor)
        how = Resampling.cubic if factor > 1 else Resampling.average
        reproject(
            raster.read(), values, src_transform=raster.transform, src_crs=raster.crs,
            dst_transform=transform, dst_crs=raster.crs, resampling=how,
        )  # fmt: skip
        _write(path, values, raster.crs, transform)


def _write(path: Path, values: np.ndarray, crs: object, transform: object) -> None:
    n_bands, height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=n_bands, height=height, width=width, dtype=values.dtype,
        crs=crs, transform=transform, tiled=True, compress="deflate",
    ) as raster:  # fmt: skip
        raster.write(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", nargs="+", type=Path)
    parser.add_argument("--truth", nargs="+", type=Path, required=True)
    parser.add_argument("--gsd", nargs="+", type=float, default=[1.0, 0.5, 1.5])
    parser.add_argument("--window", nargs=4, type=int)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--tta", default="d4")
    parser.add_argument("--model", default=RunConfig().predict.model)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    scene, truth = options.output / "scene.tif", options.output / "truth.tif"
    write_mosaic(options.scenes, options.window, scene)
    write_mosaic(options.truth, options.window, truth)
    config = RunConfig.from_dict({"predict": {"tta": options.tta, "model": options.model}})
    print("| pixel size | IoU | completeness | correctness |\n|---|--:|--:|--:|")
    for gsd_m in options.gsd:
        image = options.output / f"scene-{gsd_m:g}.tif"
        write_resampled(scene, gsd_m, image)
        result = roadex.run(image, options.output / f"{gsd_m:g}", config=config, overwrite=True)
        at = ScoreConfig(threshold=options.threshold)
        report = score(result.paths.probability, truth, at, metrics=["iou"])
        lines = score(result.paths.network, truth, metrics=["completeness"])
        values = (
            report.value("iou"),
            lines.value("completeness"),
            lines.value("correctness"),
        )
        print(f"| {gsd_m:g} m | {' | '.join(f'{value:.3f}' for value in values)} |", flush=True)


if __name__ == "__main__":
    main()
