"""The picture of a planned place: ground, roads, objects, shadows, trees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from roadex.synthetic.buildings import paint_buildings, paint_cars
from roadex.synthetic.canvas import Canvas, Picture, Sun, burn
from roadex.synthetic.land import paint_ground, survey
from roadex.synthetic.layout import Plan, PlannedRoad
from roadex.synthetic.placement import (
    cars_on_lots,
    cars_on_roads,
    halls_and_lots,
    houses_along,
    join,
)
from roadex.synthetic.streets import extend_past_border
from roadex.synthetic.styles import Style
from roadex.synthetic.surfaces import lay_rails, lay_roads, pave, road_surface
from roadex.synthetic.trees import paint_trees, tree_cover


def render(
    plan: Plan,
    edges: list[PlannedRoad],
    shape: tuple[int, int],
    gsd_m: float,
    style: Style,
    rng: np.random.Generator,
) -> tuple[Canvas, NDArray[np.bool_]]:
    """Paint the place.

    Returns
    -------
    canvas
        float32 ``(H, W, 3)``, 8-bit units, before the camera.
    road_mask
        bool ``(H, W)``: paved road at its true width, also under trees.
    """
    lines = [extend_past_border(edge, plan.width_m, plan.height_m) for edge in edges]
    road = road_surface(edges, lines, shape, gsd_m)
    zones = burn([zone.outline for zone in plan.zones], shape, gsd_m)
    ground = survey(plan, zones, road > 0, gsd_m)
    halls, lots = halls_and_lots(ground, rng)
    houses, drives = houses_along(edges, ground, rng)
    buildings = join(houses, halls)
    cars = join(cars_on_lots(lots, rng), cars_on_roads(edges, rng))

    canvas = np.zeros((*shape, 3), dtype=np.float32)
    picture = Picture(canvas, gsd_m, style.palette, Sun.draw(rng), rng)
    paint_ground(picture, plan, zones)
    pave(picture, lots, drives)
    lay_rails(picture, plan.railway)
    lay_roads(picture, edges, lines, road)
    paint_cars(picture, cars)
    paint_buildings(picture, buildings)
    cover = tree_cover(picture, plan, zones, ground, style.wooded)
    cover[picture.burn(join(buildings, lots).polygons(), all_touched=True) > 0] -= 4.0
    paint_trees(picture, cover)
    return canvas, road > 0
