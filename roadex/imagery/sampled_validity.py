"""How a scene tells imagery from none, decided from a sample of windows.

Fills that nobody declares are found here, and each fill is judged: whether imagery has its colour
too, and whether compression has smeared it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy  # its parts are imported when they are used
from numpy.typing import NDArray

from roadex.imagery.validity import (
    WIDE_M,
    Fill,
    Sampled,
    Validity,
    as_stored,
    half_width,
    type_limits,
    wide_areas,
)

_ALPHA_TOPS = (1, 127, 255, 1023, 2047, 4095, 16383, 32767, 65535, 2**32 - 1)
"""What opaque can be called; the lowest that is not below the largest alpha seen."""

_USUAL_FILLS = (-9999.0, -99999.0, -32768.0, -32767.0, -999.0, -3.4e38, 1e20, 9.96921e36)
"""Values that programs write where they have none; none of them is a brightness."""

_SMEARED = 20
"""How far lossy compression moves a fill, in 8-bit values.

JPEG of quality 60 to 90 moved 99.9 % of a black collar of aerial imagery by 18 at most.
"""

_MANY_PIECES = 8
"""Pieces of a fill too narrow to be a collar, from which on it is taken for a colour."""

_LEAST_BORDER = 1e-3
"""Share of a sample in a border of one value that makes the value a fill."""


def find_validity(
    sample: Sequence[Sampled],
    *,
    declared: Sequence[tuple[float | None, ...]],
    alpha: int | None,
    may_be_alpha: int | None,
    gsd_m: float,
    is_lossy: bool,
    given: tuple[float, ...] | None,
) -> tuple[Validity, tuple[str, ...]]:
    """Decide from a sample of windows how imagery is told from what is none.

    Parameters
    ----------
    sample
        Windows spread over the scene.
    declared
        Nodata values that files of the scene declare, per band.
    alpha, may_be_alpha
        The band of alpha, or one that no file calls anything: :attr:`Sampled.alpha`.
    gsd_m
        Metres per pixel of the scene.
    is_lossy
        Whether a file is compressed with loss.
    given
        Nodata values of the user, which go over everything found or declared; ``()`` is none.

    Returns
    -------
    validity, notes
        What decides, and what the user should know about it.
    """
    rule = Validity(half_width=half_width(gsd_m))
    notes: list[str] = []
    if alpha is None and may_be_alpha is not None and _is_alpha(sample):
        alpha = may_be_alpha
        notes.append(f"band {alpha} is taken for alpha: it is 0 just where there is one colour")
    if alpha is not None:
        rule = replace(rule, alpha=alpha, opaque_from=_opaque_from(sample))
    n_bands = len(sample[0].pixels) if sample else 0
    values = declared if given is None else [(value,) * n_bands for value in given]
    fills = [Fill(values=v) for v in dict.fromkeys(values) if any(x is not None for x in v)]
    if given is None:
        fills += _undeclared(sample, rule, fills)
    fills = [_judged(fill, sample, rule, is_lossy=is_lossy) for fill in fills]
    notes += [note for fill in fills for note in _about(fill, given is not None)]
    return replace(rule, fills=tuple(fills)), tuple(notes)


def _opaque_from(sample: Sequence[Sampled]) -> float:
    largest = max((float(part.alpha.max()) for part in sample if part.alpha is not None), default=0)
    return next((top for top in _ALPHA_TOPS if top >= largest), largest) / 2


def _is_alpha(sample: Sequence[Sampled]) -> bool:
    """Return whether a band nobody named is 0 where all is one colour, and one value elsewhere."""
    values: set[float] = set()
    hidden = []
    for part in sample:
        if part.alpha is None:
            return False
        values |= {float(v) for v in np.unique(part.alpha)[:3]}
        hidden.append(part.pixels[:, part.alpha == 0])
    under = np.concatenate(hidden, axis=1) if hidden else np.empty((0, 0))
    return (
        len(values) == 2
        and 0 in values
        and max(values) in _ALPHA_TOPS
        and bool((under == under[:, :1]).all())
    )


def _undeclared(sample: Sequence[Sampled], rule: Validity, declared: Sequence[Fill]) -> list[Fill]:
    """Return fills nobody declared: values no brightness has, wide borders of an extreme."""
    known = {value for fill in declared for value in fill.values}
    n_seen = sum(int(part.seen.sum()) for part in sample)
    candidates = {value for part in sample for value in _extremes(part)}
    result = []
    for value in sorted(candidates - known):
        fill = Fill(values=(value,) * len(sample[0].pixels), is_declared=False)
        n_border = sum(_count_of_border(fill, part, rule.half_width) for part in sample)
        if n_border > _LEAST_BORDER * n_seen or _is_no_brightness(fill, sample):
            result.append(fill)
    return result


def _extremes(part: Sampled) -> set[float]:
    """Return extreme values that pixels of a window have in all bands."""
    dtype = part.pixels.dtype
    values = {0.0, *type_limits(dtype)}
    if dtype != np.uint8:
        values |= {as_stored(value, dtype) for value in _USUAL_FILLS}
        first = part.pixels[0][part.seen].astype(np.float64)
        first = first[np.isfinite(first)]
        values |= {float(first.min()), float(first.max())} if first.size else set()
    n_bands = len(part.pixels)
    return {
        value
        for value in values
        if (Fill(values=(value,) * n_bands).matches(part.pixels) & part.seen).any()
    }


def _count_of_border(fill: Fill, part: Sampled, half: int) -> int:
    """Return how many pixels of a window are in wide areas of a fill that touch the outside."""
    wide = wide_areas(fill.matches(part.pixels) & part.seen, part.outside, half, 0)
    if not wide.any():
        return 0
    joined = scipy.ndimage.binary_propagation(part.outside, mask=wide | part.outside)
    return int((joined & wide).sum())


def _is_no_brightness(fill: Fill, sample: Sequence[Sampled]) -> bool:
    """Return whether a value lies far beyond all others of the sample, and is repeated."""
    value = fill.values[0]
    if value is None or sample[0].pixels.dtype == np.uint8:
        return False
    others, n_equal = _others(fill, sample)
    if not others.size or n_equal < 16:
        return False
    low, high = float(others.min()), float(others.max())
    spread = max(high - low, 1e-9 * max(abs(high), abs(low)))
    distance = max(value - high, low - value)
    if value in {as_stored(v, sample[0].pixels.dtype) for v in _USUAL_FILLS}:
        return distance > 0
    return distance > spread


def _others(fill: Fill, sample: Sequence[Sampled]) -> tuple[NDArray[np.float64], int]:
    """Return other values of a sample (one of seven), and how many pixels have the fill."""
    others, n_equal = [], 0
    for part in sample:
        same = fill.matches(part.pixels)
        n_equal += int((same & part.seen).sum())
        rest = part.pixels[:, part.seen & ~same].astype(np.float64)
        others.append(rest[np.isfinite(rest)].ravel()[::7])
    return np.concatenate(others), n_equal


def _judged(fill: Fill, sample: Sequence[Sampled], rule: Validity, *, is_lossy: bool) -> Fill:
    """Return a fill with what the sample says of it: whether it is a colour, whether smeared."""
    if not sample or sample[0].pixels.dtype.kind not in "iu":
        return fill
    if is_lossy:
        top = type_limits(sample[0].pixels.dtype)[1]
        return replace(fill, is_colour=True, tolerance=_SMEARED * top / 255)
    others, _ = _others(fill, sample)
    if sample[0].pixels.dtype != np.uint8 and others.size:
        numbers = [value for value in fill.values if value is not None]
        gap = min(np.abs(others - value).min() for value in numbers)
        if gap > 0.01 * (others.max() - others.min()):
            return fill  # no imagery is anywhere near it
    if not fill.is_declared:
        return replace(fill, is_colour=True)
    wide = replace(rule, fills=(replace(fill, is_colour=True),))
    n_pieces = 0
    for part in sample:
        narrow = fill.matches(part.pixels) & part.seen
        narrow &= ~wide.filled(part.pixels, outside=part.outside)
        n_pieces += scipy.ndimage.label(narrow)[1]
    return replace(fill, is_colour=n_pieces >= _MANY_PIECES)


def _about(fill: Fill, is_given: bool) -> tuple[str, ...]:
    value = next(v for v in fill.values if v is not None)
    if not fill.is_declared:
        where = "wide areas of it" if fill.is_colour else "they"
        return (
            f"pixels of {value:g} were found that nothing declares as nodata; {where} are taken "
            "for no imagery (--nodata VALUE or --nodata none decides otherwise)",
        )
    if fill.is_colour and not fill.tolerance and not is_given:
        return (
            f"the nodata value {value:g} is a colour of the imagery too: only areas of it wider "
            f"than {WIDE_M:g} m are taken for no imagery (--nodata none takes none)",
        )
    return ()
