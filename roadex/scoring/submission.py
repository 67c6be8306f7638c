"""Masks as the DeepGlobe road challenge takes them.

One ``{id}_mask.png`` per image, of the image's size, 0 for background and 255 for road, all in one
ZIP file without folders. The pictures have three equal channels, as the challenge's own masks and
the winner's submission have.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window

from roadex.config import ScoreConfig
from roadex.errors import OutputError, ScoreError
from roadex.imagery.containers import without_georeference_warning
from roadex.probability.values import decide_encoding
from roadex.progress import Display, Silent, Stopwatch
from roadex.scoring.aligned_rasters import grid_of, open_reader
from roadex.scoring.inputs import recognise_side


def write_submission(
    predictions: str | Path,
    output: str | Path,
    *,
    config: ScoreConfig | None = None,
    zip_path: str | Path | None = None,
    progress: Display | None = None,
) -> list[Path]:
    """Turn a folder of probability or masks into challenge masks.

    Parameters
    ----------
    predictions
        Folder of rasters, one per image; the identifier is the stem without ``_mask``,
        ``_probability`` and the like.
    output
        Folder for the masks; made if need be.
    config
        Threshold and meaning of the values; the defaults if None.
    zip_path
        ZIP file to write as well.
    progress
        Shows the images done; None shows nothing.

    Returns
    -------
    masks
        The files written, sorted.

    Raises
    ------
    ScoreError
        If the folder holds no predictions.
    OutputError
        If a mask or the ZIP file cannot be written.
    """
    config = config or ScoreConfig()
    side = recognise_side(predictions)
    if side.kind != "tiles":
        msg = f"{predictions} is not a folder of predictions"
        raise ScoreError(msg)
    paths = list(side.tiles.values())
    encoding, _ = decide_encoding(paths, wanted=config.prediction_values, is_truth=False)
    masks = []
    watch = Stopwatch(progress or Silent())
    with watch.stage("masks", len(paths)):
        for name, path in side.tiles.items():
            grid = grid_of(path)
            with open_reader(path, encoding, grid, config.cut) as (reader, _):
                road, _, _ = reader.read(Window(0, 0, grid.shape[1], grid.shape[0]))
            masks.append(write_mask(road, name, output))
            watch.advance("masks")
    if zip_path is not None:
        zip_masks(masks, zip_path)
    return masks


def write_mask(road: NDArray[np.bool_], identifier: str, folder: str | Path) -> Path:
    """Write one mask of shape ``(H, W)`` (True is road) as ``{identifier}_mask.png``.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    path = Path(folder) / f"{identifier}_mask.png"
    height, width = road.shape
    stored = np.where(road, np.uint8(255), np.uint8(0))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            without_georeference_warning(),
            rasterio.open(
                path, "w", driver="PNG", height=height, width=width, count=3, dtype="uint8"
            ) as mask,
        ):
            for band in (1, 2, 3):
                mask.write(stored, band)
    except (OSError, RasterioError) as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error
    return path


def zip_masks(masks: list[Path], path: str | Path) -> None:
    """Put masks into one ZIP file, without folders; the same masks give the same bytes.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for mask in sorted(masks):
                archive.writestr(zipfile.ZipInfo(mask.name), mask.read_bytes())
    except OSError as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error
