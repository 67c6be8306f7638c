"""Healthy inputs that mutations start from: small files of every form, made on the spot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling

SHAPE = (64, 80)
PLACE = Affine(1, 0, 500_000, 0, -1, 5_400_000)
UTM = "EPSG:32633"
NETWORK = ("unet", {"width": 1 / 64})
"""Smaller than any network of use, and as deep as one."""


def pixels(n_bands: int = 3) -> NDArray[np.uint8]:
    """Return a smooth scene with a grey cross of roads."""
    rng = np.random.default_rng(3)
    coarse = rng.uniform(40, 200, (n_bands, 8, 10))
    image = np.kron(coarse, np.ones((1, 8, 8))) + rng.normal(0, 8, (n_bands, *SHAPE))
    image[:, 28:35] = image[:, :, 40:47] = 170
    return np.clip(image, 1, 254).astype(np.uint8)


def road_mask() -> NDArray[np.uint8]:
    """Return a cross of roads and a ring, 0 and 1."""
    row, col = np.mgrid[: SHAPE[0], : SHAPE[1]]
    ring = np.abs(np.hypot(row - 14, col - 18) - 9) < 2.5
    cross = (np.abs(row - 31) < 3) | (np.abs(col - 43) < 3)
    return (ring | cross).astype(np.uint8)


def write_raster(path: Path, values: NDArray[Any], **profile: Any) -> Path:
    """Write bands ``(C, H, W)`` or one band ``(H, W)``."""
    bands = values if values.ndim == 3 else values[None]
    given = {"driver": "GTiff", "crs": UTM, "transform": PLACE} | profile
    with rasterio.open(
        path, "w", count=len(bands), height=bands.shape[1], width=bands.shape[2], dtype=bands.dtype,
        **given,
    ) as raster:  # fmt: skip
        raster.write(bands)
    return path


def write_scenes(folder: Path) -> list[Path]:
    """Write GeoTIFFs of the forms that users have."""
    rgb = pixels()
    tiled = {"tiled": True, "blockxsize": 32, "blockysize": 32}
    degrees = Affine(1e-5, 0, 15, 0, -1e-5, 48)
    turned = PLACE @ Affine.rotation(20)
    forms: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
        "plain": (rgb, {"photometric": "rgb"}),
        "deflate": (rgb, {"compress": "deflate", "predictor": 2, "photometric": "rgb", **tiled}),
        "lzw": (rgb, {"compress": "lzw", "interleave": "pixel", "photometric": "rgb"}),
        "jpeg": (rgb, {"compress": "jpeg", "photometric": "ycbcr", **tiled}),
        "zstd": (rgb.astype(np.uint16) * 9, {"compress": "zstd", "nodata": 0}),
        "alpha": (pixels(4), {"photometric": "rgb", "alpha": "yes"}),
        "grey": (rgb[0].astype(np.float32) / 255, {"nodata": -9999, "compress": "deflate"}),
        "palette": (rgb[0] // 16, {"photometric": "palette"}),
        "bits": (rgb[0] // 16, {"nbits": 4, "photometric": "miniswhite"}),
        "degrees": (rgb, {"crs": "EPSG:4326", "transform": degrees, "photometric": "rgb"}),
        "turned": (rgb, {"transform": turned, "photometric": "rgb"}),
        "big-endian": (rgb, {"endianness": "BIG", "photometric": "rgb"}),
        "bigtiff": (rgb, {"bigtiff": "YES", "photometric": "rgb"}),
    }
    written = [write_raster(folder / f"{k}.tif", v, **how) for k, (v, how) in forms.items()]
    with rasterio.open(folder / "palette.tif", "r+") as raster:
        raster.write_colormap(1, {i: (16 * i, 8 * i, 255 - 16 * i, 255) for i in range(16)})
    with rasterio.open(folder / "zstd.tif", "r+") as raster:
        raster.build_overviews([2], Resampling.average)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(folder / "lzw.tif", "r+") as raster,
    ):
        raster.write_mask(np.arange(SHAPE[1]) > 8 * np.ones(SHAPE))
    return written


def write_virtual(folder: Path) -> list[Path]:
    """Write virtual rasters over two scenes, of the forms that GDAL makes."""
    west = write_raster(folder / "west.tif", pixels(), photometric="rgb")
    east = write_raster(
        folder / "east.tif", pixels(), transform=PLACE @ Affine.translation(SHAPE[1], 0)
    )
    height, width = SHAPE
    sources = [(west, 0), (east, width)]
    plain, more = (
        [_vrt_band(band, sources, form) for band in (1, 2, 3)] for form in ("Simple", "Complex")
    )
    mask = (
        '<MaskBand><VRTRasterBand dataType="Byte"><SimpleSource><SourceFilename relativeToVRT="1">'
        "west.tif</SourceFilename><SourceBand>mask,1</SourceBand></SimpleSource></VRTRasterBand></MaskBand>"
    )
    source = (
        '<SimpleSource><SourceFilename relativeToVRT="1">west.tif</SourceFilename><SourceBand>1'
        "</SourceBand></SimpleSource>"
    )
    derived = (
        '<VRTRasterBand dataType="Byte" band="1" subClass="VRTDerivedRasterBand">'
        f"<PixelFunctionType>sum</PixelFunctionType>{source}</VRTRasterBand>"
    )
    raw = (
        '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand"><SourceFilename '
        'relativeToVRT="1">west.tif</SourceFilename><ImageOffset>512</ImageOffset><PixelOffset>1'
        f"</PixelOffset><LineOffset>{width}</LineOffset></VRTRasterBand>"
    )
    bodies = {
        "mosaic": "".join(plain), "masked": "".join(plain) + mask, "scaled": "".join(more),
        "derived": derived, "raw": raw,
    }  # fmt: skip
    written = []
    for name, body in bodies.items():
        path = folder / f"{name}.vrt"
        path.write_text(
            f'<VRTDataset rasterXSize="{2 * width}" rasterYSize="{height}"><SRS>{UTM}</SRS>'
            f"<GeoTransform>{PLACE.c}, 1, 0, {PLACE.f}, 0, -1</GeoTransform>{body}</VRTDataset>"
        )
        written.append(path)
    return written


def _vrt_band(band: int, sources: list[tuple[Path, int]], form: str) -> str:
    height, width = SHAPE
    colour = ("Red", "Green", "Blue")[band - 1]
    extra = "<NODATA>0</NODATA><ScaleRatio>1</ScaleRatio>" if form == "Complex" else ""
    parts = "".join(
        f'<{form}Source><SourceFilename relativeToVRT="1">{path.name}</SourceFilename>'
        f"<SourceBand>{band}</SourceBand>"
        f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
        f'<DstRect xOff="{col}" yOff="0" xSize="{width}" ySize="{height}"/>{extra}</{form}Source>'
        for path, col in sources
    )
    return (
        f'<VRTRasterBand dataType="Byte" band="{band}"><NoDataValue>0</NoDataValue><ColorInterp>'
        f"{colour}</ColorInterp>{parts}</VRTRasterBand>"
    )


def write_probabilities(folder: Path) -> list[Path]:
    """Write road probability in the forms that are read: of roadex, of other tools, masks."""
    from scipy.ndimage import gaussian_filter

    mask = road_mask()
    share = gaussian_filter(mask.astype(np.float32), 1).clip(0, 1)
    classes = (mask * 7 + 1).astype(np.uint8)
    forms: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
        "fraction": (share, {"compress": "deflate"}),
        "byte": (np.round(share * 255).astype(np.uint8), {"compress": "lzw"}),
        "percent": (np.round(share * 100).astype(np.uint8), {}),
        "mask": (mask, {"nbits": 1}),
        "classes": (classes, {"nodata": 255}),
        "degrees": (
            mask * 255,
            {"crs": "EPSG:4326", "transform": Affine(1e-5, 0, 15, 0, -1e-5, 48)},
        ),
        "roadex": (np.round(share * 254).astype(np.uint8), {"nodata": 255, "compress": "zstd"}),
    }
    written = [write_raster(folder / f"{k}.tif", v, **how) for k, (v, how) in forms.items()]
    with rasterio.open(folder / "roadex.tif", "r+") as raster:
        raster.scales = (1 / 254,)
        raster.update_tags(ROADEX_THRESHOLDS="0.3 0.5")
    return written


def write_model(folder: Path) -> Path:
    """Write a model with random weights of the smallest network."""
    import torch

    from roadex.models import create_network
    from roadex.models.modelfile import ModelMetadata, save_model

    name, arguments = NETWORK
    torch.manual_seed(0)
    network = create_network(name, **arguments).eval()
    metadata = ModelMetadata(
        name="tiny", network=name, arguments=arguments, gsd_m=1.0, gsd_range_m=(0.7, 1.4),
        training={"data": ["drawn"], "steps": 2}, validation={"iou": 0.5},
    )  # fmt: skip
    return save_model(network, metadata, folder / "tiny.safetensors")


def write_networks(folder: Path) -> list[Path]:
    """Write two neighbouring networks of roadex, each in several formats."""
    import roadex
    from roadex.outputs import write_network

    written = []
    for name, col in (("west", 0), ("east", SHAPE[1] - 4)):
        place = PLACE @ Affine.translation(col, 0)
        network = roadex.vectorize(road_mask().astype(bool), transform=place, crs=UTM)
        for suffix in (".gpkg", ".fgb", ".parquet", ".geojson"):
            path = folder / f"{name}{suffix}"
            write_network(network, path, provenance={"drawn": name}, overwrite=True)
            written.append(path)
    return written


def files_below(folder: Path) -> Iterator[Path]:
    """Yield all files of a folder, in a fixed order."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(root) / name for name in sorted(names))
