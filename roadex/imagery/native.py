"""A scene's own pixels: one file or many, read as one array with the bands a model takes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from roadex.errors import SceneError
from roadex.imagery.containers import open_location
from roadex.imagery.locations import public_name
from roadex.imagery.members import Member
from roadex.imagery.mosaic import Mosaic, Placed
from roadex.imagery.validity import Sampled, Validity

_OPEN_FILES = 64
"""Files of a mosaic a reader keeps open."""

_STRIP_ROWS = 64
"""Rows of an overview that are read at a time."""


class NativeReader:
    """An open mosaic. Not shared between threads."""

    def __init__(self, mosaic: Mosaic, validity: Validity) -> None:
        self._mosaic = mosaic
        self._validity = validity
        self._open: OrderedDict[int, rasterio.DatasetReader] = OrderedDict()

    def read(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read a window inside the scene.

        Returns
        -------
        pixels
            Shape ``(C, h, w)``, stored values in the mosaic's pixel type.
        valid
            Bool, shape ``(h, w)``: where there is imagery, see :mod:`roadex.imagery.validity`.

        Raises
        ------
        SceneError
            If a file cannot be read.
        """
        margin = self._validity.margin
        part = self.look(_grown(window, margin))
        valid = self._validity.of(part)
        inner = (
            slice(margin, margin + int(window.height)),
            slice(margin, margin + int(window.width)),
        )
        return part.pixels[(slice(None), *inner)], valid[inner]

    def look(self, window: Window, *, alpha: int | None = None) -> Sampled:
        """Read a window, which may leave the scene, without deciding what is imagery.

        ``alpha`` is the band to read as alpha, if not the one of the rule for validity.
        """
        height, width = int(window.height), int(window.width)
        pixels = np.zeros((len(self._mosaic.bands), height, width), dtype=self._mosaic.pixel_type)
        seen = np.zeros((height, width), dtype=bool)
        outside = np.ones((height, width), dtype=bool)
        alpha = alpha if alpha is not None else self._validity.alpha
        transparency: NDArray[np.generic] | None = None
        for i, placed in enumerate(self._mosaic.placed):
            here = _intersection(placed, window)
            if here is None:
                continue
            rows, cols, part = here
            new = self._read_member(i, part, alpha)
            outside[rows, cols] &= new.outside
            # A file without imagery at a pixel does not hide one below it.
            wins = new.seen & ~self._is_fill(new.pixels)
            if new.alpha is not None:
                wins &= self._validity.opaque(new.alpha)
                if transparency is None:
                    transparency = np.zeros((height, width), dtype=new.alpha.dtype)
            wins |= ~seen[rows, cols] & ~new.outside
            if wins.all():
                pixels[:, rows, cols] = new.pixels
            else:
                pixels[:, rows, cols][:, wins] = new.pixels[:, wins]
            seen[rows, cols] |= new.seen & wins
            if new.alpha is not None and transparency is not None:
                transparency[rows, cols][wins] = new.alpha[wins]
        return Sampled(pixels, seen, transparency, outside)

    def overview(self, shape: tuple[int, int]) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Read the whole scene reduced to ``shape``; what cannot be read is without imagery."""
        pixels = np.zeros((len(self._mosaic.bands), *shape), dtype=self._mosaic.pixel_type)
        valid = np.zeros(shape, dtype=bool)
        row_scale, col_scale = (s / n for s, n in zip(shape, self._mosaic.shape, strict=True))
        half = max(1, round(self._validity.half_width * min(row_scale, col_scale)))
        rule = replace(self._validity, half_width=half)
        for i, placed in enumerate(self._mosaic.placed):
            height, width = placed.member.shape
            top, left = round(placed.row * row_scale), round(placed.col * col_scale)
            bottom = max(top + 1, round((placed.row + height) * row_scale))
            right = max(left + 1, round((placed.col + width) * col_scale))
            for first in range(top, bottom, _STRIP_ROWS):
                rows = slice(first, min(first + _STRIP_ROWS, bottom))
                start = (rows.start - top) * height / (bottom - top)
                size = (rows.stop - rows.start) * height / (bottom - top)
                out = (rows.stop - rows.start, right - left)
                try:
                    new = self._read_member(i, Window(0, start, width, size), rule.alpha, out)
                except SceneError:
                    continue
                seen = rule.of(new)
                cols = slice(left, right)
                pixels[:, rows, cols][:, seen] = new.pixels[:, seen]
                valid[rows, cols] |= seen
        return pixels, valid

    def close(self) -> None:
        """Close the files."""
        while self._open:
            self._open.popitem()[1].close()

    def _is_fill(self, pixels: NDArray[np.generic]) -> NDArray[np.bool_]:
        found = np.zeros(pixels.shape[1:], dtype=bool)
        for fill in self._validity.fills:
            found |= fill.matches(pixels)
        return found

    def _read_member(
        self, i: int, part: Window, alpha: int | None, out: tuple[int, int] | None = None
    ) -> Sampled:
        member = self._mosaic.placed[i].member
        try:
            return _read(self._raster(i), member, self._mosaic.bands, part, alpha, out)
        except RasterioError as error:
            place = (
                f"rows {part.row_off} to {part.row_off + part.height}, columns {part.col_off} to "
                f"{part.col_off + part.width}"
            )
            reason = public_name(str(error.__cause__ or error))
            msg = f"cannot read {member.path}, {place}: {reason}"
            raise SceneError(msg) from error

    def _raster(self, i: int) -> rasterio.DatasetReader:
        """Return an open file of the mosaic; the one not used for longest is closed."""
        if i not in self._open:
            if len(self._open) == _OPEN_FILES:
                self._open.popitem(last=False)[1].close()
            self._open[i] = open_location(self._mosaic.placed[i].member.location)
        self._open.move_to_end(i)
        return self._open[i]


@contextmanager
def open_native(mosaic: Mosaic, validity: Validity) -> Iterator[NativeReader]:
    """Open a mosaic; its files are opened as they are needed."""
    reader = NativeReader(mosaic, validity)
    try:
        yield reader
    finally:
        reader.close()


def _read(
    raster: rasterio.DatasetReader,
    member: Member,
    bands: Sequence[int],
    part: Window,
    alpha: int | None,
    out: tuple[int, int] | None,
) -> Sampled:
    """Read a window of a file; ``out`` is the size to reduce it to, None its own."""
    shape = out or (int(part.height), int(part.width))
    covered = _covered(member, part, shape)
    seen = covered.copy()
    if member.has_mask:
        of_bands = [1] if member.palette is not None else sorted(set(bands))
        masks = raster.read_masks(of_bands, window=part, out_shape=(len(of_bands), *shape))
        seen &= (masks > 0).any(axis=0)
    if member.palette is not None:
        index = raster.read(1, window=part, out_shape=shape)
        colours = member.colours(index)
        seen &= colours[3] > 0
        if member.nodata[0] is not None:
            seen &= index != member.nodata[0]
        return Sampled(colours[[band - 1 for band in bands]], seen, None, ~covered)
    unique = sorted(set(bands) | ({alpha} if alpha else set()))
    stored = raster.read(unique, window=part, out_shape=(len(unique), *shape))
    pixels = member.pixels(stored[[unique.index(band) for band in bands]])
    if pixels.dtype.kind == "f":
        seen &= np.isfinite(pixels).all(axis=0)
        pixels[np.isnan(pixels)] = np.nan  # damaged files hold NaN that signal when computed with
    return Sampled(pixels, seen, stored[unique.index(alpha)] if alpha else None, ~covered)


def _covered(member: Member, part: Window, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels of a window, perhaps reduced to ``shape``, a file has sources for."""
    if member.covered is None:
        return np.ones(shape, dtype=bool)
    result = np.zeros(shape, dtype=bool)
    down, across = shape[0] / part.height, shape[1] / part.width
    for rect in member.covered:
        rows = [round((v - part.row_off) * down) for v in (rect.row, rect.row + rect.height)]
        cols = [round((v - part.col_off) * across) for v in (rect.col, rect.col + rect.width)]
        result[max(rows[0], 0) : max(rows[1], 0), max(cols[0], 0) : max(cols[1], 0)] = True
    return result


def beyond_edges(window: Window, shape: tuple[int, int], margin: int) -> Window:
    """Return a window with ``margin`` pixels more where it ends at the edge of its scene."""
    top = margin if window.row_off == 0 else 0
    left = margin if window.col_off == 0 else 0
    bottom = margin if window.row_off + window.height == shape[0] else 0
    right = margin if window.col_off + window.width == shape[1] else 0
    return Window(
        window.col_off - left,
        window.row_off - top,
        window.width + left + right,
        window.height + top + bottom,
    )


def _grown(window: Window, margin: int) -> Window:
    return Window(
        window.col_off - margin,
        window.row_off - margin,
        window.width + 2 * margin,
        window.height + 2 * margin,
    )


def _intersection(placed: Placed, window: Window) -> tuple[slice, slice, Window] | None:
    """Return the rows and columns of a window that a file has, and its own window for them."""
    top, left = placed.row - int(window.row_off), placed.col - int(window.col_off)
    height, width = placed.member.shape
    rows = slice(max(top, 0), min(top + height, int(window.height)))
    cols = slice(max(left, 0), min(left + width, int(window.width)))
    if rows.start >= rows.stop or cols.start >= cols.stop:
        return None
    part = Window(
        cols.start - left, rows.start - top, cols.stop - cols.start, rows.stop - rows.start
    )
    return rows, cols, part
