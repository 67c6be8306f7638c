"""What the form of a scene costs: the same ground in other types, bands, turns and containers.

    python benchmarks/input_forms.py sat/*.tif -o /tmp/forms

Takes tiles of one area, 8-bit RGB in metres, and compares the middle of it (``--side`` metres) in
each form with the plain scene: kilometres of road there, and the mean probability. A form that has
other pixels has to be resampled from the tiles (Lanczos), which changes something by itself. So the
plain scene is resampled in the same way, onto pixels of the same size half a pixel away that need
no turn and no other CRS, and both differences are given.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import geopandas
import numpy as np
import pyproj
import rasterio
import rasterio.merge
import shapely
import shapely.affinity
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.features import geometry_mask
from rasterio.warp import calculate_default_transform, reproject

import roadex
from roadex.config import RunConfig
from roadex.pipeline.result import ResultPaths

MARGIN = 0.25
"""Ground around the part that is compared, as a share of its side: a square turned by 30 degrees
reaches 0.18 of its side beyond itself, and a network sees farther than a pixel."""


@dataclass(frozen=True)
class Ground:
    """8-bit RGB pixels ``(3, H, W)`` and their place."""

    pixels: NDArray[np.uint8]
    transform: Affine
    crs: CRS

    def around(self, centre: tuple[float, float], half_m: float) -> Ground:
        """Return the square of ``2 half_m`` around a place, on whole pixels."""
        col, row = (round(v - half_m / self.transform.a) for v in ~self.transform @ centre)
        n = round(2 * half_m / self.transform.a)
        part = self.pixels[:, row : row + n, col : col + n]
        if part.shape[1:] != (n, n):
            msg = f"the tiles do not hold {2 * half_m:g} m around their middle"
            raise SystemExit(msg)
        return Ground(part, self.transform @ Affine.translation(col, row), self.crs)


@dataclass(frozen=True)
class Form:
    """One way to write a scene, and the plain scene of the same pixel size."""

    write: Callable[[Path], None]
    control: str = "plain"
    east: float = 0.0
    """Degrees by which the ground was moved."""


def read_ground(tiles: Sequence[Path]) -> Ground:
    """Return some tiles of one area as one."""
    with ExitStack() as stack:
        rasters = [stack.enter_context(rasterio.open(tile)) for tile in tiles]
        pixels, transform = rasterio.merge.merge(rasters)
        return Ground(pixels[:3], transform, rasters[0].crs)


def resampled(ground: Ground, transform: Affine, crs: CRS, shape: tuple[int, int]) -> Ground:
    """Bring ground to other pixels, as sharply as can be."""
    pixels = np.zeros((3, *shape), np.uint8)
    reproject(
        ground.pixels, pixels, src_transform=ground.transform, src_crs=ground.crs,
        dst_transform=transform, dst_crs=crs, resampling=Resampling.lanczos, tolerance=1e-3,
    )  # fmt: skip
    return Ground(pixels, transform, crs)


def turned(
    ground: Ground, centre: tuple[float, float], side_m: float, gsd_m: float, angle: float
) -> Ground:
    """Return a square around ``centre`` whose rows are turned by ``angle`` degrees."""
    n = round(side_m / gsd_m)
    at_centre = Affine.translation(*centre) @ Affine.rotation(angle) @ Affine.scale(gsd_m, -gsd_m)
    return resampled(ground, at_centre @ Affine.translation(-n / 2, -n / 2), ground.crs, (n, n))


def in_degrees(ground: Ground, centre: tuple[float, float], side_m: float) -> Ground:
    """Return a square around ``centre`` in EPSG:4326, with about as many pixels."""
    half = side_m / 2
    x, y = centre
    transform, width, height = calculate_default_transform(
        ground.crs,
        "EPSG:4326",
        round(side_m),
        round(side_m),
        x - half,
        y - half,
        x + half,
        y + half,
    )
    return resampled(ground, transform, CRS.from_epsg(4326), (height, width))


def in_feet(ground: Ground) -> Ground:
    """Return the same pixels in a CRS that counts in US survey feet."""
    described = pyproj.CRS(ground.crs.to_wkt()).to_json_dict()
    described["name"] += " in feet"
    for axis in described["coordinate_system"]["axis"]:
        axis["unit"] = {
            "type": "LinearUnit", "name": "US survey foot", "conversion_factor": 1200 / 3937
        }  # fmt: skip
    described.pop("id", None)
    crs = CRS.from_wkt(pyproj.CRS.from_json_dict(described).to_wkt())
    return Ground(ground.pixels, Affine.scale(3937 / 1200) @ ground.transform, crs)


def elsewhere(ground: Ground, east: float) -> Ground:
    """Return the same pixels in degrees, moved along their parallel."""
    return Ground(ground.pixels, Affine.translation(east, 0) @ ground.transform, ground.crs)


def write(
    ground: Ground,
    path: Path,
    pixels: NDArray[np.generic] | None = None,
    *,
    colours: Sequence[ColorInterp] = (),
    names: Sequence[str] = (),
    **profile: object,
) -> None:
    """Write ground, or other pixels at its place, as a GeoTIFF."""
    bands = ground.pixels if pixels is None else pixels
    given: dict[str, object] = {"tiled": True, "compress": "deflate"} | profile
    if not names:
        given.setdefault("photometric", "rgb")
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        dtype=bands.dtype, crs=ground.crs, transform=ground.transform, **given,
    ) as raster:  # fmt: skip
        if colours:
            raster.colorinterp = colours
        raster.write(bands)
        if names:
            raster.descriptions = tuple(names)


def forms_of(ground: Ground, centre: tuple[float, float], side_m: float) -> dict[str, Form]:
    """Return all forms by name; none of them knows less of the ground than the plain scene."""
    plain = ground.around(centre, side_m / 2)
    return of_same_pixels(plain) | of_other_pixels(ground, plain, centre, side_m)


def of_same_pixels(plain: Ground) -> dict[str, Form]:
    """Return the plain scene, and its pixels in other types, bands and layouts."""
    wide = plain.pixels.astype(np.uint16)
    opaque = np.full((1, *wide.shape[1:]), 65535, np.uint16)
    rgba = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    return {
        "plain": Form(lambda path: write(plain, path)),
        "uint8, tiled and striped otherwise": Form(
            lambda path: write(plain, path, tiled=False, compress="lzw", interleave="band")
        ),
        "11-bit uint16": Form(lambda path: write(plain, path, wide * 8)),
        "11-bit uint16 above 96": Form(lambda path: write(plain, path, wide * 7 + 96)),
        "float32": Form(lambda path: write(plain, path, (plain.pixels / 255).astype(np.float32))),
        "RGBA 16-bit": Form(
            lambda path: write(plain, path, np.concatenate([wide * 257, opaque]), colours=rgba)
        ),
        "BGR with descriptions": Form(
            lambda path: write(plain, path, plain.pixels[::-1], names=("blue", "green", "red"))
        ),
        "JPEG YCbCr": Form(
            lambda path: write(
                plain, path, compress="jpeg", photometric="ycbcr", jpeg_quality=90,
                blockxsize=256, blockysize=256,
            )
        ),
    }  # fmt: skip


def of_other_pixels(
    ground: Ground, plain: Ground, centre: tuple[float, float], side_m: float
) -> dict[str, Form]:
    """Return forms of a scene that has to be resampled, and those to compare them with."""
    gsd_m = plain.transform.a
    between = (centre[0] + gsd_m / 2, centre[1] + gsd_m / 2)
    moved, finer = "moved by half a pixel", "pixels of 0.7"

    def turn(size: float, angle: float) -> Callable[[Path], None]:
        middle = centre if angle else between
        return lambda path: write(turned(ground, middle, side_m, size * gsd_m, angle), path)

    @cache
    def degrees() -> Ground:
        return in_degrees(ground, centre, side_m)

    to_180 = (
        180 - Transformer.from_crs(ground.crs.to_wkt(), 4326, always_xy=True).transform(*centre)[0]
    )
    return {
        moved: Form(turn(1.0, 0)),
        finer: Form(turn(0.7, 0)),
        "turned by 30 degrees": Form(turn(1.0, 30), moved),
        "turned by 30 degrees, 0.7": Form(turn(0.7, 30), finer),
        "turned by 30 degrees, 0.5": Form(turn(0.5, 30), finer),
        "feet": Form(lambda path: write(in_feet(plain), path), moved),
        "degrees": Form(lambda path: write(degrees(), path), moved),
        "longitude of 287": Form(
            lambda path: write(elsewhere(degrees(), 360), path), "degrees", 360
        ),
        "across 180 degrees": Form(
            lambda path: write(elsewhere(degrees(), to_180), path), "degrees", to_180
        ),
    }  # fmt: skip


def measure(paths: ResultPaths, area: shapely.Polygon) -> tuple[float, float]:
    """Return kilometres of road in an area in degrees, and the mean probability there."""
    edges = geopandas.read_file(paths.network, layer="road_edges")
    with rasterio.open(paths.probability) as raster:
        values = raster.read(1)
        edges = edges.to_crs(raster.crs.to_wkt())
        to_grid = Transformer.from_crs(4326, raster.crs.to_wkt(), always_xy=True)
        there = shapely.transform(
            area, lambda xy: np.column_stack(to_grid.transform(xy[:, 0], xy[:, 1]))
        )
        inside = geometry_mask([there], values.shape, raster.transform, invert=True)
    inside &= values != 255
    ground_m = edges.length_m.sum() / edges.length.sum()
    return edges.clip(there).length.sum() * ground_m / 1000, float(values[inside].mean()) / 254


def area_in_degrees(centre: tuple[float, float], half_m: float, crs: CRS) -> shapely.Polygon:
    """Return a square of a metric CRS, in degrees."""
    x, y = centre
    square = shapely.segmentize(shapely.box(x - half_m, y - half_m, x + half_m, y + half_m), 100)
    to_degrees = Transformer.from_crs(crs.to_wkt(), 4326, always_xy=True)
    return shapely.transform(
        square, lambda xy: np.column_stack(to_degrees.transform(xy[:, 0], xy[:, 1]))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tiles", nargs="+", type=Path)
    parser.add_argument("--side", type=float, default=2048, help="metres that are compared")
    parser.add_argument("--only", nargs="+", help="names of forms")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    ground = read_ground(options.tiles)
    height, width = ground.pixels.shape[1:]
    centre = ground.transform @ (width // 2, height // 2)
    area = area_in_degrees(centre, options.side / 2, ground.crs)
    config = RunConfig.from_dict(
        {"predict": {"tta": "none", "precision": options.precision}, "cluster": {"workers": 0}}
    )
    found: dict[str, tuple[float, float]] = {}
    print(f"{options.side**2 / 1e6:.2f} km2")
    print("| form | km | mean | km: of plain | of control | mean: of plain | of control |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, form in forms_of(ground, centre, options.side * (1 + 2 * MARGIN)).items():
        if options.only and name != "plain" and name not in options.only:
            continue
        path = options.output / f"{name.replace(' ', '-')}.tif"
        form.write(path)
        result = roadex.run(path, path.with_suffix(""), config=config, overwrite=True)
        there = shapely.affinity.translate(area, form.east)
        km, mean = found[name] = measure(result.paths, there)
        others = [found[other] for other in ("plain", form.control)]
        lengths = " | ".join(f"{100 * (km / other[0] - 1):+.1f} %" for other in others)
        means = " | ".join(f"{mean - other[1]:+.4f}" for other in others)
        print(f"| {name} | {km:.2f} | {mean:.4f} | {lengths} | {means} |", flush=True)


if __name__ == "__main__":
    main()
