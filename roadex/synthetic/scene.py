"""A generated aerial scene with known roads.

The flow: a style is drawn, main roads and land are planned, streets are laid between them, all
roads are cut into one connected network, the place is painted, a camera takes its picture.
Everything follows from the seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from shapely import LineString

from roadex.synthetic.camera import take_picture
from roadex.synthetic.layout import PlannedRoad, plan_place
from roadex.synthetic.render import render
from roadex.synthetic.streets import cut_network, lay_streets
from roadex.synthetic.styles import STYLES

CRS = "EPSG:26986"
"""NAD83 / Massachusetts Mainland, metres: where the imagery that set the colours was taken."""

ORIGIN_M = (231000.0, 902000.0)
"""Map coordinates of the upper-left corner."""


@dataclass(frozen=True, slots=True)
class GeneratedRoad:
    """A road from junction to junction."""

    line: LineString
    """Centreline in pixels, x = column, y = row, from the upper-left corner of the scene."""

    width_m: float
    road_class: str


@dataclass(frozen=True, slots=True)
class GeneratedScene:
    """An image, and the roads it shows."""

    image: NDArray[np.uint8]
    """RGB, shape ``(3, H, W)``."""

    road_mask: NDArray[np.bool_]
    """Shape ``(H, W)``; True is road, at its true width, also where trees hide it."""

    roads: tuple[GeneratedRoad, ...]
    """One connected network; ends that meet coincide exactly."""

    gsd_m: float
    style: str
    seed: int

    @property
    def transform(self) -> Affine:
        """Pixels to map coordinates of :data:`CRS`."""
        west, north = ORIGIN_M
        return Affine(self.gsd_m, 0.0, west, 0.0, -self.gsd_m, north)


def generate_scene(
    *, shape: tuple[int, int], gsd_m: float = 1.0, seed: int, style: str | None = None
) -> GeneratedScene:
    """Make a scene; the same arguments give the same bytes.

    Parameters
    ----------
    shape
        ``(H, W)`` in pixels, at least 64 each.
    gsd_m
        Metres per pixel, 0.2 to 3.
    seed
        Fixes everything that is drawn at random.
    style
        A name of :data:`~roadex.synthetic.styles.STYLES`; drawn by the seed if None.

    Raises
    ------
    ValueError
        If the size, the ground sample distance or the style is out of range.
    """
    if min(shape) < 64:
        msg = f"a generated scene has at least 64 rows and columns, got {shape}"
        raise ValueError(msg)
    if not 0.2 <= gsd_m <= 3.0:
        msg = f"gsd_m must be within 0.2 and 3 metres, got {gsd_m}"
        raise ValueError(msg)
    if style is not None and style not in STYLES:
        msg = f"unknown style {style!r}; available: {', '.join(STYLES)}"
        raise ValueError(msg)
    for_style, for_plan, for_streets, for_paint, for_camera = np.random.default_rng(seed).spawn(5)
    style = style or str(for_style.choice(list(STYLES)))
    height_m, width_m = shape[0] * gsd_m, shape[1] * gsd_m
    plan = plan_place(width_m, height_m, STYLES[style], for_plan)
    edges = cut_network(plan.roads + lay_streets(plan, for_streets), width_m, height_m)
    canvas, road_mask = render(plan, edges, shape, gsd_m, STYLES[style], for_paint)
    image = take_picture(canvas, for_camera)
    roads = tuple(_in_pixels(edge, gsd_m) for edge in edges)
    return GeneratedScene(image, road_mask, roads, gsd_m, style, seed)


def _in_pixels(edge: PlannedRoad, gsd_m: float) -> GeneratedRoad:
    line = shapely.transform(edge.line, lambda points: points / gsd_m)
    return GeneratedRoad(line, edge.width_m, edge.road_class)
