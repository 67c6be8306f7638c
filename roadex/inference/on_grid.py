"""Road probability of a scene on a grid that is not the one the network looks at.

Labels and benchmark images keep their own pixels; the network sees the scene at the pixel size of
the model, as in a run, and its probability is brought back.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window
from rasterio.windows import bounds as window_bounds
from rasterio.windows import transform as window_transform

from roadex.imagery.reader import open_grid
from roadex.imagery.scene import Scene
from roadex.imagery.work_grid import NATIVE_TOLERANCE, WorkGrid
from roadex.inference.engine import Predictor

_MARGIN_PX = 2
"""Pixels around what is asked for, so that interpolation has neighbours."""


def predict_on_grid(
    predictor: Predictor,
    scene: Scene,
    grid: WorkGrid,
    target: WorkGrid,
    *,
    window: Window | None = None,
) -> NDArray[np.float32]:
    """Predict a scene on ``grid`` and return its probability on ``target``.

    Parameters
    ----------
    predictor
        The network.
    scene
        What it looks at.
    grid
        The work grid for the model, see :func:`roadex.imagery.work_grid.plan_grid`.
    target
        The grid of the result.
    window
        Rows and columns of ``target``; all if None.

    Returns
    -------
    probability
        Float32, shape ``(h, w)``, in [0, 1].
    """
    if window is None:
        window = Window(0, 0, target.shape[1], target.shape[0])
    is_same = target.transform == grid.transform and target.crs == grid.crs
    seen = window if is_same else _covering(window, target, grid)
    with open_grid(scene, grid) as reader:
        probability = predictor.predict_window(reader, seen).probability
    return probability if is_same else _resampled(probability, seen, grid, window, target)


def _covering(window: Window, target: WorkGrid, grid: WorkGrid) -> Window:
    """Return the window of ``grid`` that covers one of ``target``, with a margin."""
    bounds = window_bounds(window, target.transform)
    left, bottom, right, top = transform_bounds(target.crs, grid.crs, *bounds)
    corners = [~grid.transform @ corner for corner in ((left, top), (right, bottom))]
    cols, rows = zip(*corners, strict=True)
    col, row = (math.floor(min(ends)) - _MARGIN_PX for ends in (cols, rows))
    last_col, last_row = (math.ceil(max(ends)) + _MARGIN_PX for ends in (cols, rows))
    return Window(col, row, last_col - col, last_row - row)


def _resampled(
    probability: NDArray[np.float32],
    seen: Window,
    grid: WorkGrid,
    window: Window,
    target: WorkGrid,
) -> NDArray[np.float32]:
    result = np.zeros((int(window.height), int(window.width)), dtype=np.float32)
    shrinks = target.gsd_m > grid.gsd_m * (1 + NATIVE_TOLERANCE)
    reproject(
        probability,
        result,
        src_transform=window_transform(seen, grid.transform),
        src_crs=grid.crs,
        dst_transform=window_transform(window, target.transform),
        dst_crs=target.crs,
        resampling=Resampling.average if shrinks else Resampling.bilinear,
    )
    return result.clip(0, 1)
