"""Your own scene and road lines: imagery anywhere, any vector file, no mask needed.

Three ways to say it:

- ``lines:scene.tif+roads.gpkg``: an image and the lines in it; ``lines:ortho/*.tif+roads.gpkg``
  are several scenes;
- ``lines:FOLDER``: every GeoTIFF in the folder, each with the vector file of its name, or all with
  the one vector file there is;
- ``lines:area.toml``: settings (see :class:`~roadex.config.LineLabelConfig`) and scenes::

      width_m = 6.0
      [[scene]]
      images = ["ortho/*.tif"]       # several are one mosaic
      roads = "roads.gpkg"
      layer = "centrelines"
      valid = "checked.gpkg"         # polygons in which the lines are complete
      bands = [1, 2, 3]

  Paths are relative to the TOML file, or absolute, or begin with ``~``; images can be at URLs. A
  scene can have settings of its own.

Lines are brought to the CRS of the scene (a local metric one, where the scene is in degrees) and
burnt at a width in metres or from an attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from roadex.config import LineLabelConfig, read_toml
from roadex.config.kinds import Count, KindError, convert
from roadex.errors import DatasetError, NetworkError, ScoreError
from roadex.imagery.scene import open_scene
from roadex.imagery.work_grid import WorkGrid
from roadex.network.line_reader import read_line_table
from roadex.training.datasets.description import expand
from roadex.training.datasets.labelled import Labelled
from roadex.training.datasets.line_scene import LineScene, lines_inside, native_grid

IMAGE_SUFFIXES = (".tif", ".tiff", ".vrt", ".jp2")
VECTOR_SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".fgb", ".parquet", ".geoparquet")

_DEFAULTS = LineLabelConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What belongs to one scene."""

    images: Sequence[str]
    roads: Path
    valid: Path | None = None
    bands: Sequence[int] | None = None
    labels: LineLabelConfig = _DEFAULTS


def recognises(folder: Path) -> bool:
    """Return whether ``folder`` holds imagery beside vector files."""
    return bool(_files(folder, IMAGE_SUFFIXES) and _files(folder, VECTOR_SUFFIXES))


def unmatched_labels(path: Path | str) -> list[Path]:
    """Return the vector files of a folder that are used for no image."""
    if isinstance(path, str) or not path.is_dir():
        return []
    used = {entry.roads for entry in _folder_entries(path)}
    return [file for file in _files(path, VECTOR_SUFFIXES) if file not in used]


def find(path: Path | str, *, bands: tuple[str, ...]) -> list[Labelled]:
    """Return the scenes of a folder, a TOML file or ``IMAGE+ROADS`` (text), opened and measured.

    Raises
    ------
    DatasetError
        If files do not belong together, or no line lies in the scene.
    SceneError
        If an image cannot be opened or has no place on Earth.
    """
    if isinstance(path, str):
        entries = _pair_entries(path)
    elif path.is_dir():
        entries = _folder_entries(path)
    elif path.suffix == ".toml":
        entries = _toml_entries(path)
    else:
        msg = f"{path}: road lines are given as lines:IMAGE+ROADS, lines:FOLDER or lines:FILE.toml"
        raise DatasetError(msg)
    return [_open(entry, bands) for entry in entries]


def _files(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)


def _pair_entries(text: str) -> list[_Entry]:
    """Take ``IMAGE+ROADS`` apart, at the first plus sign that is followed by a file."""
    parts = text.split("+")
    pairs = [("+".join(parts[:i]), "+".join(parts[i:])) for i in range(1, len(parts))]
    found = [(image, roads) for image, roads in pairs if Path(roads).expanduser().exists()]
    image, roads = (found or pairs)[0]
    images = expand(image)
    if not images:
        msg = f"no image matches {image}"
        raise DatasetError(msg)
    return [_Entry(images=[each], roads=Path(roads).expanduser()) for each in images]


def _folder_entries(folder: Path) -> list[_Entry]:
    vectors = _files(folder, VECTOR_SUFFIXES)
    by_name = {path.name.split(".")[0]: path for path in vectors}
    entries = []
    for image in _files(folder, IMAGE_SUFFIXES):
        roads = by_name.get(image.stem, vectors[0] if len(vectors) == 1 else None)
        if roads is None:
            msg = (
                f"{image} has no road lines: expected {image.stem}.gpkg (or another vector file) "
                "beside it, or one vector file for all images"
            )
            raise DatasetError(msg)
        entries.append(_Entry(images=[str(image)], roads=roads))
    return entries


def _toml_entries(path: Path) -> list[_Entry]:
    values = read_toml(path)
    scenes = values.pop("scene", [])
    if not isinstance(scenes, list) or not scenes:
        msg = f"{path} names no scene: add [[scene]] with images and roads"
        raise DatasetError(msg)
    return [_toml_entry(path, {**values, **scene}) for scene in scenes]


def _toml_entry(path: Path, values: Mapping[str, Any]) -> _Entry:
    values = dict(values)
    files = {
        name: _texts(path, name, values.pop(name, [])) for name in ("images", "roads", "valid")
    }
    for name in ("images", "roads"):
        if not files[name]:
            msg = f"{path}: a [[scene]] needs {name!r}"
            raise DatasetError(msg)
    images = [image for text in files["images"] for image in expand(text, beside=path.parent)]
    if not images:
        msg = f"{path}: no image matches {', '.join(files['images'])}"
        raise DatasetError(msg)
    roads, *_ = (path.parent / Path(text).expanduser() for text in files["roads"])
    valid = [path.parent / Path(text).expanduser() for text in files["valid"]]
    names = {name: f"{name} in {path.name}" for name in values}
    return _Entry(
        images=images,
        roads=roads,
        valid=valid[0] if valid else None,
        bands=_band_numbers(path, values.pop("bands", None)),
        labels=LineLabelConfig.from_dict(values, names=names),
    )


def _texts(path: Path, name: str, value: Any) -> list[str]:
    """Return the paths an entry of a TOML file names; only ``images`` can be several."""
    texts = [value] if isinstance(value, str) else value
    is_right = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    if not is_right or (name != "images" and len(texts) > 1):
        msg = f"{path}: {name} must be {'paths' if name == 'images' else 'a path'}, got {value!r}"
        raise DatasetError(msg)
    return list(texts)


def _band_numbers(path: Path, value: Any) -> tuple[int, ...] | None:
    try:
        bands: tuple[int, ...] | None = convert(value, tuple[Count, ...] | None)
    except KindError as error:
        msg = f"{path}: bands {error}"
        raise DatasetError(msg) from error
    return bands


def _open(entry: _Entry, bands: tuple[str, ...]) -> LineScene:
    scene = open_scene(entry.images, wanted=bands, bands=entry.bands)
    grid = native_grid(scene)
    frame = _read(entry.roads, entry.labels.layer, grid)
    inside = lines_inside(frame, grid, str(entry.roads), image=entry.images[0])
    roads = shapely.force_2d(inside.geometry.to_numpy())
    areas = None
    if entry.valid is not None:
        areas = _read(entry.valid, "", grid).geometry.to_numpy()
    return LineScene(
        scene=scene,
        grid=grid,
        roads=roads,
        half_widths_m=_half_widths_m(inside, roads, entry),
        ignore_m=entry.labels.ignore_m,
        areas=areas,
        sources=(entry.roads, *([] if entry.valid is None else [entry.valid])),
    )


def _read(path: Path, layer: str, grid: WorkGrid) -> geopandas.GeoDataFrame:
    """Read a vector file in the CRS of the grid."""
    try:
        frame = read_line_table(str(path), layer=layer, with_areas=True)
    except (NetworkError, ScoreError) as error:
        hint = "" if layer else '; a TOML file can name the layer (layer = "NAME")'
        msg = f"{error}{hint}"
        raise DatasetError(msg) from error
    return frame.to_crs(grid.crs.to_wkt())


def _half_widths_m(
    frame: geopandas.GeoDataFrame, roads: NDArray[np.object_], entry: _Entry
) -> NDArray[np.float64]:
    """Return half the width of every line: its attribute where that is a positive number."""
    labels = entry.labels
    widths = np.full(len(roads), labels.width_m)
    attribute = labels.width_attribute
    if attribute in frame.columns:
        # Attributes are often text; what is no number (OpenStreetMap: "7 m") gets the default.
        stated = pd.to_numeric(frame[attribute], errors="coerce").fillna(0).to_numpy(float)
        widths = np.where(stated > 0, stated, widths)
    elif attribute != _DEFAULTS.width_attribute:
        known = ", ".join(name for name in frame.columns if name != "geometry")
        msg = f"{entry.roads} has no attribute {attribute!r}; it has {known or 'none'}"
        raise DatasetError(msg)
    is_area = shapely.get_dimensions(roads) == 2
    return np.where(is_area, 0.0, widths / 2)
