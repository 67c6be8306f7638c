"""Folders of image and mask pairs: ``sat/``, ``mask/`` and, where given, ``valid/``.

Files belong together by name; a mask is 1 (or more) on roads. This is the layout of the
Massachusetts Roads dataset [1]_, whose masks are lines of constant width (about 7 pixels at 1 m)
along OpenStreetMap centrelines and go on over areas without imagery: ``valid/`` is 1 where imagery
is.

The ground sample distance comes from the georeference where there is one, else from a file
``gsd_m.txt`` in the folder, else it is taken to be 1 m. Sub-folders that hold such pairs (one
folder per region) are searched too.

References
----------
.. [1] V. Mnih, "Machine Learning for Aerial Image Labeling", PhD thesis, Toronto, 2013.
"""

from __future__ import annotations

from pathlib import Path

import rasterio
from pyproj import CRS

from roadex.errors import DatasetError
from roadex.imagery.containers import without_georeference_warning
from roadex.imagery.geodesy import pixel_size
from roadex.training.datasets.labelled import Labelled, LabelledScene

IMAGE_SUFFIXES = (".tif", ".tiff", ".jpg", ".jpeg", ".png")
DEFAULT_GSD_M = 1.0


def recognises(folder: Path) -> bool:
    """Return whether ``folder`` or a sub-folder holds ``sat/`` and ``mask/``."""
    return bool(_regions(folder))


def find(folder: Path, *, bands: tuple[str, ...]) -> list[Labelled]:
    """Return the labelled scenes of ``folder`` and its regions, sorted by region and name."""
    return [scene for region in _regions(folder) for scene in _find_region(region, folder, bands)]


def unmatched_labels(folder: Path) -> list[Path]:
    """Return the masks without an image."""
    return [
        mask
        for region in _regions(folder)
        for mask in image_files(region / "mask")
        if _partner(region / "sat", mask.stem) is None
    ]


def image_files(folder: Path) -> list[Path]:
    """Return the raster files directly in ``folder``, sorted by name."""
    if not folder.is_dir():
        msg = f"{folder} does not exist"
        raise DatasetError(msg)
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)


def _partner(folder: Path, stem: str) -> Path | None:
    candidates = (folder / f"{stem}{suffix}" for suffix in IMAGE_SUFFIXES)
    return next((path for path in candidates if path.exists()), None)


def _regions(folder: Path) -> list[Path]:
    candidates = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    return [path for path in candidates if (path / "sat").is_dir() and (path / "mask").is_dir()]


def _find_region(region: Path, root: Path, bands: tuple[str, ...]) -> list[Labelled]:
    prefix = "" if region == root else f"{region.name}/"
    scenes: list[Labelled] = []
    for image in image_files(region / "sat"):
        mask = _partner(region / "mask", image.stem)
        if mask is None:
            msg = f"{image} has no mask: expected {region / 'mask' / image.stem}.*"
            raise DatasetError(msg)
        scenes.append(
            LabelledScene(
                name=prefix + image.stem,
                image=image,
                mask=mask,
                valid=_partner(region / "valid", image.stem),
                gsd_m=_gsd_m(image, region),
                bands=bands,
            )
        )
    return scenes


def _gsd_m(image: Path, region: Path) -> float:
    with without_georeference_warning(), rasterio.open(image) as raster:
        if raster.crs and not raster.transform.is_identity:
            crs = CRS.from_wkt(raster.crs.to_wkt())
            return pixel_size(raster.transform, crs, raster.shape).gsd_m
    stated = region / "gsd_m.txt"
    return float(stated.read_text()) if stated.exists() else DEFAULT_GSD_M
