"""A generated scene as files: the image, the roads and the mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
import shapely.affinity
from numpy.typing import NDArray

from roadex.synthetic.scene import CRS, GeneratedScene


def write_scene(scene: GeneratedScene, folder: str | Path) -> dict[str, Path]:
    """Write ``scene.tif``, ``roads.gpkg`` and ``mask.tif`` into ``folder``.

    Files that are there already are replaced.

    Parameters
    ----------
    scene
        What to write.
    folder
        Made if it does not exist.

    Returns
    -------
    paths
        The files by name: ``scene`` (RGB), ``roads`` (layer ``road_edges``: centrelines with
        ``width_m`` and ``road_class``), ``mask`` (1 = road).
    """
    folder = Path(folder)
    paths = {
        "scene": folder / "scene.tif", "mask": folder / "mask.tif", "roads": folder / "roads.gpkg"
    }  # fmt: skip
    _write(scene, paths)
    return paths


def write_pairs(scenes: Iterable[GeneratedScene], folder: str | Path) -> Iterator[Path]:
    """Write scenes as a dataset to train on, of layout ``pairs``, and yield the images.

    Each is ``sat/STYLE-SEED.tif`` with ``mask/`` (1 = road, at its true width) and ``roads/`` of
    the same name. Files that are there already are replaced.
    """
    folder = Path(folder)
    for scene in scenes:
        name = f"{scene.style}-{scene.seed}"
        paths = {
            "scene": folder / "sat" / f"{name}.tif",
            "mask": folder / "mask" / f"{name}.tif",
            "roads": folder / "roads" / f"{name}.gpkg",
        }
        _write(scene, paths)
        yield paths["scene"]


def _write(scene: GeneratedScene, paths: Mapping[str, Path]) -> None:
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    _write_raster(paths["scene"], scene, scene.image, photometric="RGB")
    _write_raster(paths["mask"], scene, scene.road_mask[None].astype(np.uint8))
    paths["roads"].unlink(missing_ok=True)
    road_lines(scene).to_file(paths["roads"], layer="road_edges", engine="pyogrio")


def road_lines(scene: GeneratedScene) -> gpd.GeoDataFrame:
    """Return the roads of a scene in map coordinates, with ``width_m`` and ``road_class``."""
    to_map = scene.transform.to_shapely()
    lines = [shapely.affinity.affine_transform(road.line, to_map) for road in scene.roads]
    attributes = {
        "width_m": [road.width_m for road in scene.roads],
        "road_class": [road.road_class for road in scene.roads],
    }
    return gpd.GeoDataFrame(attributes, geometry=lines, crs=CRS)


def _write_raster(
    path: Path, scene: GeneratedScene, bands: NDArray[np.uint8], **options: str
) -> None:
    """Write ``(C, H, W)`` as a tiled, compressed GeoTIFF."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=bands.shape[0],
        height=bands.shape[1],
        width=bands.shape[2],
        dtype="uint8",
        crs=CRS,
        transform=scene.transform,
        tiled=True,
        blockxsize=256,
        blockysize=256,
        compress="deflate",
        **options,
    ) as dataset:
        dataset.write(bands)
