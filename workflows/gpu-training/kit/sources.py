"""Read the datasets that :mod:`pack` packs and ``benchmarks/regions.py`` measures; needs rasterio.

Layouts: folders with ``sat/`` and ``mask/`` (and perhaps ``valid/`` and ``gsd_m.txt``) whose files
belong together by name, and DeepGlobe's ``ID_sat.jpg``, ``ID_mask.png``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from kit.places import IGNORED, OTHER, ROAD, Place

SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset and how its labels are used."""

    set_name: str
    folder: str
    """Below the root of the data."""

    gsd_m: float = 1.0
    """Metres per pixel where neither a georeference nor ``gsd_m.txt`` says it."""

    widen_px: int = 0
    """Roads are made wider by this much on each side: labels that are thinner than the roads."""

    ignore_px: int = 0
    """Pixels beside the (widened) roads that are neither learned nor counted."""

    every: int = 1
    """Only every n-th image, in the order of names."""


TRAINING = (
    Source("train/massachusetts", "massachusetts/train", every=2),
    Source("train/massachusetts-crops", "massachusetts/crops"),
    *(Source("train/dubai", f"dubai/tile_{tile}", gsd_m=0.8) for tile in (1, 2, 3, 5, 6)),
    Source("train/vegas", "foreign/vegas/train", widen_px=1, ignore_px=3),
    Source("train/shanghai", "foreign/shanghai/train", widen_px=1, ignore_px=3),
    Source("train/japan", "foreign/japan/train"),
    Source("train/drawn", "foreign/drawn/train"),
)
"""What may be learned from."""

VALIDATION = (
    Source("val/massachusetts", "massachusetts/val"),
    Source("val/dubai", "dubai/tile_8", gsd_m=0.8),
    Source("val/deepglobe", "foreign/deepglobe40", gsd_m=0.5),
    Source("val/vegas", "foreign/vegas/val"),
    Source("val/shanghai", "foreign/shanghai/val"),
    Source("val/japan", "foreign/japan/val"),
    Source("val/czech", "foreign/czech/val"),
    Source("val/drawn", "foreign/drawn/val"),
)
"""What models are judged by; nothing of it is learned from."""


def read_source(root: Path, source: Source) -> Iterator[Place]:
    """Yield the labelled images of a dataset at their own pixel size."""
    folder = root / source.folder
    for image, mask, valid in list(_files(folder))[:: source.every]:
        pixels, gsd_m = _read(image)
        road = _widen(_read(mask)[0][..., 0] > _road_above(mask), source.widen_px)
        trusted = np.ones(road.shape, bool) if valid is None else _read(valid)[0][..., 0] > 0
        if pixels.shape[-1] > 3:  # the band of validity of an RGBA image
            trusted &= pixels[..., 3] > 0
        trusted &= road | ~_widen(road, source.ignore_px)
        label = np.where(trusted, np.where(road, ROAD, OTHER), IGNORED).astype(np.uint8)
        name = f"{folder.name}_{image.stem}" if "dubai" in source.folder else image.stem
        image_rgb = np.ascontiguousarray(pixels[..., :3])
        yield Place(source.set_name, name, image_rgb, label, gsd_m or _stated(folder, source))


def _files(folder: Path) -> Iterator[tuple[Path, Path, Path | None]]:
    if not (folder / "sat").is_dir():
        for image in sorted(folder.glob("*_sat.jpg")):
            yield image, image.with_name(image.name.replace("_sat.jpg", "_mask.png")), None
        return
    for image in sorted(path for path in (folder / "sat").iterdir() if path.suffix in SUFFIXES):
        mask = _partner(folder / "mask", image.stem)
        if mask is None:
            msg = f"{image} has no mask in {folder / 'mask'}"
            raise SystemExit(msg)
        yield image, mask, _partner(folder / "valid", image.stem)


def _partner(folder: Path, stem: str) -> Path | None:
    return next((p for s in SUFFIXES if (p := folder / f"{stem}{s}").exists()), None)


def _road_above(mask: Path) -> int:
    # DeepGlobe masks come from JPEG: grey values around 0 and 255.
    return 127 if mask.name.endswith("_mask.png") else 0


def _read(path: Path) -> tuple[NDArray[np.uint8], float | None]:
    """Return ``(H, W, C)`` and the metres per pixel where the file has a position."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as raster:
            gsd_m = abs(raster.transform.a) if raster.crs else None
            bands = np.moveaxis(raster.read(), 0, -1)
            if bands.shape[-1] == 3:
                bands = np.dstack([bands, raster.dataset_mask()])
    return bands, gsd_m


def _stated(folder: Path, source: Source) -> float:
    path = folder / "gsd_m.txt"
    return float(path.read_text().split()[0]) if path.exists() else source.gsd_m


def _widen(road: NDArray[np.bool_], radius_px: int) -> NDArray[np.bool_]:
    """Return what is within a square of ``radius_px`` of a road."""
    height, width = road.shape
    for axis, length in ((0, height), (1, width)):
        padded = np.pad(road, [(radius_px, radius_px) if a == axis else (0, 0) for a in (0, 1)])
        shifts = range(2 * radius_px + 1)
        road = np.any([padded.take(range(s, s + length), axis) for s in shifts], axis=0)
    return road
