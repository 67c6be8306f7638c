"""Toy data: six tiles of noise with one road across them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_bounds

ZOOM, SIDE_PX = 18, 128
COLUMNS, ROWS = range(193343, 193346), range(110117, 110119)


def create_toy_data(root: Path) -> dict[str, str]:
    """Write tiles as a server sends them, and a road, and return where they are."""
    chips, labels = root / "chips", root / "labels"
    for folder in (chips, labels):
        folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for x in COLUMNS:
        for y in ROWS:
            path = chips / f"OAM-{x}-{y}-{ZOOM}.tif"
            pixels = rng.integers(20, 230, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path, "JPEG", quality=90)
            bounds = (*_corner(x, y + 1), *_corner(x + 1, y))
            with rasterio.open(path, "r+") as tile:
                tile.crs = "EPSG:4326"
                tile.transform = from_bounds(*bounds, SIDE_PX, SIDE_PX)
    ends = [_corner(COLUMNS.start, ROWS.start + 1.2), _corner(COLUMNS.stop, ROWS.start + 0.7)]
    road = {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": ends},
        "properties": {"tags": {"highway": "residential", "width": "8"}, "label": 1},
    }
    file = labels / "labels.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [road]}))
    return {"chips": str(chips), "labels": str(file)}


@pytest.fixture
def generate_toy_dataset(tmp_path: Path) -> dict[str, str]:
    """Return the places of toy data."""
    return create_toy_data(tmp_path / "toy")


def _corner(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude of the upper left corner of a tile."""
    latitude = math.atan(math.sinh(math.pi * (1 - 2 * y / 2**ZOOM)))
    return 360 * x / 2**ZOOM - 180, math.degrees(latitude)
