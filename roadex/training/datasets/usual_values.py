"""Percentiles of the imagery a model is trained on, for its file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from roadex.imagery.percentiles import percentiles_of
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.datasets.labelled import Stretch

_MOST_SCENES = 20
"""Scenes of a dataset that are looked at."""


def measure_stretch(sources: Sequence[WeightedScenes]) -> Stretch:
    """Return per band the 1st and 99th percentile of training imagery.

    The mean over the scenes of a dataset, and over the datasets by their shares of the chips.

    Returns
    -------
    stretch
        Values in 0-255, as :attr:`~roadex.models.metadata.ModelMetadata.stretch`. Empty if there is
        a scene that is not of 8 bits: what the network then saw of it is what the stretch it was
        read with made of it.
    """
    means, weights = [], []
    for source in sources:
        step = -(-len(source.scenes) // _MOST_SCENES)
        scenes = [labelled.scene for labelled in source.scenes[::step]]
        if any(scene.dtype != "uint8" for scene in scenes):
            return ()
        known = [found for scene in scenes if (found := percentiles_of(scene)) is not None]
        if known:
            means.append(np.mean(known, axis=0))
            weights.append(source.weight)
    if not means:
        return ()
    usual = np.average(means, axis=0, weights=weights).round(1)
    if not (usual[:, 0] < usual[:, 1]).all():
        return ()
    return tuple((float(low), float(high)) for low, high in usual)
