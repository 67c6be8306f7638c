"""Test-time augmentation: the mean of the probabilities of turned and mirrored views.

The same code takes arrays of NumPy and tensors of torch, which is not imported for that.

References
----------
.. [1] L. Zhou et al., D-LinkNet, CVPR Workshops 2018, and ``test.py`` of
       https://github.com/zlkanata/DeepGlobe-Road-Extraction-Challenge at commit 7354f87: the sum
       of eight probabilities is road above 4.0, which is their mean above 0.5.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, cast

import numpy as np

from roadex.models.scaling import Pixels


@dataclass(frozen=True, slots=True)
class View:
    """One of the eight symmetries of a pixel grid: perhaps a quarter turn, then mirrors."""

    is_turned: bool
    """Turned by 90 degrees, counter-clockwise; height and width change places."""

    is_row_flipped: bool
    """Upside down, after the turn."""

    is_column_flipped: bool
    """Left to right, after the turn."""

    @property
    def _flipped_axes(self) -> tuple[int, ...]:
        return (-2,) * self.is_row_flipped + (-1,) * self.is_column_flipped

    def apply(self, chip: Pixels) -> Pixels:
        """Return the view of ``chip``, shape ``(..., h, w)``; ``(..., w, h)`` where turned."""
        library = _library_of(chip)
        turned = library.rot90(chip, 1, (-2, -1)) if self.is_turned else chip
        return library.flip(turned, self._flipped_axes) if self._flipped_axes else turned

    def undo(self, view: Pixels) -> Pixels:
        """Bring what was computed on the view back; exact, no pixel is interpolated."""
        library = _library_of(view)
        turned = library.flip(view, self._flipped_axes) if self._flipped_axes else view
        return library.rot90(turned, -1, (-2, -1)) if self.is_turned else turned


def _library_of(pixels: Any) -> Any:
    """Return ``numpy`` or ``torch``, whose functions for views have the same names and order."""
    return sys.modules[type(pixels).__module__.partition(".")[0]]


_FLIPS = tuple(View(False, rows, columns) for rows in (False, True) for columns in (False, True))
_TURNED = tuple(View(True, rows, columns) for rows in (False, True) for columns in (False, True))

VIEWS: dict[str, tuple[View, ...]] = {
    "none": _FLIPS[:1],
    "flip": _FLIPS,
    "d4": _FLIPS + _TURNED,
    "adaptive": _FLIPS,
}
"""Views by the name of the augmentation, in the order in which they are summed."""

_ADAPTIVE: Final = "adaptive"

_QUIET: Final = 0.1
"""Probability below which a single view shows no road, far below any threshold in use."""

_QUIET_PX: Final = 10
"""A chip with fewer pixels above that is quiet; ``benchmarks/adaptive.py`` says what it loses."""


def views(tta: str) -> tuple[View, ...]:
    """Return the views of an augmentation.

    Parameters
    ----------
    tta
        ``"none"`` (1 view), ``"flip"`` (4: both mirrors), ``"d4"`` (8: and quarter turns, as
        published [1]_), ``"adaptive"`` (4, see :func:`predict_with_tta`).

    Raises
    ------
    ValueError
        If there is no such augmentation.
    """
    if tta not in VIEWS:
        msg = f"tta must be one of {', '.join(VIEWS)}, got {tta!r}"
        raise ValueError(msg)
    return VIEWS[tta]


def predict_with_tta(
    forward: Callable[[Pixels], Pixels], chip: Pixels, tta: str, *, is_batched: bool = False
) -> Pixels:
    """Return the mean probability of road over the views.

    The only place where logits become probability. Views are summed in float32 in a fixed order, so
    the result is the same wherever it is computed in the same arithmetic. With ``"adaptive"`` a
    chip keeps its first view if that shows nothing; any other is what ``"flip"`` makes.

    Parameters
    ----------
    forward
        Chips ``(N, C, h, w)`` to logits ``(N, 1, h, w)``, such as a network.
    chip
        Scaled network input, shape ``(C, h, w)`` or ``(N, C, h, w)``; need not be square.
    tta
        See :func:`views`.
    is_batched
        Compute all views of one shape in one forward pass: those of a square chip, and of another
        one those that are turned and those that are not. False computes view by view, which takes
        the memory of one and differs in the last digits.

    Returns
    -------
    probability
        float32 in [0, 1], shape ``(h, w)`` or ``(N, h, w)``, on the device of ``chip``.

    References
    ----------
    .. [1] D-LinkNet, see the top of this module.
    """
    if chip.ndim not in (3, 4):
        msg = f"expected a chip (C, h, w) or chips (N, C, h, w), got {tuple(chip.shape)}"
        raise ValueError(msg)
    chips: Any = chip if chip.ndim == 4 else chip[None]
    all_views = views(tta)
    if tta == _ADAPTIVE:
        mean = next(_roads(forward, chips, all_views[:1]))
        doubtful = [i for i in range(len(chips)) if not is_quiet(mean[i])]
        if doubtful:
            others = _each_road(forward, chips[doubtful], all_views[1:], is_batched=is_batched)
            mean[doubtful] = sum(others, mean[doubtful]) / len(all_views)
    else:
        roads = _each_road(forward, chips, all_views, is_batched=is_batched)
        mean = cast("Any", sum(roads)) / len(all_views)
    probability: Pixels = mean if chip.ndim == 4 else mean[0]
    return probability


def is_quiet(probability: Any) -> bool:
    """Return whether the first view of a chip shows nothing that could be a road."""
    return int((probability >= _QUIET).sum()) < _QUIET_PX


def _each_road(
    forward: Callable[[Pixels], Pixels],
    chips: Any,
    all_views: Sequence[View],
    *,
    is_batched: bool,
) -> Iterator[Any]:
    """Yield the probability ``(N, h, w)`` of each view, turned back."""
    height, width = chips.shape[-2:]
    groups: Iterable[Sequence[View]] = [(view,) for view in all_views]
    if is_batched:
        groups = _groups(all_views, is_square=height == width)
    for group in groups:
        yield from _roads(forward, chips, group)


def _groups(all_views: Sequence[View], *, is_square: bool) -> Iterator[Sequence[View]]:
    """Yield views that have one shape, in order: all of them, or by orientation."""
    for _, group in groupby(all_views, lambda view: view.is_turned and not is_square):
        yield tuple(group)


def _roads(forward: Callable[[Any], Any], chips: Any, group: Sequence[View]) -> Iterator[Any]:
    """Yield the probability ``(N, h, w)`` of each view, turned back, of one forward pass."""
    library = _library_of(chips)
    seen = [view.apply(chips) for view in group]
    together = seen[0] if len(seen) == 1 else library.concatenate(seen)
    if isinstance(together, np.ndarray):
        from scipy.special import expit  # a tenth of a second, which a trial of speed is spared

        probability = expit(forward(np.ascontiguousarray(together)))[:, 0]
    else:
        probability = forward(together.contiguous()).float().sigmoid()[:, 0]
    for i, view in enumerate(group):
        yield view.undo(probability[i * len(chips) : (i + 1) * len(chips)])
