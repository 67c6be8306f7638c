"""Where road probability comes from: rasters of roadex, and masks and rasters of other tools."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.windows import Window

from roadex.config import NODATA, PROBABILITY_MAX, THRESHOLDS_TAG
from roadex.errors import SceneError
from roadex.imagery.containers import only_text, open_location
from roadex.imagery.georeference import parse_crs, require_place
from roadex.probability.values import is_roadex_probability, recognise, seen_values

READINGS = ("roadex", "fraction", "percent", "byte", "mask", "class")
"""How values can be read, see :meth:`RasterSource.open`."""

_READING_OF = {
    "0-1": "mask", "0-255": "mask", "probability": "fraction", "percent": "percent",
    "probability-254": "roadex", "probability-255": "byte",
}  # fmt: skip
"""How to read what :mod:`roadex.probability.values` recognises."""


class ProbabilitySource(Protocol):
    """Road probability that can be read window by window, also in another process."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def transform(self) -> Affine:
        """Pixel to CRS coordinates."""

    @property
    def crs(self) -> CRS:
        """CRS of the grid."""

    def read(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Return a window inside the grid: 0..254 is probability times 254, 255 is nodata."""


@dataclass(frozen=True, slots=True)
class ArraySource:
    """Road probability that is in memory."""

    probability: NDArray[np.uint8]
    transform: Affine
    crs: CRS

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.probability.shape[0], self.probability.shape[1]

    def read(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Return a window."""
        return self.probability[row : row + height, col : col + width]


@dataclass(frozen=True, slots=True)
class RasterSource:
    """Road probability in a raster file; picklable, opened once per process and thread."""

    path: str
    shape: tuple[int, int]
    transform: Affine
    crs: CRS
    reading: str
    """How values are read, one of :data:`READINGS`."""

    class_value: int | None = None
    nodata: float | None = None
    band: int = 1
    certain: float = 0.0
    """Of a mask the value that is certainly road: half of it and more is road. 0 is all but 0."""

    explanation: str = field(default="", compare=False)
    """Why this reading was chosen."""

    thresholds: tuple[float, float] | None = None
    """Low and high threshold of the model that made the raster, where it says so."""

    stamp: str = ""
    """Time and size of a local file, so that a file written anew is opened anew."""

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        reading: str = "auto",
        class_value: int | None = None,
        band: int = 1,
    ) -> RasterSource:
        """Look at a raster and decide how its values are to be read.

        Parameters
        ----------
        path
            Anything GDAL opens, with a CRS.
        reading
            ``roadex``: uint8, probability times 254, 255 is nodata. ``fraction``: 0..1.
            ``percent``: 0..100. ``byte``: 0..255. ``mask``: 0 or not. ``class``: equal to
            ``class_value`` or not. ``auto``: ``class`` if there is a class value, ``roadex`` if
            the band carries its scale, else from the data type and a sample of the values.
        class_value
            The value that is road.
        band
            Number of the band, from 1.

        Raises
        ------
        SceneError
            If the raster cannot be opened, has no CRS, or its values make no sense.
        """
        try:
            with open_location(str(path)) as raster, only_text(str(path)):
                return cls._describe(raster, str(path), reading, class_value, band)
        except rasterio.errors.RasterioError as error:
            msg = f"cannot open {path}: {error}"
            raise SceneError(msg) from error

    @classmethod
    def _describe(
        cls, raster: Any, path: str, reading: str, class_value: int | None, band: int
    ) -> RasterSource:
        require_place(raster, path)
        if not 1 <= band <= raster.count:
            msg = f"{path} has no band {band}, only 1 to {raster.count}"
            raise SceneError(msg)
        reason, certain = "as asked for", 0.0
        if reading == "auto":
            reading, reason, certain = _recognise(raster, path, class_value, band)
        if reading not in READINGS or (reading == "class") != (class_value is not None):
            msg = f"{path}: unknown way to read values {reading!r} (class value {class_value})"
            raise SceneError(msg)
        return cls(
            path=path,
            shape=(raster.height, raster.width),
            transform=raster.transform,
            crs=parse_crs(raster.crs.to_wkt(), path),
            reading=reading,
            class_value=class_value,
            nodata=raster.nodatavals[band - 1],
            band=band,
            certain=certain,
            explanation=reason,
            thresholds=_thresholds(raster.tags()) if reading == "roadex" else None,
            stamp=_stamp(path),
        )

    def read(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Return a window inside the raster as probability, 0..254 and 255 for nodata."""
        try:
            values = _handle(self.path, self.stamp, threading.get_ident()).read(
                self.band, window=Window(col, row, width, height)
            )
        except rasterio.errors.RasterioError as error:
            msg = f"{self.path}, row {row} column {col}: {error}"
            raise SceneError(msg) from error
        return self._to_probability(values)

    def _to_probability(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        if self.reading == "roadex":
            return np.asarray(values, dtype=np.uint8)
        if self.reading in ("mask", "class"):
            road = (values >= self.certain / 2) & (values != 0)
            if self.reading == "class":
                road = values == self.class_value
            result = np.where(road, np.uint8(PROBABILITY_MAX), np.uint8(0))
        else:
            full = {"fraction": 1.0, "percent": 100.0, "byte": 255.0}[self.reading]
            share = np.nan_to_num(values.astype(np.float32) / np.float32(full)).clip(0, 1)
            result = np.rint(share * PROBABILITY_MAX).astype(np.uint8)
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, np.bool_)
        # Masks of other tools often declare 0, "not road", to be nodata; that changes nothing.
        if self.nodata is not None and not np.isnan(self.nodata) and self.nodata != 0:
            missing |= values == self.nodata
        result[missing] = NODATA
        return result


@lru_cache(maxsize=32)
def _handle(path: str, stamp: str, thread: int) -> Any:  # noqa: ARG001 - they tell handles apart
    """Open a raster once per process and thread: a GDAL handle belongs to one thread."""
    return open_location(path)


def model_thresholds(path: str | Path) -> tuple[float, float] | None:
    """Return the low and high threshold of the model that made a raster, where it says so."""
    with open_location(str(path)) as raster:
        return _thresholds(raster.tags())


def _thresholds(tags: Mapping[str, str]) -> tuple[float, float] | None:
    if THRESHOLDS_TAG not in tags:
        return None
    low, high = tags[THRESHOLDS_TAG].split()
    return float(low), float(high)


def _stamp(path: str) -> str:
    file = Path(path)
    return f"{file.stat().st_mtime_ns} {file.stat().st_size}" if file.exists() else ""


def _recognise(
    raster: Any, path: str, class_value: int | None, band: int
) -> tuple[str, str, float]:
    """Return how the values of a band are to be read, why, and what is certainly road."""
    if class_value is not None:
        return "class", f"pixels of class {class_value}", 0.0
    if is_roadex_probability(raster, band):
        return "roadex", "the band's scale is 1/254", 0.0
    encoding, reason = recognise(seen_values([path], band), is_truth=False)
    if encoding is None:
        msg = f"{path}: {reason}. For a class raster name the class that is road"
        raise SceneError(msg)
    return _READING_OF[encoding.name], reason, encoding.certain
