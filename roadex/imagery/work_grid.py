"""The work grid: the pixels on which roads are looked for.

North is up, pixels are square, units are metres, and the pixel size suits the model. Where a scene
is like that already (within :data:`NATIVE_TOLERANCE`), the work grid is the scene's own grid and
nothing is resampled. Otherwise the scene is warped on the fly, window by window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.warp import calculate_default_transform, reproject
from rasterio.windows import Window

from roadex.errors import SceneError
from roadex.imagery.containers import listed
from roadex.imagery.geodesy import metric_crs_at
from roadex.imagery.native import NativeReader, open_native
from roadex.imagery.scene import Scene
from roadex.imagery.turning import NO_TURN, Turn, turn_of
from roadex.imagery.warping import read_warped

NATIVE_TOLERANCE = 0.1
"""Scenes whose pixel size is within this share of the model's are not resampled."""

COARSE_LIMIT = 1.5
"""Pixels larger than the model's largest by more than this factor are refused: roads a few pixels
wide vanish, and enlarging does not bring them back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkGrid:
    """Where the pixels of a run lie."""

    shape: tuple[int, int]
    crs: CRS
    transform: Affine
    gsd_m: float
    """Metres per pixel."""

    is_native: bool
    """Whether these are the scene's own pixels."""

    turn: Turn = NO_TURN
    """How they lie in the scene, if they are its own."""

    warnings: tuple[str, ...] = ()


def plan_grid(
    scene: Scene, *, gsd_m: float, gsd_range_m: tuple[float, float], native_gsd: bool = False
) -> WorkGrid:
    """Choose the work grid of a scene for a model.

    Parameters
    ----------
    scene
        The scene.
    gsd_m, gsd_range_m
        Metres per pixel the model is best at, and the range it was trained on.
    native_gsd
        Keep the scene's pixel size, whatever the model's.

    Raises
    ------
    SceneError
        If the scene's pixels are far larger than any the model has seen.
    """
    notes = _check_gsd(scene, gsd_range_m)
    target = scene.gsd_m if native_gsd else gsd_m
    turn = turn_of(scene.transform, scene.shape)
    is_metric = _is_metric(scene)
    if turn is not None and is_metric and abs(scene.gsd_m / target - 1) <= NATIVE_TOLERANCE:
        shape, transform = turn.grid(scene.shape, scene.transform)
        return WorkGrid(
            shape=shape,
            crs=scene.crs,
            transform=transform,
            gsd_m=scene.gsd_m,
            is_native=True,
            turn=turn,
            warnings=notes,
        )
    crs = scene.crs if is_metric else _metric_crs(scene)
    bounds = rasterio.transform.array_bounds(*scene.shape, scene.transform)
    try:
        transform, width, height = calculate_default_transform(
            scene.crs, crs, scene.shape[1], scene.shape[0], *_ordered(bounds), resolution=target
        )
    except RasterioError as error:
        msg = f"{scene.paths[0]} cannot be brought to {crs.to_string()}: {error}"
        raise SceneError(msg) from error
    return WorkGrid(
        shape=(height, width),
        crs=crs,
        transform=transform,
        gsd_m=target,
        is_native=False,
        warnings=notes,
    )


def own_grid(scene: Scene) -> WorkGrid:
    """Return a scene's own pixels as a grid, also where they are not square or not metric."""
    return WorkGrid(
        shape=scene.shape,
        crs=scene.crs,
        transform=scene.transform,
        gsd_m=scene.gsd_m,
        is_native=True,
    )


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


def _check_gsd(scene: Scene, gsd_range_m: tuple[float, float]) -> tuple[str, ...]:
    low, high = gsd_range_m
    if scene.gsd_m > high * COARSE_LIMIT:
        msg = (
            f"{scene.paths[0]} has pixels of {scene.gsd_m:.2f} m; the model works at {low:.2g} to "
            f"{high:.2g} m and cannot see roads in pixels this large. Use finer imagery or a "
            "model trained for it (--model)"
        )
        if scene.pages:
            msg += f". The file has further pages, name one of them: {listed(scene.pages)}"
        raise SceneError(msg)
    if scene.gsd_m > high:
        return (
            f"pixels of {scene.gsd_m:.2f} m are larger than any the model was trained on "
            f"({low:.2g} to {high:.2g} m): expect to miss narrow roads",
        )
    return ()


def _is_metric(scene: Scene) -> bool:
    """Return whether a scene has square pixels in a CRS that is true to scale there, in metres."""
    if not scene.crs.is_projected or scene.crs.linear_units_factor[1] != 1.0:
        return False
    t = scene.transform
    width, height = math.hypot(t.a, t.d), math.hypot(t.b, t.e)
    # A projection that stretches (Web Mercator) is metric in name only.
    true_scale = abs(math.sqrt(abs(t.determinant)) / scene.gsd_m - 1) < 0.02
    return (
        true_scale and abs(height / width - 1) < 0.01 and abs(t.determinant) > 0.99 * width * height
    )


def _ordered(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, bottom, right, top = bounds
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def _metric_crs(scene: Scene) -> CRS:
    """Return the UTM zone of the scene's centre, or the polar projection there."""
    centre = scene.transform @ (scene.shape[1] / 2, scene.shape[0] / 2)
    lon, lat = Transformer.from_crs(scene.crs.to_wkt(), "EPSG:4326", always_xy=True).transform(
        *centre
    )
    return CRS.from_epsg(metric_crs_at(lon, lat).to_epsg())


def _mirror(start: int, n: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return for positions ``start`` to ``start + n`` the mirrored ones in the scene."""
    position = np.arange(int(start), int(start) + int(n))
    period = max(1, 2 * (size - 1))
    folded = np.abs((position + size - 1) % period - (size - 1)) if size > 1 else position * 0
    return folded.astype(np.int64), (position >= 0) & (position < size)


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
