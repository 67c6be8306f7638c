"""The finished probability raster: written block by block, at the end a Cloud Optimized GeoTIFF."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.shutil import copy as gdal_copy

from roadex.config import NODATA, PROBABILITY_MAX
from roadex.errors import OutputError
from roadex.imagery.locations import GDAL_CACHE_BYTES

_BLOCK_SIZE = 512
_ZSTD_LEVEL = 3  # three times as fast as DEFLATE 6 at the same size


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
