"""Tiles of a web map as files: placed on the grid that they were cut from."""

from __future__ import annotations

from dataclasses import replace

from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS

from roadex.imagery.members import Member

_WEB_MERCATOR = CRS.from_epsg(3857)


def in_web_mercator(tile: Member) -> Member:
    """Return a tile with its place in Web Mercator (EPSG:3857) instead of in degrees.

    Tiles of a web map are squares of Web Mercator. With a georeference in degrees, each row of
    them has pixels of another height, and rows do not fit together; in Web Mercator all tiles of
    one zoom share a grid. A tile that is not in degrees is returned as it is.

    Parameters
    ----------
    tile
        A file that shows one tile, north up.
    """
    if not tile.crs.is_geographic:
        return tile
    height, width = tile.shape
    to_mercator = Transformer.from_crs(tile.crs.to_wkt(), 3857, always_xy=True)
    left, top = to_mercator.transform(*(tile.transform @ (0, 0)))
    right, bottom = to_mercator.transform(*(tile.transform @ (width, height)))
    across, down = (right - left) / width, (bottom - top) / height
    return replace(tile, crs=_WEB_MERCATOR, transform=Affine(across, 0, left, 0, down, top))
