"""Moved labels of scenes with road lines: lines again, for a dataset of layout ``lines``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Final

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from roadex.config import AlignConfig
from roadex.imagery.tiling import Tiles
from roadex.models.modelfile import Model
from roadex.training.align.comparison import SceneShift, ShiftSums, compare_labels
from roadex.training.datasets.line_scene import LineScene

_CORE_PX: Final = 2000
"""Side of the windows a scene is looked at in."""

_MARGIN_PX: Final = 200
"""Looked at around them, so that neighbourhoods do not end at their edges."""

_STEP_PX: Final = 10
"""Moves are kept for every tenth row and column."""

_VERTEX_M: Final = 10.0
"""Longest stretch of a line that is moved in one piece."""

_SIMPLIFY_M: Final = 0.1
"""Vertices without which a moved line stays this near to itself are left out again."""


def lines_path(folder: Path, scene: LineScene) -> Path:
    """Return the file that is there when a scene is done."""
    return folder / f"{scene.name}.gpkg"


def count_windows(scene: LineScene) -> int:
    """Return in how many windows a scene is looked at."""
    return len(_windows(scene.shape()))


def align_lines(
    scene: LineScene,
    folder: Path,
    model: Model,
    config: AlignConfig,
    *,
    on_window: Callable[[], object],
) -> SceneShift:
    """Write the moved lines of a scene, with ``width_m``, in the CRS of its work grid."""
    sums = ShiftSums()
    field = np.zeros((2, *(-(-n // _STEP_PX) for n in scene.shape())), dtype=np.float32)
    # The band beside a line, which carries no label, is where its road may be.
    without_band = replace(scene, ignore_m=0.0)
    for tile in _windows(scene.shape()):
        found = compare_labels(without_band, model, config, window=tile.read)
        sums.add(found, tile.inner)
        row, col = int(tile.core.row_off), int(tile.core.col_off)
        kept = found.shifts[:, *tile.inner][:, ::_STEP_PX, ::_STEP_PX]
        rows, cols = row // _STEP_PX, col // _STEP_PX
        field[:, rows : rows + kept.shape[1], cols : cols + kept.shape[2]] = kept
        on_window()
    path = lines_path(folder, scene)
    partial = path.with_name(f".{path.name}.partial.gpkg")
    partial.unlink(missing_ok=True)
    frame = geopandas.GeoDataFrame(
        {"width_m": 2 * scene.half_widths_m},
        geometry=_move(scene, field),
        crs=scene.grid.crs.to_wkt(),
    )
    frame.to_file(partial, layer="road_edges", engine="pyogrio")
    partial.replace(path)
    return sums.moved(scene.name)


def lines_dataset(scenes: Sequence[LineScene], folder: Path) -> str:
    """Return the TOML file of the moved dataset: the images where they are, the lines here."""
    return "\n".join(_entry(scene, folder) for scene in scenes)


def _entry(scene: LineScene, folder: Path) -> str:
    def beside(path: str | Path) -> str:
        is_url = "://" in str(path)
        return str(path) if is_url else Path(os.path.relpath(path, folder)).as_posix()

    values: dict[str, object] = {
        "images": [escape(beside(path)) for path in scene.scene.paths],
        "roads": lines_path(folder, scene).name,
        "ignore_m": scene.ignore_m,
        "bands": list(scene.scene.bands),
    }
    if scene.areas is not None:
        values["valid"] = beside(scene.sources[-1])
    # What JSON has of strings, numbers and lists reads the same as TOML.
    return "[[scene]]\n" + "".join(
        f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in values.items()
    )


def _windows(shape: tuple[int, int]) -> Tiles:
    return Tiles(shape, _CORE_PX, _MARGIN_PX, is_clipped=True)


def _move(scene: LineScene, field: NDArray[np.float32]) -> NDArray[np.object_]:
    """Return lines moved by a field in pixels; polygons stay as they are."""
    is_line = shapely.get_dimensions(scene.roads) == 1
    transform = scene.grid.transform

    def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
        cols, rows = ~transform @ (points[:, 0], points[:, 1])
        where = [(rows - 0.5) / _STEP_PX, (cols - 0.5) / _STEP_PX]
        down, right = (
            ndimage.map_coordinates(plane, where, order=1, mode="nearest") for plane in field
        )
        return np.column_stack(transform @ (cols + right, rows + down))

    lines = shapely.transform(shapely.segmentize(scene.roads[is_line], _VERTEX_M), moved)
    roads = scene.roads.copy()
    roads[is_line] = shapely.simplify(lines, _SIMPLIFY_M)
    return np.asarray(roads)
