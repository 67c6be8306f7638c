"""The work grid: the pixels on which roads are looked for.

North is up, pixels are square, units are metres, and the pixel size suits the model. Where a scene
is like that already (within :data:`NATIVE_TOLERANCE`), the work grid is the scene's own grid and
nothing is resampled. Otherwise the scene is warped on the fly, window by window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import calculate_default_transform

from roadex.errors import SceneError
from roadex.imagery.containers import listed
from roadex.imagery.geodesy import metric_crs_at
from roadex.imagery.scene import Scene
from roadex.imagery.turning import NO_TURN, Turn, turn_of

NATIVE_TOLERANCE = 0.1
"""Scenes whose pixel size is within this share of the model's are not resampled."""

COARSE_LIMIT = 1.5
"""Pixels larger than the model's largest by more than this factor are refused: roads a few pixels
wide vanish, and enlarging does not bring them back."""

_ROUNDING_PX = 1e-6
"""A centre this close to the edge of the imagery lies on it."""


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
    shape = (height, width)
    if crs == scene.crs and turn is not None:
        shape = _with_centres_inside(_ordered(bounds), target)
    return WorkGrid(
        shape=shape,
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


def _with_centres_inside(
    bounds: tuple[float, float, float, float], gsd_m: float
) -> tuple[int, int]:
    """Return the shape of the grid whose pixels have their centres in the imagery.

    A last row or column of which less lies inside would have no data, and roads would end there
    before the edge of the scene.
    """
    left, bottom, right, top = bounds
    height, width = (
        max(1, math.ceil(length / gsd_m - 0.5 - _ROUNDING_PX))
        for length in (top - bottom, right - left)
    )
    return height, width


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
