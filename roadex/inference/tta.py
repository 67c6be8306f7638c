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
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

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
}
"""Views by the name of the augmentation, in the order in which they are summed."""


def views(tta: str) -> tuple[View, ...]:
    """Return the views of an augmentation.

    Parameters
    ----------
    tta
        ``"none"`` (1 view), ``"flip"`` (4: both mirrors), ``"d4"`` (8: and quarter turns, as
        published [1]_).

    Raises
    ------
    ValueError
        If there is no such augmentation.
    """
    if tta not in VIEWS:
        msg = f"tta must be one of {', '.join(VIEWS)}, got {tta!r}"
        raise ValueError(msg)
    return VIEWS[tta]


def predict_with_tta(forward: Callable[[Pixels], Pixels], chip: Pixels, tta: str) -> Pixels:
    """Return the mean probability of road over the views.

    The only place where logits become probability. Views are computed one after the other, so the
    memory is that of one, and summed in float32 in a fixed order, so the result is the same
    wherever it is computed in the same arithmetic.

    Parameters
    ----------
    forward
        Chips ``(N, C, h, w)`` to logits ``(N, 1, h, w)``, such as a network.
    chip
        Scaled network input, shape ``(C, h, w)`` or ``(N, C, h, w)``; need not be square.
    tta
        See :func:`views`.

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
    total = _road(forward, chips, all_views[0])
    for view in all_views[1:]:
        total += _road(forward, chips, view)
    mean = total / len(all_views)
    probability: Pixels = mean if chip.ndim == 4 else mean[0]
    return probability


def _road(forward: Callable[[Any], Any], chips: Any, view: View) -> Any:
    """Return the probability ``(N, h, w)`` of one view, turned back."""
    seen = view.apply(chips)
    if isinstance(seen, np.ndarray):
        return view.undo(expit(forward(np.ascontiguousarray(seen)))[:, 0])
    return view.undo(forward(seen.contiguous()).float().sigmoid()[:, 0])
