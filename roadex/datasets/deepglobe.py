"""The DeepGlobe road layout: ``<id>_sat.jpg`` beside ``<id>_mask.png`` in one folder.

Images are RGB, 1024 x 1024 pixels at 0.5 m; masks are 0 and 255, road at 128 and more.

References
----------
.. [1] I. Demir et al., "DeepGlobe 2018", CVPR Workshops 2018.
"""

from __future__ import annotations

from pathlib import Path

from roadex.datasets.labelled import MASK_THRESHOLDS, LabelledScene
from roadex.errors import DatasetError

GSD_M = 0.5


def recognises(folder: Path) -> bool:
    """Return whether ``folder`` holds ``*_sat.jpg`` files."""
    return any(folder.glob("*_sat.jpg"))


def find(folder: Path) -> list[LabelledScene]:
    """Return the labelled scenes of ``folder``, sorted by id."""
    scenes = []
    for image in sorted(folder.glob("*_sat.jpg")):
        identifier = image.name.removesuffix("_sat.jpg")
        mask = folder / f"{identifier}_mask.png"
        if not mask.exists():
            msg = f"{image.name} has no mask beside it; expected {mask}"
            raise DatasetError(msg)
        scenes.append(
            LabelledScene(
                name=identifier,
                image=image,
                mask=mask,
                gsd_m=GSD_M,
                mask_threshold=MASK_THRESHOLDS["zero-255"],
            )
        )
    return scenes
