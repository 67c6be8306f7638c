"""Where trees grow, and painting of their crowns and shadows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from roadex.synthetic.canvas import Picture
from roadex.synthetic.land import fray
from roadex.synthetic.layout import Plan
from roadex.synthetic.noise import Field, relief
from roadex.synthetic.placement import Ground
from roadex.synthetic.styles import ZONES

TREE_COVER: dict[str, float] = {
    "verge": -1.7,
    "residential": -1.1,
    "suburb": -0.35,
    "commercial": -2.3,
    "farmland": -2.3,
    "woods": 2.0,
    "park": -0.9,
    "bare": -2.4,
}
"""Mean of the tree cover field per zone, in standard deviations: trees grow where it is > 0."""


SHADOW_DEPTH = np.array([0.5, 0.46, 0.38], dtype=np.float32)
"""Share of light lost in the shadow of a tree, by band."""

CROWN_HEIGHTS_M = (2.5, 4.5, 6.5)
"""Heights whose shadows together make that of a crown."""


def tree_cover(
    picture: Picture, plan: Plan, zones: NDArray[np.int32], ground: Ground, wooded: float
) -> Field:
    """Return where trees grow: > 0 inside crowns, float32 ``(H, W)``.

    Trees keep off the road, but only by a distance that varies: here and there crowns reach over
    it, and in places close above it.

    Parameters
    ----------
    picture
        Gives size, pixel size and the source of all draws.
    plan
        The place.
    zones
        int32 ``(H, W)``: 1 + index into ``plan.zones``, 0 where no zone is.
    ground
        Distances from roads.
    wooded
        Added everywhere.
    """
    kinds = plan.kinds()[fray(picture, zones, 9.0)]
    cover = np.array([TREE_COVER[name] for name in ZONES], dtype=np.float32)[kinds] + wooded
    cover += 0.8 * picture.smooth(60.0) + 0.7 * picture.smooth(14.0) + 0.55 * picture.grain(1.7)
    distance_m = np.repeat(np.repeat(ground.road_distance_m, 2, axis=0), 2, axis=1)
    distance_m = distance_m[: zones.shape[0], : zones.shape[1]]
    # Land no street reaches grows over.
    settled = np.isin(kinds, [ZONES.index("residential"), ZONES.index("suburb")])
    cover += np.where(settled, np.clip((distance_m - 40.0) / 20.0, 0.0, 1.3), 0.0)
    # Over the road the distance is 0: crowns stay there where the clearance is drawn below -1 m.
    clearance_m = 4.0 + 3.0 * picture.smooth(28.0)
    cover -= 5.0 / (1.0 + np.exp(np.clip((distance_m - clearance_m) / 0.7, -30, 30)))
    cover[ndimage.binary_dilation(picture.burn(plan.water) > 0)] -= 4.0
    return np.asarray(cover, dtype=np.float32)


def paint_trees(picture: Picture, cover: Field) -> None:
    """Paint tree crowns where ``cover`` is positive, after their shadows."""
    crowns = cover > 0
    _cast_shadows(picture, crowns)
    kinds = _tree_kinds(picture)
    leaves = np.zeros_like(picture.canvas)
    opacity = np.zeros(picture.shape, dtype=np.float32)
    light = {size: _crown_light(picture, size) for size in _crown_sizes(picture)}
    for index, trees in enumerate(picture.palette.trees):
        here = kinds == index
        colour = np.array(trees.colour, dtype=np.float32)
        leaves[here] = light[trees.crown_m][here][:, None] * colour
        opacity[here] = trees.opacity
    soft = ndimage.gaussian_filter(crowns * opacity, 0.5 / picture.gsd_m)
    picture.blend(leaves, soft)


def _cast_shadows(picture: Picture, crowns: NDArray[np.bool_]) -> None:
    shadow = np.zeros(picture.shape, dtype=np.float32)
    for shift_m in picture.sun.shadow(CROWN_HEIGHTS_M):
        x, y = np.rint(shift_m / picture.gsd_m).astype(int)
        shadow[np.roll(crowns, (y, x), axis=(0, 1))] = 1.0
    soft = ndimage.gaussian_filter(shadow, 0.8 / picture.gsd_m, truncate=3.0)
    picture.canvas[...] *= 1.0 - soft[..., None] * SHADOW_DEPTH


def _crown_sizes(picture: Picture) -> list[float]:
    return sorted({trees.crown_m for trees in picture.palette.trees})


def _crown_light(picture: Picture, crown_m: float) -> Field:
    """Return how brightly crowns of a size are lit, about 1."""
    bumps = picture.grain(crown_m)
    return np.clip(1.0 + 0.27 * relief(bumps, picture.sun.direction) + 0.13 * bumps, 0.2, 2.2)


def _tree_kinds(picture: Picture) -> NDArray[np.int64]:
    """Return which kind of tree grows at each pixel: stands of one kind with others mixed in."""
    n = len(picture.palette.trees)
    patch = picture.smooth(90.0) + 0.9 * picture.smooth(16.0) + 0.5 * picture.grain(2.5)
    ranks = np.digitize(patch, picture.rng.normal(0.0, 0.3) + np.linspace(-1.0, 1.2, n - 1))
    return np.asarray(picture.rng.permutation(n)[ranks])
