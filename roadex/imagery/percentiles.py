"""Percentiles of the values of scenes: what models were trained on, and what others are brought to.

8-bit values stay as they are, so a network that learned from 8-bit imagery expects its percentiles.
Values of other types are stretched to them; to 0 and 255 they would have more contrast than
anything the network has seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roadex.errors import SceneError
from roadex.imagery.native import open_native
from roadex.imagery.radiometry import (
    STRETCH_PERCENTILES,
    measure_radiometry,
    sample_windows,
    thinned,
)
from roadex.imagery.scene import Scene

_FEWER = 5
"""One window in five is enough for the mean over many scenes; it is spread over all columns."""


def percentiles_of(scene: Scene) -> NDArray[np.float64] | None:
    """Return the 1st and 99th percentile of the stored values of each band.

    Returns
    -------
    percentiles
        Shape ``(C, 2)``; None where the sample shows no imagery.
    """
    values = _sampled_values(scene, every=_FEWER)
    if values.shape[1] == 0:
        return None
    found: NDArray[np.float64] = np.percentile(values, STRETCH_PERCENTILES, axis=1).T
    return found


def restretched(scene: Scene, stretch: Sequence[tuple[float, float]]) -> Scene:
    """Return a scene whose percentiles become others than those it was opened with.

    Parameters
    ----------
    scene
        Any scene; one of 8 bits comes back as it is.
    stretch
        Per band: what (0-255) the two percentiles become; empty is 0 and 255.
    """
    if scene.dtype == "uint8":
        return scene
    radiometry, _ = measure_radiometry(_sampled_values(scene, every=1), scene.dtype, stretch)
    return dataclasses.replace(scene, radiometry=radiometry)


def _sampled_values(scene: Scene, *, every: int) -> NDArray[np.float64]:
    """Return valid values ``(C, n)`` of windows spread over a scene, of one in ``every``."""
    values = [np.empty((len(scene.bands), 0))]
    with open_native(scene.mosaic, scene.validity) as reader:
        for window in sample_windows(scene.shape)[::every]:
            try:
                values.append(thinned(*reader.read(window)))
            except SceneError:  # whoever needs this part will say so
                continue
    return np.concatenate(values, axis=1)
