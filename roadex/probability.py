"""Road probability on disk: how it is stored, the tile store, and the finished raster.

Stored values are uint8: ``p = value / 254``; 255 is nodata. The quantum (0.004) is below the noise
of 16-bit arithmetic, and the raster is a quarter of float32.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.shutil import copy as gdal_copy

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.errors import OutputError
from roadex.locations import GDAL_CACHE_BYTES
from roadex.objects import ObjectStore
from roadex.tiles import Tile

_BLOCK_SIZE = 512
_ZSTD_LEVEL = 3  # three times as fast as DEFLATE 6 at the same size
_HEADER = b"roadex1\n"
_CHECKSUM_BYTES = 4


def encode(
    probability: NDArray[np.float32], valid: NDArray[np.bool_] | None = None
) -> NDArray[np.uint8]:
    """Turn probability in [0, 1] into stored values; pixels that are not ``valid`` become 255."""
    stored = np.rint(probability * PROBABILITY_MAX).astype(np.uint8)
    return stored if valid is None else np.where(valid, stored, np.uint8(NODATA))


def decode(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn stored values into probability in [0, 1]; nodata becomes NaN."""
    values = stored.astype(np.float32) / np.float32(PROBABILITY_MAX)
    values[stored == NODATA] = np.nan
    return values


@dataclass(frozen=True, slots=True)
class TileStore:
    """Finished tiles of one run, one object each: what a resumed run does not do again.

    An object holds the stored values of a tile's core, compressed, with a checksum; one that does
    not check counts as missing. Any folder or fsspec URL will do, see :mod:`roadex.objects`.
    """

    url: str

    def write(self, tile: Tile, stored: NDArray[np.uint8]) -> None:
        """Keep a tile; ``stored`` has the shape of its core.

        Raises
        ------
        OutputError
            If the store cannot be written to.
        """
        packed = zlib.compress(np.ascontiguousarray(stored).tobytes(), 1)
        self._objects.put(tile.key, _HEADER + _checksum(packed) + packed)

    def read(self, tile: Tile) -> NDArray[np.uint8] | None:
        """Return a tile's stored values, or None if it is missing or damaged.

        Raises
        ------
        OutputError
            If the store does not answer.
        """
        packed = self._packed(tile)
        if packed is None:
            return None
        stored = np.frombuffer(zlib.decompress(packed), dtype=np.uint8)
        shape = (int(tile.core.height), int(tile.core.width))
        return stored.reshape(shape) if stored.size == shape[0] * shape[1] else None

    def has(self, tile: Tile) -> bool:
        """Return whether a tile is there and undamaged."""
        return self._packed(tile) is not None

    def keys(self) -> set[str]:
        """Return the keys of all tiles that are there, unchecked."""
        return {name for name in self._objects.names() if "." not in name}

    def remove(self) -> None:
        """Delete the store with all its tiles."""
        self._objects.remove()

    @property
    def _objects(self) -> ObjectStore:
        return ObjectStore(self.url)

    def _packed(self, tile: Tile) -> bytes | None:
        content = self._objects.get(tile.key)
        if content is None:
            return None
        start = len(_HEADER) + _CHECKSUM_BYTES
        head, packed = content[:start], content[start:]
        return packed if head == _HEADER + _checksum(packed) else None


def _checksum(packed: bytes) -> bytes:
    return zlib.crc32(packed).to_bytes(_CHECKSUM_BYTES, "big")


@dataclass(frozen=True, slots=True)
class ProbabilityProfile:
    """Grid of a probability raster and what its tags say."""

    shape: tuple[int, int]
    crs: CRS
    transform: Affine
    tags: dict[str, str]


@contextmanager
def probability_writer(
    path: Path, profile: ProbabilityProfile
) -> Iterator[rasterio.io.DatasetWriter]:
    """Write a probability raster block by block; at the end it becomes a COG.

    The raster is first written uncompressed beside its target, then copied into a Cloud Optimized
    GeoTIFF (ZSTD, overviews by averaging) and renamed: an old file stays until the new one is
    whole, and nothing half-written is ever seen.

    Raises
    ------
    OutputError
        If the raster cannot be written.
    """
    plain = path.with_name(f".{path.name}.plain.tif")
    partial = path.with_name(f".{path.name}.partial.tif")
    try:
        with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES, GDAL_NUM_THREADS="ALL_CPUS"):
            with rasterio.open(plain, "w", **_creation(profile)) as raster:
                raster.scales = (1 / PROBABILITY_MAX,)
                raster.descriptions = ("road probability",)
                raster.update_tags(**profile.tags)
                yield raster
            gdal_copy(
                plain,
                partial,
                driver="COG",
                COMPRESS="ZSTD",
                LEVEL=str(_ZSTD_LEVEL),
                BLOCKSIZE=str(_BLOCK_SIZE),
                OVERVIEW_RESAMPLING="AVERAGE",
                BIGTIFF="IF_SAFER",
            )
        partial.replace(path)
    except (OSError, rasterio.errors.RasterioError) as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error
    finally:
        plain.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)


def _creation(profile: ProbabilityProfile) -> dict[str, object]:
    return {
        "driver": "GTiff",
        "height": profile.shape[0],
        "width": profile.shape[1],
        "count": 1,
        "dtype": "uint8",
        "crs": profile.crs,
        "transform": profile.transform,
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": _BLOCK_SIZE,
        "blockysize": _BLOCK_SIZE,
        "BIGTIFF": "IF_SAFER",
    }
