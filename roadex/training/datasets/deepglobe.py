"""The DeepGlobe road layout: ``<id>_sat.jpg`` beside ``<id>_mask.png`` in one folder.

Images are RGB, 1024 x 1024 pixels at 0.5 m; masks are 0 and 255, road at 128 and more.

References
----------
.. [1] I. Demir et al., "DeepGlobe 2018", CVPR Workshops 2018.
"""

from __future__ import annotations

from pathlib import Path

from roadex.errors import DatasetError
from roadex.training.datasets.labelled import MASK_THRESHOLDS, Labelled, LabelledScene

GSD_M = 0.5

IMAGE_SUFFIX = "_sat.jpg"


def recognises(folder: Path) -> bool:
    """Return whether ``folder`` holds ``*_sat.jpg`` files."""
    return any(folder.glob(f"*{IMAGE_SUFFIX}"))


def image_ids(folder: Path) -> list[str]:
    """Return the ids of the images in ``folder``, with or without masks, sorted."""
    return sorted(path.name.removesuffix(IMAGE_SUFFIX) for path in folder.glob(f"*{IMAGE_SUFFIX}"))


def unmatched_labels(folder: Path) -> list[Path]:
    """Return the masks without an image."""
    known = set(image_ids(folder))
    masks = sorted(folder.glob("*_mask.png"))
    return [mask for mask in masks if mask.name.removesuffix("_mask.png") not in known]


def find(folder: Path, *, bands: tuple[str, ...]) -> list[Labelled]:
    """Return the labelled scenes of ``folder``, sorted by id."""
    scenes: list[Labelled] = []
    for identifier in image_ids(folder):
        image = folder / f"{identifier}{IMAGE_SUFFIX}"
        mask = folder / f"{identifier}_mask.png"
        if not mask.exists():
            msg = f"{image.name} has no mask: expected {mask}"
            raise DatasetError(msg)
        scenes.append(
            LabelledScene(
                name=identifier,
                image=image,
                mask=mask,
                gsd_m=GSD_M,
                bands=bands,
                mask_threshold=MASK_THRESHOLDS["zero-255"],
            )
        )
    return scenes
