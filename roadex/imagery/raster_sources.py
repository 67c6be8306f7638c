"""The files a virtual raster is made of: whether they are there, and what they cover."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import rasterio
from rasterio.errors import RasterioError

from roadex.errors import SceneError
from roadex.imagery.containers import listed, open_location
from roadex.imagery.locations import gdal_location, is_virtual, public_name

_DEEPEST = 8
"""Virtual rasters in one another; a deeper nest is refused."""

_SOURCES = (
    "SimpleSource",
    "ComplexSource",
    "AveragedSource",
    "KernelFilteredSource",
    "ArraySource",
)


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Part of a raster in its pixels."""

    row: int
    col: int
    height: int
    width: int


def check_sources(
    raster: rasterio.DatasetReader, name: str, *, trusted_folder: str | None = None
) -> None:
    """Refuse a virtual raster whose sources are not there.

    Parameters
    ----------
    raster
        An open raster; one that is not virtual passes.
    name
        As the user gave it.
    trusted_folder
        If given, every source has to lie in this folder.

    Raises
    ------
    SceneError
        If files are missing, leave the folder, or virtual rasters are nested without end.
    """
    found = list(_sources(raster, name, 0))
    if trusted_folder is not None:
        inside = os.path.realpath(trusted_folder) + os.sep
        outside = [source for source in found if not _is_in(source, inside)]
        if outside:
            msg = (
                f"{name} reads {public_name(outside[0])}, which is outside of its folder; with "
                "--trusted-inputs-only that is refused. Copy what it needs beside it"
            )
            raise SceneError(msg)
    missing = [s for s in found if not is_virtual(s) and not os.path.exists(s)]  # noqa: PTH110
    if missing:
        msg = (
            f"{name} is made of {len(found)} files, and {len(missing)} of them are missing: "
            f"{listed(missing)}. Put them back, or build the virtual raster again"
        )
        raise SceneError(msg)


def coverage(raster: rasterio.DatasetReader) -> tuple[Rectangle, ...] | None:
    """Return what the sources of a virtual raster cover; None if it has no sources or no gaps."""
    root = _described(raster)
    band = None if root is None else root.find("VRTRasterBand")
    if band is None or root is None or root.get("subClass"):
        return None
    placed = [source.find("DstRect") for kind in _SOURCES for source in band.findall(kind)]
    if not placed or any(rect is None for rect in placed):
        return None
    rectangles = tuple(_rectangle(rect, raster.shape) for rect in placed if rect is not None)
    whole = Rectangle(0, 0, *raster.shape)
    return None if whole in rectangles else rectangles


def _is_in(source: str, folder: str) -> bool:
    return not is_virtual(source) and os.path.realpath(source).startswith(folder)


def _resolved(text: str, folder: str) -> str:
    if text.lstrip().startswith("<"):  # a virtual raster within the text of this one
        return text
    return os.path.normpath(os.path.join(folder, text)) if folder else gdal_location(text)  # noqa: PTH118


def _rectangle(rect: ET.Element, shape: tuple[int, int]) -> Rectangle:
    left, top, width, height = (float(rect.get(k, "0")) for k in ("xOff", "yOff", "xSize", "ySize"))
    rows = [min(max(round(v), 0), shape[0]) for v in (top, top + height)]
    cols = [min(max(round(v), 0), shape[1]) for v in (left, left + width)]
    return Rectangle(rows[0], cols[0], rows[1] - rows[0], cols[1] - cols[0])


def _described(raster: rasterio.DatasetReader) -> ET.Element | None:
    """Return the description of a virtual raster, as GDAL writes it; None for other rasters."""
    text = raster.tags(ns="xml:VRT").get("xml:VRT") if raster.driver == "VRT" else None
    return None if text is None else ET.fromstring(text)


def _sources(raster: rasterio.DatasetReader, name: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        msg = f"{name}: virtual rasters are nested more than {_DEEPEST} deep"
        raise SceneError(msg)
    root = _described(raster)
    if root is None:
        return
    folder = os.path.dirname(raster.name)  # noqa: PTH120 - may be no path of this machine
    named = {
        (element.text or "", element.get("relativeToVRT") == "1")
        for tag in ("SourceFilename", "SourceDataset")
        for element in root.iter(tag)
    }
    for text, is_relative in sorted(named):
        location = _resolved(text, folder if is_relative else "")
        yield location
        if location.lower().endswith(".vrt") and os.path.exists(location):  # noqa: PTH110
            try:
                with open_location(location) as nested:
                    yield from _sources(nested, name, depth + 1)
            except RasterioError as error:
                msg = f"{name} is made of {public_name(location)}, which cannot be read ({error})"
                raise SceneError(msg) from error
