"""A dataset as fAIr hands it out, cut from a generated scene: tiles as served, and GeoJSON."""

from __future__ import annotations

import json
import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from PIL import Image
from rasterio.transform import from_bounds
from rasterio.warp import Resampling, reproject, transform_bounds

from roadex.imagery.containers import without_georeference_warning

ZOOM = 18
TILE_PX = 128
_HALF_EARTH_M = math.pi * 6378137.0


def tile_bounds(x: int, y: int, zoom: int = ZOOM) -> tuple[float, float, float, float]:
    """Return left, bottom, right, top of a tile in EPSG:3857."""
    side = 2 * _HALF_EARTH_M / 2**zoom
    left, top = x * side - _HALF_EARTH_M, _HALF_EARTH_M - y * side
    return left, top - side, left + side, top


def tiles_inside(scene: Path) -> list[tuple[int, int]]:
    """Return x and y of the tiles that lie in a scene as a whole, row by row."""
    with rasterio.open(scene) as raster:
        left, bottom, right, top = transform_bounds(raster.crs, "EPSG:3857", *raster.bounds)
    side = 2 * _HALF_EARTH_M / 2**ZOOM
    columns = range(
        math.ceil((left + _HALF_EARTH_M) / side), math.floor((right + _HALF_EARTH_M) / side)
    )
    rows = range(
        math.ceil((_HALF_EARTH_M - top) / side), math.floor((_HALF_EARTH_M - bottom) / side)
    )
    return [(x, y) for y in rows for x in columns]


def write_tile(scene: Path, x: int, y: int, folder: Path) -> Path:
    """Write the bytes a tile server sends (JPEG), with the georeference beside them, in degrees."""
    bounds = tile_bounds(x, y)
    pixels = np.zeros((3, TILE_PX, TILE_PX), np.uint8)
    with rasterio.open(scene) as raster:
        reproject(
            rasterio.band(raster, [1, 2, 3]), pixels, dst_crs="EPSG:3857",
            dst_transform=from_bounds(*bounds, TILE_PX, TILE_PX), resampling=Resampling.bilinear,
        )  # fmt: skip
    path = folder / f"OAM-{x}-{y}-{ZOOM}.tif"
    Image.fromarray(pixels.transpose(1, 2, 0)).save(path, "JPEG", quality=95)
    degrees = transform_bounds("EPSG:3857", "EPSG:4326", *bounds)
    with without_georeference_warning(), rasterio.open(path, "r+") as placed:
        placed.crs = "EPSG:4326"
        placed.transform = from_bounds(*degrees, TILE_PX, TILE_PX)
    return path


def write_labels(roads: Path, path: Path) -> Path:
    """Write roads as OpenStreetMap's server gives them, a footway and a tunnel among them."""
    frame = gpd.read_file(roads).to_crs(4326)
    tags = [{"highway": "residential", "width": f"{width:.2f} m"} for width in frame["width_m"]]
    left, bottom, right, top = frame.total_bounds
    diagonal = shapely.LineString([(left, bottom), (right, top)])
    features = [
        {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(line),
            "properties": {"osm_id": i, "tags": row, "label": 1},
        }
        for i, (line, row) in enumerate(
            [
                *zip(frame.geometry, tags, strict=True),
                (diagonal, {"highway": "footway"}),
                (diagonal, {"highway": "primary", "tunnel": "yes"}),
            ]
        )
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def write_dataset(scene: Path, roads: Path, folder: Path) -> Path:
    """Write ``chips/`` and ``labels/``; the tile in the middle is missing, as after a 404."""
    chips, labels = folder / "chips" / "chips", folder / "labels"
    for new in (chips, labels):
        new.mkdir(parents=True)
    tiles = tiles_inside(scene)
    for i, (x, y) in enumerate(tiles):
        if i != len(tiles) // 2:
            write_tile(scene, x, y, chips)
    write_labels(roads, labels / "labels.geojson")
    return folder
