"""The work grid: the pixels on which roads are looked for.

North is up, pixels are square, units are metres, and the pixel size suits the model. Where a scene
is like that already (within :data:`NATIVE_TOLERANCE`), the work grid is the scene's own grid and
nothing is resampled. Otherwise the scene is warped on the fly, window by window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform
from rasterio.windows import Window

from roadex.errors import SceneError
from roadex.imagery.scene import Scene

NATIVE_TOLERANCE = 0.1
"""Scenes whose pixel size is within this share of the model's are not resampled."""

COARSE_LIMIT = 1.5
"""Pixels larger than the model's largest by more than this factor are refused: roads a few pixels
wide vanish, and enlarging does not bring them back."""

_STRIP_ROWS = 64
"""Rows of an overview that are read at a time."""

_TOLERANCE_PX = 1e-6
"""Error of warped coordinates, in pixels. With GDAL's default (0.125) a pixel would depend on the
window it is read in. Exactly 0 makes rasterio 1.4 fail where a transform is given."""


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
    fits = abs(scene.gsd_m / target - 1) <= NATIVE_TOLERANCE
    if fits and _is_metric_north_up(scene):
        return WorkGrid(
            shape=scene.shape,
            crs=scene.crs,
            transform=scene.transform,
            gsd_m=scene.gsd_m,
            is_native=True,
            warnings=notes,
        )
    crs = scene.crs if _is_metric_north_up(scene) else _utm(scene)
    bounds = rasterio.transform.array_bounds(*scene.shape, scene.transform)
    transform, width, height = calculate_default_transform(
        scene.crs, crs, scene.shape[1], scene.shape[0], *_ordered(bounds), resolution=target
    )
    return WorkGrid(
        shape=(height, width),
        crs=crs,
        transform=transform,
        gsd_m=target,
        is_native=False,
        warnings=notes,
    )


class GridReader:
    """An open scene on its work grid. Not shared between threads."""

    def __init__(self, scene: Scene, grid: WorkGrid, raster: rasterio.DatasetReader) -> None:
        self._scene = scene
        self._grid = grid
        self._raster = raster

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
        n_bands = len(self._scene.bands)
        try:
            stored = self._raster.read(tuple(range(1, n_bands + 1)), window=part)
            seen = self._raster.read(n_bands + 1, window=part) >= 128
        except RasterioError as error:
            place = f"rows {top} to {top + part.height}, columns {left} to {left + part.width}"
            msg = f"cannot read {self._scene.paths[0]}, {place}: {error}"
            raise SceneError(msg) from error
        if stored.dtype.kind == "f":
            seen &= np.isfinite(stored).all(axis=0)
        image = self._scene.radiometry.apply(stored, seen)
        index = np.ix_(rows - top, cols - left)
        valid = seen[index] & inside_rows[:, None] & inside_cols
        return image[:, index[0], index[1]], valid


@contextmanager
def open_grid(scene: Scene, grid: WorkGrid) -> Iterator[GridReader]:
    """Open a scene on its work grid.

    Raises
    ------
    SceneError
        If the scene cannot be opened any more.
    """
    with _open_raster(scene, grid) as raster:
        yield GridReader(scene, grid, raster)


@contextmanager
def _open_raster(scene: Scene, grid: WorkGrid) -> Iterator[rasterio.DatasetReader]:
    """Open the scene's bands and validity on the work grid, warped where that is needed."""
    with ExitStack() as stack:
        try:
            raster = stack.enter_context(rasterio.open(scene.source))
            if not grid.is_native:
                raster = stack.enter_context(_warped(raster, scene, grid))
        except RasterioError as error:
            msg = f"cannot open {scene.paths[0]}: {error}"
            raise SceneError(msg) from error
        yield raster


def _warped(raster: rasterio.DatasetReader, scene: Scene, grid: WorkGrid) -> WarpedVRT:
    return WarpedVRT(
        raster,
        crs=grid.crs,
        transform=grid.transform,
        height=grid.shape[0],
        width=grid.shape[1],
        resampling=Resampling.average if _shrinks(scene, grid) else Resampling.bilinear,
        src_alpha=len(scene.bands) + 1,
        dtype=scene.dtype,
        tolerance=_TOLERANCE_PX,
    )


def _check_gsd(scene: Scene, gsd_range_m: tuple[float, float]) -> tuple[str, ...]:
    low, high = gsd_range_m
    if scene.gsd_m > high * COARSE_LIMIT:
        msg = (
            f"{scene.paths[0]} has pixels of {scene.gsd_m:.2f} m; the model works at {low:.2g} to "
            f"{high:.2g} m and cannot see roads in pixels this large. Use finer imagery or a "
            "model trained for it (--model)"
        )
        raise SceneError(msg)
    if scene.gsd_m > high:
        return (
            f"pixels of {scene.gsd_m:.2f} m are larger than any the model was trained on "
            f"({low:.2g} to {high:.2g} m): expect to miss narrow roads",
        )
    return ()


def _is_metric_north_up(scene: Scene) -> bool:
    t = scene.transform
    if not scene.crs.is_projected or scene.crs.linear_units_factor[1] != 1.0:
        return False
    north_up = t.b == t.d == 0 and t.a > 0 and t.e < 0
    # A projection that stretches (Web Mercator) is metric in name only.
    true_scale = abs(math.sqrt(abs(t.a * t.e)) / scene.gsd_m - 1) < 0.02
    return north_up and true_scale and abs(abs(t.e) / t.a - 1) < 0.01


def _shrinks(scene: Scene, grid: WorkGrid) -> bool:
    return grid.gsd_m > scene.gsd_m * (1 + NATIVE_TOLERANCE)


def _ordered(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, bottom, right, top = bounds
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def _utm(scene: Scene) -> CRS:
    """Return the UTM zone of the scene's centre."""
    centre = scene.transform @ (scene.shape[1] / 2, scene.shape[0] / 2)
    lon, lat = Transformer.from_crs(scene.crs.to_wkt(), "EPSG:4326", always_xy=True).transform(
        *centre
    )
    zones = query_utm_crs_info("WGS 84", AreaOfInterest(lon, lat, lon, lat))
    if not zones:
        msg = f"{scene.paths[0]} lies at latitude {lat:.1f}, beyond UTM; warp it to a metric CRS"
        raise SceneError(msg)
    return CRS.from_epsg(int(zones[0].code))


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
    height, width = (max(1, round(n * factor)) for n in grid.shape)
    bands = tuple(range(1, len(scene.bands) + 1))
    stored = np.zeros((len(bands), height, width), dtype=scene.dtype)
    valid = np.zeros((height, width), dtype=bool)
    with _open_raster(scene, grid) as raster:
        for first in range(0, height, _STRIP_ROWS):
            rows = slice(first, min(first + _STRIP_ROWS, height))
            size = (rows.stop - first, width)
            window = Window(0, first / factor, grid.shape[1], size[0] / factor)
            try:
                stored[:, rows] = raster.read(bands, window=window, out_shape=(len(bands), *size))
                valid[rows] = raster.read(len(bands) + 1, window=window, out_shape=size) >= 128
            except RasterioError:
                continue
    return scene.radiometry.apply(stored, valid), valid
