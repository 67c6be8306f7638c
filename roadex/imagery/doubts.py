"""What makes a scene doubtful: no imagery in it, or pixels that do not look like imagery."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roadex.imagery.bands import NOT_IMAGERY
from roadex.imagery.validity import Sampled, Validity

_SMOOTH = 0.05
"""Mean step between neighbours over the standard deviation, below which a band is no imagery.

Aerial and satellite scenes have 0.2 to 0.6, elevation models of hills and cities below 0.04.
"""

_FEW_CLASSES = 24
"""Most values of a raster of classes; imagery of 8 bits has more in any window."""


def why_no_imagery(sample: Sequence[Sampled], validity: Validity) -> str:
    """Return a sentence on a scene in whose sample nothing is imagery."""
    if not sample:
        return "no imagery was found: no window of the scene could be read"
    seen = [part.pixels[:, part.seen] for part in sample]
    alpha = [part.alpha[part.seen].ravel() for part in sample if part.alpha is not None]
    if not any(pixels.size for pixels in seen):
        return (
            "no imagery was found: a mask in or beside the file, or values that are not numbers, "
            "cover all that was looked at. The file may be empty, or the mask turned round"
        )
    if validity.alpha is not None and alpha and not any(a.any() for a in alpha):
        return (
            f"no imagery was found: the alpha band ({validity.alpha}) is 0 everywhere, all is "
            "transparent. If there is imagery, choose the other bands with --bands and write the "
            "file without alpha (`gdal_translate -b 1 -b 2 -b 3`)"
        )
    fills = [
        f"{value:g}" for fill in validity.fills for value in fill.values[:1] if value is not None
    ]
    found = " or ".join(dict.fromkeys(fills)) or "transparent"
    return (
        f"no imagery was found: all that was looked at is {found}. The file may be an empty part "
        "of a mosaic or a failed export; if the value is a colour, give --nodata none"
    )


def doubts(
    sample: Sequence[Sampled], valid: Sequence[NDArray[np.bool_]], dtype: str, role: str | None
) -> tuple[str, ...]:
    """Return what makes it doubtful that a scene of one band is imagery.

    Parameters
    ----------
    sample, valid
        Windows of the scene, and where they show imagery.
    dtype
        Data type of the files.
    role
        What the band says that it shows, see :func:`roadex.imagery.bands.band_roles`.
    """
    values = [np.unique(p.pixels[0][v]) for p, v in zip(sample, valid, strict=True)]
    distinct = np.unique(np.concatenate(values))
    if len(distinct) == 1:
        return (f"all pixels that were looked at are {distinct[0]:g}: there is nothing to see",)
    if len(distinct) == 2:
        return (
            f"the only values are {distinct[0]:g} and {distinct[1]:g}: this looks like a mask, not "
            "imagery. Roads of a mask come from `roadex vectorize`",
        )
    is_whole = distinct.dtype.kind in "iu" or bool((distinct == np.round(distinct)).all())
    if is_whole and len(distinct) <= _FEW_CLASSES and _is_dense(distinct):
        return (
            f"there are only {len(distinct)} values, {distinct[0]:g} to {distinct[-1]:g}: this "
            "looks like a raster of classes, not imagery. Roads of a class come from "
            "`roadex vectorize --class-value`",
        )
    if role in NOT_IMAGERY:
        return (f"the band says that it is {role}, not imagery: the result is doubtful",)
    if dtype != "uint8" and _step_share(sample, valid) < _SMOOTH:
        return (
            "one band of values that change slowly: this looks like an elevation model, not "
            "imagery, and the result is doubtful",
        )
    return ()


def _is_dense(distinct: NDArray[np.generic]) -> bool:
    """Return whether values are numbers of classes: from 0 or 1 on, without wide gaps."""
    return bool(
        distinct[0] >= 0 and distinct[-1] < 4 * _FEW_CLASSES and np.diff(distinct).max() < 8
    )


def _step_share(sample: Sequence[Sampled], valid: Sequence[NDArray[np.bool_]]) -> float:
    """Return the mean step between neighbours over the standard deviation of all values.

    A few garbled values, which may be as large as a number can be, do not decide.
    """
    steps, values = [], []
    seen_values = [p.pixels[0][seen] for p, seen in zip(sample, valid, strict=True)]
    usual = np.percentile(np.concatenate(seen_values).astype(np.float64), (0.5, 99.5))
    for part, seen in zip(sample, valid, strict=True):
        band = np.clip(part.pixels[0].astype(np.float64), *usual)
        both = seen[:, 1:] & seen[:, :-1]
        steps.append(np.abs(np.diff(band, axis=1))[both])
        values.append(band[seen])
    deviation = float(np.concatenate(values).std())
    return float(np.concatenate(steps).mean()) / deviation if deviation > 0 else 1.0
