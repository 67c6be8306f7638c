"""The part of a grid that is asked for: which windows touch it, and which pixels are inside."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window


@dataclass(frozen=True, slots=True)
class Area:
    """Polygons in pixels of a grid: x is the column, y the row, whole numbers are corners."""

    wkb: bytes

    @classmethod
    def of(cls, polygons: shapely.Geometry) -> Area:
        """Keep polygons in pixel coordinates."""
        return cls(shapely.to_wkb(shapely.make_valid(polygons)))

    def window(self, shape: tuple[int, int]) -> Window | None:
        """Return the window around it on a grid of ``shape``; None if they do not meet."""
        inside = shapely.intersection(_geometry(self.wkb), shapely.box(0, 0, shape[1], shape[0]))
        if inside.area == 0:
            return None
        left, top, right, bottom = (float(v) for v in inside.bounds)
        first_col, first_row = int(np.floor(left)), int(np.floor(top))
        return Window(
            first_col, first_row, int(np.ceil(right)) - first_col, int(np.ceil(bottom)) - first_row
        )

    def touches(self, window: Window) -> bool:
        """Return whether any of it lies in a window."""
        return bool(shapely.intersects(_geometry(self.wkb), _box(window)))

    def inside(self, window: Window) -> NDArray[np.bool_]:
        """Return True where the centre of a pixel of a window is inside it; shape ``(h, w)``."""
        shape = int(window.height), int(window.width)
        part = shapely.intersection(_geometry(self.wkb), _box(window))
        if part.area == 0:
            return np.zeros(shape, dtype=np.bool_)
        place = Affine.translation(window.col_off, window.row_off)
        drawn = rasterize([part], out_shape=shape, transform=place, dtype=np.uint8)
        return np.asarray(drawn, dtype=np.bool_)


@lru_cache(maxsize=4)
def _geometry(wkb: bytes) -> shapely.Geometry:
    geometry = shapely.from_wkb(wkb)
    shapely.prepare(geometry)
    return geometry


def _box(window: Window) -> shapely.Geometry:
    (top, bottom), (left, right) = window.toranges()
    return shapely.box(left, top, right, bottom)
