"""Pixels of a scene on a grid that is not its own: warped by GDAL, window by window.

The pixels a window needs are read and judged first, then warped from memory, in a raster that has
the size of the scene and is empty elsewhere. So a pixel depends neither on the window it is read in
nor on how GDAL tells imagery from none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from roadex.imagery.containers import without_georeference_warning
from roadex.imagery.native import NativeReader
from roadex.imagery.scene import Scene
from roadex.imagery.turning import turn_of
from roadex.imagery.work_grid import WorkGrid

_TOLERANCE_PX = 1e-6
"""Error of warped coordinates, in pixels. With GDAL's default (0.125) a pixel would depend on the
window it is read in. Exactly 0 makes rasterio 1.4 fail where a transform is given."""

_OPAQUE = 255
_SHRINKING = 1.1
"""Pixels larger than the scene's by more than this factor are means of the scene's pixels."""

_MOST_PIXELS = 2**25
"""Pixels of a scene that are held at a time; a window that needs more is read in parts."""

_BLOCK = (128, 512)
"""Rows and columns that GDAL warps at a time. Pixels are read for all of each, because GDAL rounds
another way where a part of what it reads is empty."""

_ON_EDGE = 33
"""Places along each edge of a window whose position in the scene is computed."""

_GDAL_TYPES = {
    "uint8": "Byte",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}


def read_warped(
    native: NativeReader, scene: Scene, grid: WorkGrid, window: Window
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Read a window of a work grid that is not the scene's own.

    Parameters
    ----------
    native
        The open scene.
    window
        Rows and columns of the grid, inside it.

    Returns
    -------
    pixels, valid
        Shapes ``(C, h, w)`` and ``(h, w)``, as :meth:`NativeReader.read` returns them.

    Raises
    ------
    SceneError
        If a file of the scene cannot be read.
    """
    height, width = int(window.height), int(window.width)
    part = _needed(scene, grid, window)
    if part is None:
        shape = (len(scene.bands), height, width)
        return np.zeros(shape, dtype=scene.mosaic.pixel_type), np.zeros(shape[1:], dtype=bool)
    if part.width * part.height > _MOST_PIXELS:
        axis, halves = _halves(window)
        if halves:
            read = [read_warped(native, scene, grid, half) for half in halves]
            pixels = np.concatenate([half[0] for half in read], axis=axis + 1)
            return pixels, np.concatenate([half[1] for half in read], axis=axis)
    pixels, valid = native.read(part)
    if not valid.any():
        return (
            np.zeros((len(pixels), height, width), dtype=pixels.dtype),
            np.zeros((height, width), dtype=bool),
        )
    with _warped(pixels, valid, part, scene, grid) as raster:
        n_bands = len(pixels)
        warped = raster.read(tuple(range(1, n_bands + 1)), window=window)
        return warped, raster.read(n_bands + 1, window=window) >= _OPAQUE / 2


@contextmanager
def _warped(
    pixels: NDArray[np.generic],
    valid: NDArray[np.bool_],
    part: Window,
    scene: Scene,
    grid: WorkGrid,
) -> Iterator[WarpedVRT]:
    n_bands = len(pixels)
    with ExitStack() as stack:
        stack.enter_context(without_georeference_warning())
        files = [stack.enter_context(MemoryFile()) for _ in range(2)]
        for file, content in zip(
            files, (pixels, valid[None].astype(np.uint8) * _OPAQUE), strict=True
        ):
            with file.open(
                driver="GTiff", count=len(content), height=content.shape[1],
                width=content.shape[2], dtype=content.dtype, interleave="band",
            ) as raster:  # fmt: skip
                raster.write(content)
        places = [(files[0].name, i + 1) for i in range(n_bands)] + [(files[1].name, 1)]
        text = "".join(_described(places, str(pixels.dtype), part, scene))
        source = stack.enter_context(rasterio.open(text))
        yield stack.enter_context(
            WarpedVRT(
                source,
                crs=grid.crs,
                transform=grid.transform,
                height=grid.shape[0],
                width=grid.shape[1],
                src_alpha=n_bands + 1,
                dtype=str(pixels.dtype),
                tolerance=_TOLERANCE_PX,
                **_resampling(scene, grid),
            )
        )


def _resampling(scene: Scene, grid: WorkGrid) -> dict[str, object]:
    ratio = grid.gsd_m / scene.gsd_m
    if turn_of(scene.transform, scene.shape) is not None:
        means = ratio > _SHRINKING
        return {"resampling": Resampling.average if means else Resampling.bilinear}
    # GDAL takes the box around a turned pixel for its size, and filters too much. It is told what
    # the pixel measures.
    scale = repr(min(1.0, 1 / ratio))
    return {"resampling": Resampling.bilinear, "XSCALE": scale, "YSCALE": scale}


def _described(
    places: list[tuple[str, int]], dtype: str, part: Window, scene: Scene
) -> Iterator[str]:
    """Describe a raster of the size of the scene that holds bands in memory at ``part``."""
    height, width = scene.shape
    yield f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">'
    yield f"<SRS>{escape(scene.crs.to_wkt())}</SRS>"
    yield f"<GeoTransform>{','.join(repr(v) for v in scene.transform.to_gdal())}</GeoTransform>"
    size = f'xSize="{part.width}" ySize="{part.height}"'
    for i, (name, band) in enumerate(places, start=1):
        is_alpha = i == len(places)
        kind = "Byte" if is_alpha else _GDAL_TYPES[dtype]
        yield f'<VRTRasterBand dataType="{kind}" band="{i}">'
        if is_alpha:
            yield "<ColorInterp>Alpha</ColorInterp>"
        yield "<SimpleSource>"
        yield f'<SourceFilename relativeToVRT="0">{name}</SourceFilename>'
        yield f"<SourceBand>{band}</SourceBand>"
        yield f'<SrcRect xOff="0" yOff="0" {size}/>'
        yield f'<DstRect xOff="{part.col_off}" yOff="{part.row_off}" {size}/>'
        yield "</SimpleSource></VRTRasterBand>"
    yield "</VRTDataset>"


def _needed(scene: Scene, grid: WorkGrid, window: Window) -> Window | None:
    """Return the window of the scene that one of the grid is made from, or None."""
    x, y = _edges(grid.transform, _whole_blocks(window, grid.shape))
    rows, cols = _positions(x, y, grid.crs, scene.crs, ~scene.transform)
    if not rows.size:
        return None
    margin = math.ceil(2 * max(1.0, grid.gsd_m / scene.gsd_m)) + 6
    top, left = (max(0, math.floor(v.min()) - margin) for v in (rows, cols))
    bottom = min(scene.shape[0], math.ceil(rows.max()) + margin)
    right = min(scene.shape[1], math.ceil(cols.max()) + margin)
    if bottom <= top or right <= left:
        return None
    return Window(left, top, right - left, bottom - top)


def _edges(transform: Affine, window: Window) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return CRS coordinates along the edges of a window and inside it."""
    share = np.linspace(0, 1, _ON_EDGE)
    across, down = (g.ravel() for g in np.meshgrid(share, share))
    col, row = window.col_off + across * window.width, window.row_off + down * window.height
    t = transform
    return t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f


def _positions(
    x: NDArray[np.float64], y: NDArray[np.float64], here: CRS, there: CRS, to_pixel: Affine
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows and columns, in another raster, of places that have one there."""
    if here != there:
        x, y = (np.asarray(v) for v in transform_points(here, there, x, y))
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    t = to_pixel
    return t.d * x + t.e * y + t.f, t.a * x + t.b * y + t.c


def _whole_blocks(window: Window, shape: tuple[int, int]) -> Window:
    """Return a window grown to the blocks that GDAL warps."""
    starts = (int(window.row_off), int(window.col_off))
    ends = (starts[0] + int(window.height), starts[1] + int(window.width))
    (top, left), (bottom, right) = (
        [start // size * size for start, size in zip(starts, _BLOCK, strict=True)],
        [min(-(-end // size) * size, n) for end, size, n in zip(ends, _BLOCK, shape, strict=True)],
    )
    return Window(left, top, right - left, bottom - top)


def _halves(window: Window) -> tuple[int, list[Window]]:
    """Cut a window in two between blocks; return axis and parts, none if it is in one block."""
    top, left, height, width = (
        int(v) for v in (window.row_off, window.col_off, window.height, window.width)
    )
    for axis, start, size in ((0, top, height), (1, left, width)):
        step = _BLOCK[axis]
        cut = (start + size // 2 + step // 2) // step * step - start
        if not 0 < cut < size:
            cut = (start // step + 1) * step - start
        if not 0 < cut < size:
            continue
        if axis == 0:
            return 0, [Window(left, top, width, cut), Window(left, top + cut, width, height - cut)]
        return 1, [Window(left, top, cut, height), Window(left + cut, top, width - cut, height)]
    return 0, []
