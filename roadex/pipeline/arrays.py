"""Arrays where the program takes files: imagery in memory, and probability on its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject

from roadex.probability.encoding import decode

AnyCRS: TypeAlias = Any
"""A CRS as pyproj takes it: its own, an EPSG number, ``"EPSG:32633"``, WKT."""


def write_image(
    image: NDArray[Any], transform: Affine | None, crs: AnyCRS | None, path: Path
) -> None:
    """Write an image ``(C, H, W)`` or ``(H, W)`` as a raster; NaN is nodata.

    Raises
    ------
    TypeError
        If it is no numeric array of that form, or has no place.
    """
    bands = image[None] if image.ndim == 2 else image
    if bands.ndim != 3 or bands.dtype.kind not in "uif":
        msg = (
            "an image is a numeric array (bands, rows, columns) or (rows, columns), got "
            f"{image.dtype} {image.shape}"
        )
        raise TypeError(msg)
    transform, crs = located(transform, crs)
    with rasterio.open(
        path, "w", driver="GTiff", count=bands.shape[0], height=bands.shape[1],
        width=bands.shape[2], dtype=bands.dtype, transform=transform, crs=crs.to_wkt(),
        nodata=np.nan if bands.dtype.kind == "f" else None, photometric="MINISBLACK", alpha="NO",
    ) as raster:  # fmt: skip
        raster.write(bands)


def probability_on(
    raster: rasterio.DatasetReader, shape: tuple[int, int], transform: Affine | None, crs: AnyCRS
) -> NDArray[np.float32]:
    """Return a probability raster on another grid: float32 ``(H, W)`` in [0, 1], NaN nodata."""
    result = np.full(shape, np.nan, dtype=np.float32)
    reproject(
        decode(raster.read(1)), result, src_transform=raster.transform, src_crs=raster.crs,
        dst_transform=transform, dst_crs=CRS.from_user_input(crs).to_wkt(), src_nodata=np.nan,
        dst_nodata=np.nan, resampling=Resampling.bilinear,
    )  # fmt: skip
    return result


def located(transform: Affine | None, crs: AnyCRS | None) -> tuple[Affine, CRS]:
    """Return where an array is.

    Raises
    ------
    TypeError
        If that was not said.
    """
    if transform is None or crs is None:
        msg = "an array has no location: give transform and crs"
        raise TypeError(msg)
    return transform, CRS.from_user_input(crs)


def refuse_place(transform: Affine | None, crs: AnyCRS | None) -> None:
    """Refuse a place for what has one.

    Raises
    ------
    TypeError
        If one was given.
    """
    if transform is not None or crs is not None:
        msg = "transform and crs are for arrays; a raster has its own"
        raise TypeError(msg)
