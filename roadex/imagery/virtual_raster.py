"""Virtual rasters: one file or many as one GDAL dataset with an explicit band of validity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from xml.sax.saxutils import escape

import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags

from roadex.errors import SceneError

GDAL_TYPES = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "float32": "Float32",
    "float64": "Float64",
}

_OFFSET_TOLERANCE = 0.1
"""Members of a mosaic may be off the common pixel grid by this share of a pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """What matters of one file of a mosaic."""

    path: str
    """As the user gave it."""

    location: str
    """As GDAL opens it from any working directory."""

    shape: tuple[int, int]
    crs: CRS | None
    transform: Affine
    dtype: str
    n_bands: int
    colours: tuple[ColorInterp, ...]
    has_mask: bool
    """Whether nodata, an alpha band or a mask band says where there is imagery."""

    @classmethod
    def of(cls, raster: rasterio.DatasetReader, *, path: str, location: str) -> Self:
        """Describe an open raster."""
        return cls(
            path=path,
            location=location,
            shape=raster.shape,
            crs=raster.crs,
            transform=raster.transform,
            dtype=raster.dtypes[0],
            n_bands=raster.count,
            colours=tuple(raster.colorinterp),
            has_mask=any(MaskFlags.all_valid not in flags for flags in raster.mask_flag_enums),
        )

    def size_and_time(self) -> tuple[int, int]:
        """Return size in bytes and modification time in nanoseconds; zeros for a URL."""
        if self.location.startswith("/vsi"):
            return (0, 0)
        state = Path(self.location).stat()
        return (state.st_size, state.st_mtime_ns)


def virtual_raster(
    members: Sequence[Member], bands: Sequence[int]
) -> tuple[str, tuple[int, int], Affine]:
    """Return a virtual raster as XML text (GDAL opens it like a path), its shape and transform.

    Band ``i`` is ``bands[i - 1]`` of the files; the last band is 255 where a file has imagery.
    A pixel of a file with nodata is without imagery only if *all* its chosen bands are nodata.

    Raises
    ------
    SceneError
        If members differ in CRS, pixel size, type or bands, or do not share a pixel grid.
    """
    first = members[0]
    for member in members[1:]:
        _check_alike(member, first)
    offsets = [_offset(member, first) for member in members]
    row0, col0 = (min(axis) for axis in zip(*offsets, strict=True))
    placed = [
        (member, row - row0, col - col0)
        for member, (row, col) in zip(members, offsets, strict=True)
    ]
    height = max(row + member.shape[0] for member, row, _ in placed)
    width = max(col + member.shape[1] for member, _, col in placed)
    transform = first.transform @ Affine.translation(col0, row0)
    xml = "\n".join(_xml(placed, bands, (height, width), transform))
    return xml, (height, width), transform


def _check_alike(member: Member, first: Member) -> None:
    here, there = member.transform, first.transform
    pixels = zip(here[:2] + here[3:5], there[:2] + there[3:5], strict=True)
    differences = {
        "CRS": member.crs != first.crs,
        "pixel size": any(abs(a - b) > 1e-6 * abs(there.a or there.b) for a, b in pixels),
        "data type": member.dtype != first.dtype,
        "bands": member.colours != first.colours,
    }
    for what, differs in differences.items():
        if differs:
            msg = (
                f"{member.path} and {first.path} differ in {what}; files given together form one "
                "mosaic. Run them apart, or bring them together with `gdalwarp` first"
            )
            raise SceneError(msg)


def _offset(member: Member, first: Member) -> tuple[int, int]:
    col, row = ~first.transform @ (member.transform.c, member.transform.f)
    if max(abs(col - round(col)), abs(row - round(row))) > _OFFSET_TOLERANCE:
        msg = (
            f"{member.path} is not on the pixel grid of {first.path} (off by {col % 1:.2f}, "
            f"{row % 1:.2f} px). Run them apart, or resample with `gdalwarp -tap`"
        )
        raise SceneError(msg)
    return round(row), round(col)


def _xml(
    placed: Sequence[tuple[Member, int, int]],
    bands: Sequence[int],
    shape: tuple[int, int],
    transform: Affine,
) -> Iterator[str]:
    first = placed[0][0]
    assert first.crs is not None  # scenes without CRS were refused
    yield f'<VRTDataset rasterXSize="{shape[1]}" rasterYSize="{shape[0]}">'
    yield f"<SRS>{escape(first.crs.to_wkt())}</SRS>"
    yield f"<GeoTransform>{','.join(repr(v) for v in transform.to_gdal())}</GeoTransform>"
    for i, band in enumerate(bands, start=1):
        yield f'<VRTRasterBand dataType="{GDAL_TYPES[first.dtype]}" band="{i}">'
        for member, row, col in placed:
            yield from _source(member, row, col, str(band), masked=member.has_mask)
        yield "</VRTRasterBand>"
    yield f'<VRTRasterBand dataType="Byte" band="{len(bands) + 1}">'
    yield "<ColorInterp>Alpha</ColorInterp>"
    for member, row, col in placed:
        for band in sorted(set(bands)):
            yield from _source(member, row, col, f"mask,{band}", masked=False, skip_zero=True)
    yield "</VRTRasterBand>"
    yield "</VRTDataset>"


def _source(
    member: Member, row: int, col: int, band: str, *, masked: bool, skip_zero: bool = False
) -> Iterator[str]:
    height, width = member.shape
    yield "<ComplexSource>"
    yield f'<SourceFilename relativeToVRT="0">{escape(member.location)}</SourceFilename>'
    yield f"<SourceBand>{band}</SourceBand>"
    yield f'<SrcRect xOff="0" yOff="0" xSize="{width}" ySize="{height}"/>'
    yield f'<DstRect xOff="{col}" yOff="{row}" xSize="{width}" ySize="{height}"/>'
    if masked:
        yield "<UseMaskBand>true</UseMaskBand>"
    if skip_zero:
        yield "<NODATA>0</NODATA>"
    yield "</ComplexSource>"
