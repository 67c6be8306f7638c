"""A picture of a result: image, probability and network side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
import shapely
from PIL import Image, ImageDraw
from rasterio.enums import Resampling

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.imagery.reader import read_overview
from roadex.imagery.scene import Scene
from roadex.imagery.work_grid import WorkGrid
from roadex.network.road_network import RoadNetwork
from roadex.outputs.drawing import (
    WHITE,
    Colour,
    Pixels,
    compose,
    displayable,
    grey,
    save_png,
)

PANEL_SIZE = 1000
"""Longer side of each of the three panels, in pixels."""

_N_PANELS, _GAP_PX = 3, 12
_SUPERSAMPLING = 2
_CERTAIN, _DOUBTFUL = (255, 214, 10), (255, 60, 60)
_DIM = 0.55
_LINE_WIDTH = 3


def write_preview(
    scene: Scene, grid: WorkGrid, probability: Path, network: RoadNetwork, path: Path
) -> None:
    """Write the picture as PNG; both rasters are read reduced, never whole."""
    image, valid = read_overview(scene, grid, max_size=PANEL_SIZE)
    shape = valid.shape
    colours = displayable(image, valid)
    panels = [
        colours,
        _draw_probability(probability, shape),
        _draw_network(colours, network, grid),
    ]
    sheet = compose(panels, n_columns=_N_PANELS, gap_px=_GAP_PX, margin_px=0, paper=WHITE)
    save_png(sheet, path)


def imagery_panel(preview: Image.Image) -> Image.Image:
    """Return the part of a preview that shows the imagery."""
    return _panel(preview, 0)


def probability_panel(preview: Image.Image) -> Image.Image:
    """Return the part of a preview that shows the probability."""
    return _panel(preview, 1)


def network_panel(preview: Image.Image) -> Image.Image:
    """Return the part of a preview that shows the network."""
    return _panel(preview, 2)


def _panel(preview: Image.Image, number: int) -> Image.Image:
    width = (preview.width - (_N_PANELS - 1) * _GAP_PX) // _N_PANELS
    left = number * (width + _GAP_PX)
    return preview.crop((left, 0, left + width, preview.height))


def _draw_probability(path: Path, shape: tuple[int, ...]) -> Pixels:
    with rasterio.open(path) as raster:
        stored = raster.read(1, out_shape=shape, resampling=Resampling.average)
    return grey(stored.astype(np.float32) * (255 / PROBABILITY_MAX), stored != NODATA)


def _draw_network(colours: Pixels, network: RoadNetwork, grid: WorkGrid) -> Pixels:
    """Draw the lines over the dimmed image: yellow where the model is sure, red where it is not."""
    height, width = colours.shape[:2]
    dimmed = Image.fromarray((colours * _DIM).astype(np.uint8))
    canvas = dimmed.resize((width * _SUPERSAMPLING, height * _SUPERSAMPLING))
    draw = ImageDraw.Draw(canvas)
    scale = np.array([width / grid.shape[1], height / grid.shape[0]]) * _SUPERSAMPLING
    edges = network.edges.to_crs(grid.crs.to_wkt())
    to_pixel = ~grid.transform
    for line, probability in zip(edges.geometry, edges["prob_mean"], strict=True):
        x, y = shapely.get_coordinates(line).T
        col, row = to_pixel @ (x, y)
        points = np.stack([col, row], axis=1) * scale
        draw.line(
            [tuple(point) for point in points],
            fill=_blend(float(probability)),
            width=_LINE_WIDTH,
            joint="curve",
        )
    return np.asarray(canvas.resize((width, height), Image.Resampling.LANCZOS))


def _blend(probability: float) -> Colour:
    share = float(np.clip((probability - 0.4) / 0.5, 0, 1))
    red, green, blue = (
        round(d + share * (c - d)) for c, d in zip(_CERTAIN, _DOUBTFUL, strict=True)
    )
    return red, green, blue
