"""The one door for pixels: a scene read on its work grid, window by window or as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.warp import reproject
from rasterio.windows import Window

from roadex.errors import SceneError
from roadex.imagery.native import NativeReader, open_native
from roadex.imagery.scene import Scene
from roadex.imagery.warping import read_warped
from roadex.imagery.work_grid import WorkGrid


class GridReader:
    """An open scene on its work grid. Not shared between threads."""

    def __init__(self, scene: Scene, grid: WorkGrid, native: NativeReader) -> None:
        self._scene = scene
        self._grid = grid
        self._native = native

    def read(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read a window, which may leave the scene.

        Returns
        -------
        image
            Float32, shape ``(C, h, w)``, in [0, 255]. Outside the scene it is mirrored; where
            there is no imagery it is the scene's mean.
        valid
            Bool, shape ``(h, w)``; False where there is no imagery and outside the scene.

        Raises
        ------
        SceneError
            If a file of the scene cannot be read.
        """
        height, width = self._grid.shape
        rows, inside_rows = _mirror(window.row_off, window.height, height)
        cols, inside_cols = _mirror(window.col_off, window.width, width)
        top, left = int(rows.min()), int(cols.min())
        part = Window(left, top, int(cols.max()) + 1 - left, int(rows.max()) + 1 - top)
        stored, seen = self._read_inside(part)
        image = self._scene.radiometry.apply(stored, seen)
        if inside_rows.all() and inside_cols.all():
            return image, seen
        index = np.ix_(rows - top, cols - left)
        valid = seen[index] & inside_rows[:, None] & inside_cols
        return image[:, index[0], index[1]], valid

    def _read_inside(self, part: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        if self._grid.is_native:
            turn = self._grid.turn
            pixels, valid = self._native.read(turn.window(part, self._grid.shape))
            return turn.turned(pixels), turn.turned(valid)
        try:
            return read_warped(self._native, self._scene, self._grid, part)
        except RasterioError as error:
            msg = f"cannot warp {self._scene.paths[0]} to {self._grid.crs.to_string()}: {error}"
            raise SceneError(msg) from error


@contextmanager
def open_grid(scene: Scene, grid: WorkGrid) -> Iterator[GridReader]:
    """Open a scene on its work grid.

    Raises
    ------
    SceneError
        If the scene cannot be opened any more.
    """
    with open_native(scene.mosaic, scene.validity) as native:
        yield GridReader(scene, grid, native)


def read_overview(
    scene: Scene, grid: WorkGrid, *, max_size: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read a whole scene reduced to at most ``max_size`` pixels on its longer side.

    Returns
    -------
    image, valid
        As :meth:`GridReader.read`, shapes ``(C, h, w)`` and ``(h, w)``. Where the scene cannot be
        read it is without imagery: this is for looking at.
    """
    factor = min(1.0, max_size / max(grid.shape))
    shape = (max(1, round(grid.shape[0] * factor)), max(1, round(grid.shape[1] * factor)))
    small = factor if grid.is_native else min(1.0, factor * scene.gsd_m / grid.gsd_m)
    size = grid.turn.source_shape(shape) if grid.is_native else _reduced(scene.shape, small)
    with open_native(scene.mosaic, scene.validity) as native:
        pixels, valid = native.overview(size)
    if grid.is_native:
        pixels, valid = grid.turn.turned(pixels), grid.turn.turned(valid)
    else:
        pixels, valid = _warped_overview(pixels, valid, scene, grid, shape)
    return scene.radiometry.apply(pixels, valid), valid


def _reduced(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def _warped_overview(
    pixels: NDArray[np.generic],
    valid: NDArray[np.bool_],
    scene: Scene,
    grid: WorkGrid,
    shape: tuple[int, int],
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    stack = np.concatenate([pixels.astype(np.float64), valid[None]])
    warped = np.zeros((len(stack), *shape))
    reproject(
        stack,
        warped,
        src_transform=scene.transform @ _scaled(scene.shape, valid.shape),
        src_crs=scene.crs,
        dst_transform=grid.transform @ _scaled(grid.shape, shape),
        dst_crs=grid.crs,
        resampling=Resampling.nearest,
    )
    return warped[:-1], warped[-1] > 0


def _scaled(whole: tuple[int, int], reduced: tuple[int, int]) -> Affine:
    return Affine.scale(whole[1] / reduced[1], whole[0] / reduced[0])


def _mirror(start: int, n: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return for positions ``start`` to ``start + n`` the mirrored ones in the scene."""
    position = np.arange(int(start), int(start) + int(n))
    period = max(1, 2 * (size - 1))
    folded = np.abs((position + size - 1) % period - (size - 1)) if size > 1 else position * 0
    return folded.astype(np.int64), (position >= 0) & (position < size)
