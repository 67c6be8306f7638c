"""Road probability of many scenes on one grid: what is one network must be traced as one raster.

Of scenes that overlap each pixel is taken from one, never mixed: from that whose borders are
farthest away, because there the network saw most of the surroundings; where that makes no
difference, from the first. Where that one has no imagery the next has it. So a road in an overlap
is there once, and one across a border is one road.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy  # its parts are imported when they are used
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from roadex.config import NODATA
from roadex.errors import SceneError
from roadex.imagery.longitudes import MOST_DEGREES_APART, centre_longitude, degrees_apart
from roadex.probability.regridded import RegriddedSource
from roadex.probability.source import ProbabilitySource, RasterSource

_ALIGNED_PX = 0.01
"""Pixels of two grids closer together than this are the same pixels."""

_DEEP_PX = 512.0
"""Pixels from a border beyond which it makes no difference to what the network sees."""

_GAP_PX = 2
"""Half the width, in pixels, of stripes without data that are filled where scenes have different
grids: a border cuts through pixels of both, and neither may have one."""

_ON_EDGE = 33
"""Places along an edge of a scene whose position on the grid is computed."""


@dataclass(frozen=True, slots=True)
class Part:
    """A scene on the common grid."""

    source: RasterSource | RegriddedSource
    row: int
    """Where its first pixel is."""

    col: int

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """First row and column, and those after the last."""
        height, width = self.source.shape
        return self.row, self.col, self.row + height, self.col + width

    def depth(
        self, rows: NDArray[np.floating[Any]], cols: NDArray[np.floating[Any]]
    ) -> NDArray[np.floating[Any]]:
        """Return how far inside places are: they go by the largest.

        The product of the distances from the borders above and below and from those at the sides,
        so that a border that two scenes have in common decides nothing between them.
        """
        top, left, bottom, right = self.bounds
        from_rows = np.minimum(rows - top, bottom - rows)
        from_cols = np.minimum(cols - left, right - cols)
        inside: NDArray[np.floating[Any]] = np.minimum(from_rows, _DEEP_PX) * np.minimum(
            from_cols, _DEEP_PX
        )
        return inside


@dataclass(frozen=True)
class JoinedSource:
    """Several sources as one; picklable."""

    parts: tuple[Part, ...]
    shape: tuple[int, int]
    transform: Affine
    crs: CRS
    has_gaps_filled: bool = False
    """Whether thin stripes without data are filled, see :data:`_GAP_PX`."""

    @property
    def megapixels(self) -> float:
        """Pixels of all parts, in millions."""
        top, left, bottom, right = self._bounds.T
        return float(((bottom - top) * (right - left)).sum()) / 1e6

    @property
    def sources(self) -> tuple[RasterSource, ...]:
        """The rasters, each on its own grid."""
        seen = (part.source for part in self.parts)
        return tuple(s.source if isinstance(s, RegriddedSource) else s for s in seen)

    @cached_property
    def _bounds(self) -> NDArray[np.int64]:
        return np.array([part.bounds for part in self.parts], dtype=np.int64).reshape(-1, 4)

    @property
    def touch(self) -> bool:
        """Whether any two parts have a common border, or overlap."""
        boxes = self._boxes
        return bool(shapely.STRtree(boxes).query(boxes, "intersects").shape[1] > len(boxes))

    def within(self, row: int, col: int, height: int, width: int) -> JoinedSource:
        """Return the same with those parts alone that a window needs."""
        margin = 2 * _GAP_PX if self.has_gaps_filled else 0
        near = self._near(row - margin, col - margin, height + 2 * margin, width + 2 * margin)
        return replace(self, parts=tuple(self.parts[i] for i in near))

    def read(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        """Return a window inside the grid: 0..254 is probability times 254, 255 is nodata."""
        if not self.has_gaps_filled:
            return self._compose(row, col, height, width)
        margin = 2 * _GAP_PX
        values = self._compose(row - margin, col - margin, height + 2 * margin, width + 2 * margin)
        return _fill_stripes(values)[margin:-margin, margin:-margin]

    def part_at(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the number of the part that has each place, -1 where none has.

        What has no data in it does not count here.
        """
        owner, deepest = np.full(len(rows), -1, dtype=np.int64), np.full(len(rows), -1.0)
        places, parts = shapely.STRtree(self._boxes).query(shapely.points(cols, rows), "intersects")
        for i in np.unique(parts):
            here = places[parts == i]
            depth = self.parts[i].depth(rows[here], cols[here])
            deeper = depth > deepest[here]
            owner[here[deeper]], deepest[here[deeper]] = i, depth[deeper]
        return owner

    @property
    def _boxes(self) -> NDArray[np.object_]:
        top, left, bottom, right = self._bounds.T
        boxes: NDArray[np.object_] = shapely.box(left, top, right, bottom)
        return boxes

    def _near(self, row: int, col: int, height: int, width: int) -> list[int]:
        top, left, bottom, right = self._bounds.T
        touched = (top < row + height) & (bottom > row) & (left < col + width) & (right > col)
        return [int(i) for i in np.flatnonzero(touched)]

    def _compose(self, row: int, col: int, height: int, width: int) -> NDArray[np.uint8]:
        result = np.full((height, width), NODATA, dtype=np.uint8)
        deepest = np.full((height, width), -1.0, dtype=np.float32)
        for i in self._near(row, col, height, width):
            part = self.parts[i]
            top, left, bottom, right = part.bounds
            rows = np.arange(max(top, row), min(bottom, row + height))
            cols = np.arange(max(left, col), min(right, col + width))
            values = part.source.read(rows[0] - top, cols[0] - left, len(rows), len(cols))
            depth = part.depth(rows[:, None] + 0.5, cols[None] + 0.5)
            at = slice(rows[0] - row, rows[-1] + 1 - row), slice(cols[0] - col, cols[-1] + 1 - col)
            taken = (values != NODATA) & (depth > deepest[at])
            result[at][taken], deepest[at][taken] = values[taken], depth[taken]
        return result


def join_sources(sources: Sequence[RasterSource], names: Sequence[str]) -> JoinedSource:
    """Lay sources on one grid: that which most of their pixels have already.

    Parameters
    ----------
    sources
        At least one. Of two that are equally deep in an overlap the first one counts.
    names
        What to call them in errors.

    Raises
    ------
    SceneError
        If they lie too far apart for one CRS.
    """
    _require_one_region(sources, names)
    first = _most_common(sources)
    parts = [_part(source, first) for source in sources]
    bounds = np.array([part.bounds for part in parts])
    top, left = (int(v) for v in bounds[:, :2].min(axis=0))
    bottom, right = (int(v) for v in bounds[:, 2:].max(axis=0))
    return JoinedSource(
        parts=tuple(replace(part, row=part.row - top, col=part.col - left) for part in parts),
        shape=(bottom - top, right - left),
        transform=first.transform @ Affine.translation(left, top),
        crs=first.crs,
        has_gaps_filled=any(isinstance(part.source, RegriddedSource) for part in parts),
    )


def within(
    source: ProbabilitySource, row: int, col: int, height: int, width: int
) -> ProbabilitySource:
    """Return what a window needs of a source: of many scenes a task gets few."""
    return source.within(row, col, height, width) if isinstance(source, JoinedSource) else source


def has_something(source: ProbabilitySource) -> bool:
    """Return whether there can be data: between scenes far apart there is none."""
    return not isinstance(source, JoinedSource) or bool(source.parts)


def _require_one_region(sources: Iterable[RasterSource], names: Sequence[str]) -> None:
    centres = [centre_longitude(s.crs, s.transform, s.shape) for s in sources]
    for longitude, name in zip(centres, names, strict=True):
        apart = degrees_apart(longitude, centres[0])
        if apart > MOST_DEGREES_APART:
            msg = (
                f"{name} lies {apart:.0f} degrees of longitude from {names[0]}: no metric CRS fits "
                "both. Join scenes of one region at a time"
            )
            raise SceneError(msg)


def _most_common(sources: Sequence[RasterSource]) -> RasterSource:
    """Return the first of those sources that together have most pixels on one grid."""
    pixels: Counter[tuple[object, ...]] = Counter()
    for source in sources:
        pixels[_grid_of(source)] += source.shape[0] * source.shape[1]
    grid, _ = pixels.most_common(1)[0]
    return next(source for source in sources if _grid_of(source) == grid)


def _grid_of(source: RasterSource) -> tuple[object, ...]:
    """Return what two sources with the same pixels have in common, nearly always."""
    t = source.transform
    linear = Affine(t.a, t.b, 0.0, t.d, t.e, 0.0)
    phase = (round(v % 1, 2) % 1 for v in ~linear @ (t.c, t.f))
    return source.crs.to_wkt(), *(round(v, 9) for v in linear[:6]), *phase


def _offset(source: RasterSource, grid: RasterSource) -> tuple[int, int] | None:
    """Return row and column of a source on the grid of another, None if it has other pixels."""
    if source.crs != grid.crs:
        return None
    at = ~grid.transform @ source.transform
    height, width = source.shape
    drift = max(abs(at.a - 1), abs(at.d)) * width + max(abs(at.e - 1), abs(at.b)) * height
    row, col = round(at.f), round(at.c)
    off = max(abs(at.f - row), abs(at.c - col))
    return (row, col) if drift + off < _ALIGNED_PX else None


def _part(source: RasterSource, first: RasterSource) -> Part:
    """Return a source on the grid of the first one, counted from its first pixel."""
    offset = _offset(source, first)
    if offset is not None:
        return Part(source, *offset)
    height, width = source.shape
    share = np.linspace(0, 1, _ON_EDGE)
    across, down = np.meshgrid(share * width, share * height)
    # Where the source's pixels lie on the grid of the first: that grid seen from the source.
    seen = RegriddedSource(first, source.shape, source.transform, source.crs)
    rows, cols = seen.in_source(down, across)
    known = np.isfinite(rows) & np.isfinite(cols)
    if not known.any():
        msg = f"{source.path} cannot be brought to {first.crs.name}"
        raise SceneError(msg)
    top, left = (int(np.floor(v[known].min())) - 1 for v in (rows, cols))
    bottom, right = (int(np.ceil(v[known].max())) + 1 for v in (rows, cols))
    transform = first.transform @ Affine.translation(left, top)
    return Part(
        RegriddedSource(source, (bottom - top, right - left), transform, first.crs), top, left
    )


def _fill_stripes(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill nodata that has data within :data:`_GAP_PX` on both sides, by the mean beside it.

    Pixels near the border of the window are not filled as they should be.
    """
    valid, side = values != NODATA, 2 * _GAP_PX + 1
    if valid.all():
        return values
    closed = valid
    for step in (scipy.ndimage.binary_dilation, scipy.ndimage.binary_erosion):
        for shape in ((side, 1), (1, side)):
            closed = step(closed, np.ones(shape, dtype=np.bool_))
    missing = closed & ~valid
    if not missing.any():
        return values
    n_valid, total = (
        _sum_around(v.astype(np.int32), side) for v in (valid, np.where(valid, values, 0))
    )
    mean = ((total + n_valid // 2) // np.maximum(n_valid, 1)).astype(np.uint8)
    return np.where(missing & (n_valid > 0), mean, values)


def _sum_around(values: NDArray[np.int32], side: int) -> NDArray[np.int32]:
    """Return the sum over the square around each pixel, exactly."""
    for axis in (0, 1):
        values = scipy.ndimage.correlate1d(values, np.ones(side), axis=axis, mode="constant")
    return values
