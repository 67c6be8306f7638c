"""One labelled scene: imagery, where its roads are, and where both can be trusted.

Imagery comes through :class:`~roadex.imagery.scene.Scene`, as in a run: bands by name, depth,
stretch, brightening, nodata and alpha are the same whether a network learns from it, is judged on
it or maps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from roadex.errors import DatasetError, SceneError
from roadex.imagery.containers import without_georeference_warning
from roadex.imagery.reader import open_grid
from roadex.imagery.scene import RGB, Scene, open_scene
from roadex.imagery.work_grid import WorkGrid, own_grid

MASK_THRESHOLDS = {"zero-one": 1, "zero-255": 128}
"""How a mask is binarised: road where the stored value is at least this."""

Stretch = tuple[tuple[float, float], ...]
"""See :attr:`~roadex.models.metadata.ModelMetadata.stretch`."""


class Chip(NamedTuple):
    """A window of a labelled scene, all arrays on the same grid."""

    image: NDArray[np.float32]
    """Shape ``(C, h, w)``, 0 to 255, as a network sees it in a run; the scene's mean where there is
    no imagery."""
    road: NDArray[np.bool_]
    """Shape ``(h, w)``; True is road."""
    valid: NDArray[np.bool_]
    """Shape ``(h, w)``; False where there is no imagery or no trustworthy label."""


class Labelled(Protocol):
    """What training and evaluation need of a labelled scene; can be sent to other processes."""

    @property
    def name(self) -> str:
        """What findings and pictures call it."""

    @property
    def gsd_m(self) -> float:
        """Metres per pixel of the labels."""

    @property
    def scene(self) -> Scene:
        """The imagery, for a model to look at."""

    @property
    def grid(self) -> WorkGrid:
        """The grid of the labels, on which it is read."""

    def shape(self) -> tuple[int, int]:
        """Return ``(H, W)`` of that grid."""

    def read(self, window: Window | None = None) -> Chip:
        """Read a window of that grid, or all of it."""

    def files(self) -> tuple[Path, ...]:
        """Return the files that the scene is read from, imagery first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledScene:
    """An image and a mask of the same size; opens nothing until it is read."""

    name: str
    image: Path
    mask: Path
    gsd_m: float
    """Metres per pixel; of images without a georeference it is all that is known."""

    bands: tuple[str, ...] = RGB
    """Names of the bands to look at, in the order of the network."""

    valid: Path | None = None
    mask_threshold: int = MASK_THRESHOLDS["zero-one"]
    stretch: Stretch = ()
    """What the percentiles of an image become that has not 8 bits: that of the model."""

    @property
    def scene(self) -> Scene:
        """The imagery; opened once per process.

        Raises
        ------
        DatasetError
            If it cannot be read, or has not the bands.
        """
        try:
            return _scene(str(self.image), self.bands, self.gsd_m, self.stretch)
        except SceneError as error:
            raise DatasetError(str(error)) from error

    @property
    def grid(self) -> WorkGrid:
        """The pixels of the image file."""
        return own_grid(self.scene)

    def shape(self) -> tuple[int, int]:
        """Return ``(H, W)`` in pixels of the image file."""
        with without_georeference_warning(), _open(self.image) as raster:
            return raster.height, raster.width

    def files(self) -> tuple[Path, ...]:
        """Return image, mask and, where there is one, validity."""
        return (self.image, self.mask, *([] if self.valid is None else [self.valid]))

    def read(self, window: Window | None = None) -> Chip:
        """Read a window (the whole scene if None) of imagery, mask and validity.

        Raises
        ------
        DatasetError
            If a file cannot be read, or mask and image differ in size.
        """
        scene = self.scene
        if window is None:
            window = Window(0, 0, scene.shape[1], scene.shape[0])
        try:
            with open_grid(scene, self.grid) as reader:
                image, seen = reader.read(window)
        except SceneError as error:
            raise DatasetError(str(error)) from error
        with without_georeference_warning():
            valid = seen
            if self.valid is not None:
                valid = seen & (_read_label(self.valid, window, scene.shape) > 0)
            road = _read_label(self.mask, window, scene.shape) >= self.mask_threshold
        return Chip(image, road, valid)


@cache
def _scene(path: str, bands: tuple[str, ...], gsd_m: float, stretch: Stretch) -> Scene:
    return open_scene([path], wanted=bands, stretch=stretch, unplaced_gsd_m=gsd_m)


def _open(path: Path) -> rasterio.DatasetReader:
    try:
        return rasterio.open(path)
    except RasterioIOError as error:
        msg = f"cannot read {path}: {error}"
        raise DatasetError(msg) from error


def _read_label(path: Path, window: Window, shape: tuple[int, int]) -> NDArray[Any]:
    """Read a window of the first band of a raster of ``shape``."""
    with _open(path) as raster:
        if raster.shape != shape:
            msg = (
                f"{path} is {raster.height} x {raster.width} pixels, its image is {shape[0]} x "
                f"{shape[1]}"
            )
            raise DatasetError(msg)
        try:
            stored: NDArray[Any] = raster.read(1, window=window)
        except RasterioIOError as error:
            msg = f"cannot read {path}: {error}"
            raise DatasetError(msg) from error
    return stored
