"""Write a small data set in the shape of DeepGlobe, from generated scenes with known roads.

    python workflows/deepglobe/make_tryout.py /tmp/tryout --images 12 --size 256

Gives ``train/{id}_sat.jpg`` and ``train/{id}_mask.png`` (three channels, not purely 0 and 255, as
the original), ``valid/{id}_sat.jpg`` without masks, and the lists ``train.txt`` and ``val.txt``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from roadex.synthetic import GeneratedScene, generate_scene

FIRST_ID = 100_001
GSD_M = 0.5
VALIDATION_SHARE = 4
"""Every fourth image is for validation, and one more per four has no mask."""


def write_image(scene: GeneratedScene, identifier: int, folder: Path, *, has_mask: bool) -> None:
    """Write one image, and its mask with edges as soft as those of the original."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.moveaxis(scene.image, 0, -1)
    Image.fromarray(pixels).save(folder / f"{identifier}_sat.jpg", quality=92)
    if has_mask:
        mask = Image.fromarray(np.where(scene.road_mask, 255, 0).astype(np.uint8))
        soft = mask.filter(ImageFilter.GaussianBlur(0.6)).convert("RGB")
        soft.save(folder / f"{identifier}_mask.png")


def main() -> None:
    """Write the data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=12, help="images with masks")
    parser.add_argument("--size", type=int, default=256, help="side of an image in pixels")
    options = parser.parse_args()
    lists: dict[str, list[str]] = {"train": [], "val": []}
    for i in range(options.images + options.images // VALIDATION_SHARE):
        scene = generate_scene(shape=(options.size, options.size), gsd_m=GSD_M, seed=i)
        has_mask = i < options.images
        folder = options.folder / ("train" if has_mask else "valid")
        write_image(scene, FIRST_ID + i, folder, has_mask=has_mask)
        if has_mask:
            lists["val" if i % VALIDATION_SHARE == 0 else "train"].append(str(FIRST_ID + i))
    for name, ids in lists.items():
        (options.folder / f"{name}.txt").write_text("\n".join(ids) + "\n")
    print(f"{options.folder}: {len(lists['train'])} to train, {len(lists['val'])} to validate")


if __name__ == "__main__":
    main()
