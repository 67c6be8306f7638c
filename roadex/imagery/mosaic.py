"""Files of a scene placed on one pixel grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affine import Affine

from roadex.errors import SceneError
from roadex.imagery.containers import listed
from roadex.imagery.members import Member

_OFFSET_TOLERANCE = 0.1
"""Members of a mosaic may be off the common pixel grid by this share of a pixel."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A file and where its first pixel lies in the scene."""

    member: Member
    row: int
    col: int


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Files on one pixel grid; where they overlap the last one with imagery wins."""

    placed: tuple[Placed, ...]
    shape: tuple[int, int]
    transform: Affine
    bands: tuple[int, ...]
    """Band numbers in the files, from 1, in the model's order."""

    @property
    def pixel_type(self) -> str:
        """Data type in which pixels are held."""
        return self.placed[0].member.pixel_type


def join_members(members: Sequence[Member], bands: Sequence[int]) -> Mosaic:
    """Place files on a common pixel grid.

    Raises
    ------
    SceneError
        If they differ in CRS, pixel size, type or bands, or do not share a pixel grid.
    """
    _check_alike(members)
    first = members[0]
    offsets = [_offset(member, first) for member in members]
    row0, col0 = (min(axis) for axis in zip(*offsets, strict=True))
    placed = tuple(
        Placed(member, row - row0, col - col0)
        for member, (row, col) in zip(members, offsets, strict=True)
    )
    height = max(one.row + one.member.shape[0] for one in placed)
    width = max(one.col + one.member.shape[1] for one in placed)
    transform = first.transform @ Affine.translation(col0, row0)
    return Mosaic(placed, (height, width), transform, tuple(bands))


def _offset(member: Member, first: Member) -> tuple[int, int]:
    col, row = ~first.transform @ (member.transform.c, member.transform.f)
    if max(abs(col - round(col)), abs(row - round(row))) > _OFFSET_TOLERANCE:
        msg = (
            f"{member.path} is not on the pixel grid of {first.path} (off by {col % 1:.2f}, "
            f"{row % 1:.2f} px). Run them apart, or resample with `gdalwarp -tap`"
        )
        raise SceneError(msg)
    return round(row), round(col)


def _check_alike(members: Sequence[Member]) -> None:
    """Refuse files that differ in CRS, pixel size, data type or bands."""
    first = members[0]
    there = first.transform
    for member in members[1:]:
        here = member.transform
        pixels = zip(here[:2] + here[3:5], there[:2] + there[3:5], strict=True)
        differences = {
            "CRS": member.crs != first.crs,
            "pixel size": any(abs(a - b) > 1e-6 * abs(there.a or there.b) for a, b in pixels),
            "data type": member.dtype != first.dtype,
            "bands": member.roles != first.roles,
        }
        differing = [what for what, differs in differences.items() if differs]
        if differing:
            msg = (
                f"{member.path} and {first.path} differ in {listed(differing)}; files given "
                "together form one mosaic. Run them apart, or bring them together with `gdalwarp` "
                "first"
            )
            raise SceneError(msg)
