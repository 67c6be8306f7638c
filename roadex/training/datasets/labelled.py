"""One labelled scene: an image, where its roads are, and where both can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from roadex.errors import DatasetError
from roadex.imagery.containers import without_georeference_warning

MASK_THRESHOLDS = {"zero-one": 1, "zero-255": 128}
"""How a mask is binarised: road where the stored value is at least this."""


class Chip(NamedTuple):
    """A window of a labelled scene, all arrays on the same grid."""

    image: NDArray[np.uint8]
    """Shape ``(C, h, w)``, 0 to 255."""
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
        """Metres per pixel."""

    def shape(self) -> tuple[int, int]:
        """Return ``(H, W)`` in pixels."""

    def read(self, window: Window | None = None) -> Chip:
        """Read a window, or the whole scene."""

    def files(self) -> tuple[Path, ...]:
        """Return the files that the scene is read from, imagery first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledScene:
    """An image and a mask of the same size; opens nothing until it is read."""

    name: str
    image: Path
    mask: Path
    gsd_m: float
    valid: Path | None = None
    mask_threshold: int = MASK_THRESHOLDS["zero-one"]

    def shape(self) -> tuple[int, int]:
        """Return ``(H, W)`` in pixels of the image file."""
        with without_georeference_warning(), _open(self.image) as raster:
            return raster.height, raster.width

    def files(self) -> tuple[Path, ...]:
        """Return image, mask and, where there is one, validity."""
        return (self.image, self.mask, *([] if self.valid is None else [self.valid]))

    def read(self, window: Window | None = None) -> Chip:
        """Read a window (the whole scene if None) of image, mask and validity.

        Raises
        ------
        DatasetError
            If a file cannot be read, or mask and image differ in size.
        """
        with without_georeference_warning():
            image, size = _read(self.image, window, bands=(1, 2, 3))
            mask, mask_size = _read(self.mask, window, bands=(1,))
            _check_size(self.mask, mask_size, size)
            valid = np.ones(mask.shape[1:], dtype=bool)
            if self.valid is not None:
                stored, valid_size = _read(self.valid, window, bands=(1,))
                _check_size(self.valid, valid_size, size)
                valid = stored[0] > 0
        return Chip(image, mask[0] >= self.mask_threshold, valid)


def _open(path: Path) -> rasterio.DatasetReader:
    try:
        return rasterio.open(path)
    except RasterioIOError as error:
        msg = f"cannot read {path}: {error}"
        raise DatasetError(msg) from error


def _read(
    path: Path, window: Window | None, *, bands: tuple[int, ...]
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    with _open(path) as raster:
        if raster.count < len(bands):
            msg = f"{path} has {raster.count} band(s), {len(bands)} needed"
            raise DatasetError(msg)
        try:
            return raster.read(bands, window=window), raster.shape
        except RasterioIOError as error:
            msg = f"cannot read {path}: {error}"
            raise DatasetError(msg) from error


def _check_size(path: Path, size: tuple[int, int], expected: tuple[int, int]) -> None:
    if size != expected:
        msg = f"{path} is {size[0]} x {size[1]} pixels, its image is {expected[0]} x {expected[1]}"
        raise DatasetError(msg)
