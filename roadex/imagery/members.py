"""What matters of one file of a scene, and how its stored values become pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags

from roadex.errors import SceneError
from roadex.imagery.bands import ALPHA, band_roles
from roadex.imagery.containers import other_pages
from roadex.imagery.georeference import is_somewhere, place_nowhere, read_place
from roadex.imagery.raster_sources import Rectangle, coverage
from roadex.imagery.source_files import FileState, file_states, files_behind

PIXEL_TYPES = {
    "uint8": "uint8",
    "int8": "int16",
    "uint16": "uint16",
    "int16": "int16",
    "uint32": "uint32",
    "int32": "int32",
    "uint64": "float64",
    "int64": "float64",
    "float16": "float32",
    "float32": "float32",
    "float64": "float64",
}
"""Data type of a file to the one its pixels are held in: what GDAL warps without loss."""

_LOSSY = ("JPEG", "WEBP", "ECW", "SID", "JP2")
"""Parts of the names of drivers and compressions with loss."""

_LARGEST_BLOCK_BYTES = 2**29
_SMALLEST_BLOCK_PX = 64
_STORED_SHARE = 20_000
"""No compression makes pixels this many times smaller: a file that claims more is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What matters of one file of a mosaic."""

    path: str
    """As the user gave it."""

    location: str
    """As GDAL opens it from any working directory."""

    shape: tuple[int, int]
    crs: CRS
    transform: Affine
    dtype: str
    """Data type of the file."""

    roles: tuple[str | None, ...]
    """What each band shows; a palette stands for red, green and blue."""

    nodata: tuple[float | None, ...]
    """Per band: the declared value of pixels without imagery."""

    alpha: int | None
    """Number of the band that says how opaque a pixel is."""

    has_mask: bool
    """Whether a mask in or beside the file says where there is imagery."""

    is_lossy: bool
    """Whether stored values are only near those that were written."""

    palette: tuple[tuple[int, int, int, int], ...] | None = None
    """Red, green, blue and alpha by index."""

    white_is: int | None = None
    """The value from which others are subtracted where 0 is white."""

    covered: tuple[Rectangle, ...] | None = None
    """What the sources of a virtual raster cover; None is all of it."""

    pages: tuple[str, ...] = ()
    """Names of further pages of the file."""

    is_placed: bool = True
    """Whether CRS and transform say where on the Earth it lies."""

    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, raster: rasterio.DatasetReader, *, path: str, unplaced_gsd_m: float | None = None
    ) -> Self:
        """Describe an open raster.

        With ``unplaced_gsd_m`` one that is not placed on the Earth gets a place of no meaning, with
        pixels of that many metres.

        Raises
        ------
        SceneError
            If it is not placed on the Earth, or its pixels are of a kind that cannot be read.
        """
        _check_type(raster, path)
        _check_size(raster, path)
        is_placed = raster.crs is not None and is_somewhere(raster.transform)
        if is_placed or unplaced_gsd_m is None:
            crs, transform, notes = read_place(raster, path)
        else:
            (crs, transform), notes = place_nowhere(unplaced_gsd_m), ()
        palette, nodata = _palette(raster), raster.nodatavals
        roles = band_roles(raster.colorinterp, raster.descriptions)
        white_is = _white_is(raster)
        if palette is not None:
            roles, nodata = ("red", "green", "blue"), nodata * 3
        elif white_is is not None:
            nodata = tuple(None if value is None else white_is - value for value in nodata)
            notes += (f"{path} stores white as 0; it was inverted",)
        return cls(
            path=path,
            location=raster.name,
            shape=raster.shape,
            crs=crs,
            transform=transform,
            dtype=raster.dtypes[0],
            roles=roles,
            nodata=nodata,
            alpha=roles.index(ALPHA) + 1 if ALPHA in roles else None,
            has_mask=_has_mask(raster),
            is_lossy=_is_lossy(raster),
            palette=palette,
            white_is=white_is,
            covered=coverage(raster),
            pages=other_pages(raster),
            is_placed=is_placed,
            notes=notes,
        )

    @property
    def pixel_type(self) -> str:
        """Data type in which pixels of the file are held."""
        return "uint8" if self.palette is not None else PIXEL_TYPES[self.dtype]

    def file_states(self) -> tuple[FileState, ...]:
        """Return size and time of the file and of all it reads: sidecars, sources of a mosaic."""
        return file_states(files_behind(self.location))

    def pixels(self, stored: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return stored values ``(C, h, w)`` as pixels of :attr:`pixel_type`, white high."""
        if self.white_is is not None:
            stored = (self.white_is - stored.astype(np.float64)).astype(stored.dtype)
        return stored.astype(self.pixel_type, copy=False)

    def colours(self, index: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Return red, green, blue and alpha ``(4, h, w)`` of indices ``(h, w)``."""
        table = np.asarray(self.palette, dtype=np.uint8)
        return np.moveaxis(table[np.clip(index.astype(np.int64), 0, len(table) - 1)], -1, 0)


def _check_type(raster: rasterio.DatasetReader, path: str) -> None:
    kinds = set(raster.dtypes)
    if any(kind.startswith("complex") for kind in kinds):
        msg = (
            f"{path} holds complex numbers, as radar images do. Write their amplitude first, with "
            f"`gdal_calc.py -A {path} --calc 'abs(A)' --type Float32 --outfile new.tif`; the "
            "models that come with roadex know optical imagery alone"
        )
        raise SceneError(msg)
    unknown = sorted(kinds - set(PIXEL_TYPES))
    if unknown:
        msg = (
            f"{path} has values of type {unknown[0]}; bring them to Float32 with `gdal_translate "
            f"-ot Float32 {path} new.tif`"
        )
        raise SceneError(msg)


def _check_size(raster: rasterio.DatasetReader, path: str) -> None:
    """Refuse blocks that do not fit into memory or never end, and files that hold nothing."""
    height, width = raster.shape
    if not height * width:
        msg = f"{path} has no pixels ({height} x {width})"
        raise SceneError(msg)
    itemsize = np.dtype(raster.dtypes[0]).itemsize
    together = raster.count if raster.tags(ns="IMAGE_STRUCTURE").get("INTERLEAVE") == "PIXEL" else 1
    rows, cols = raster.block_shapes[0]
    again = f"Write it anew with `gdal_translate -co TILED=YES {path} new.tif`"
    if rows * cols * itemsize * together > _LARGEST_BLOCK_BYTES:
        msg = (
            f"{path} is stored in blocks of {rows} x {cols} px, {together} bands: "
            f"{rows * cols * itemsize * together / 1e9:.1f} GB to read one pixel. {again}"
        )
        raise SceneError(msg)
    if rows * cols < _SMALLEST_BLOCK_PX < height * width / 1000 and cols < width:
        msg = f"{path} is stored in blocks of {rows} x {cols} px, too small to be read. {again}"
        raise SceneError(msg)
    file = Path(raster.name)
    if raster.driver != "GTiff" or not file.is_file():
        return
    claimed = height * width * itemsize * raster.count
    if claimed > max(file.stat().st_size, 2**12) * _STORED_SHARE:
        msg = (
            f"{path} claims {height} x {width} px, and its {file.stat().st_size} bytes cannot "
            "hold them: it is empty, or was not written to its end. Get it again"
        )
        raise SceneError(msg)


def _palette(raster: rasterio.DatasetReader) -> tuple[tuple[int, int, int, int], ...] | None:
    """Return the colours by index where the only band is one of a palette."""
    if raster.count != 1 or raster.colorinterp[0] != ColorInterp.palette:
        return None
    try:
        table = raster.colormap(1)
    except ValueError:  # the tag is there and the table is not
        return None
    clear = (0, 0, 0, 0)
    return tuple(tuple(table.get(i, clear)) for i in range(max(table, default=0) + 1))


def _white_is(raster: rasterio.DatasetReader) -> int | None:
    if raster.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") != "YES":
        return None
    dtype = np.dtype(raster.dtypes[0])
    n_bits = raster.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
    return 2 ** int(n_bits or 8 * dtype.itemsize) - 1 if dtype.kind == "u" else None


def _is_lossy(raster: rasterio.DatasetReader) -> bool:
    compression = raster.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "")
    return any(name in f"{compression} {raster.driver}".upper() for name in _LOSSY)


def _has_mask(raster: rasterio.DatasetReader) -> bool:
    """Return whether a mask of its own, neither alpha nor nodata, belongs to the first band."""
    flags = raster.mask_flag_enums[0]
    return not {MaskFlags.all_valid, MaskFlags.alpha, MaskFlags.nodata} & set(flags) or (
        MaskFlags.nodata in flags and MaskFlags.per_dataset in flags
    )
