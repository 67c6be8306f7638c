"""A dataset of fAIr (Humanitarian OpenStreetMap Team): tiles of a web map, and roads of OSM.

``chips/`` holds tiles named ``OAM-X-Y-ZOOM.tif``, each with its georeference in ``.aux.xml``;
``labels/`` holds GeoJSON with lines of OpenStreetMap and their tags. Both are searched with all
their sub-folders, as ``fair dataset build`` writes them. A tile of zoom 19 is at most 76 m wide,
too small to judge a road by: all tiles together are one scene, with holes where a tile is missing.
The folders of fAIr's own sample are called ``oam/`` and ``osm/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from roadex.config import LineLabelConfig
from roadex.errors import DatasetError, NetworkError, ScoreError
from roadex.imagery.scene import open_scene
from roadex.network.reference import read_reference
from roadex.training.datasets.labelled import Labelled
from roadex.training.datasets.line_scene import LineScene, lines_inside, native_grid

_CHIPS = ("chips/**/OAM-*.tif", "oam/**/OAM-*.tif")
_LABELS = ("labels/**/*.geojson", "osm/**/*.geojson")


def recognises(folder: Path) -> bool:
    """Return whether ``folder`` holds tiles and GeoJSON where fAIr has them."""
    return bool(_files(folder, _CHIPS) and _files(folder, _LABELS))


def unmatched_labels(folder: Path) -> list[Path]:  # noqa: ARG001 - all labels belong to all tiles
    """Return nothing: all labels are labels of the one scene."""
    return []


def find(folder: Path, *, bands: tuple[str, ...]) -> list[Labelled]:
    """Return the one scene that the tiles of ``folder`` are, with the roads in it.

    Roads have the width of their tags (``width``, or ``lanes``), else the default of
    :class:`~roadex.config.LineLabelConfig`. Ways that are no roads for cars and tunnels are left
    out, see :mod:`roadex.network.reference`.

    Raises
    ------
    DatasetError
        If there are no tiles or no labels, or no road lies in the tiles.
    SceneError
        If the tiles do not fit together: several zooms, sizes or kinds of bands.
    """
    tiles, labels = _files(folder, _CHIPS), _files(folder, _LABELS)
    for files, patterns in ((tiles, _CHIPS), (labels, _LABELS)):
        if not files:
            msg = f"{folder} is no dataset of fAIr: it has no {' or '.join(patterns)}"
            raise DatasetError(msg)
    scene = open_scene(tiles, wanted=bands, web_tiles=True)
    grid = native_grid(scene)
    try:
        roads = pd.concat([read_reference(path).roads for path in labels])
    except (NetworkError, ScoreError) as error:
        raise DatasetError(str(error)) from error
    visible = roads[~roads["is_hidden"]].to_crs(grid.crs.to_wkt())
    inside = lines_inside(visible, grid, "the labels", image=f"the tiles of {folder}")
    defaults = LineLabelConfig()
    widths_m = inside["width_m"].where(inside["width_m"] > 0, defaults.width_m)
    return [
        LineScene(
            scene=scene,
            grid=grid,
            roads=shapely.force_2d(inside.geometry.to_numpy()),
            half_widths_m=widths_m.to_numpy(np.float64) / 2,
            ignore_m=defaults.ignore_m,
            sources=tuple(labels),
        )
    ]


def _files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted(path for pattern in patterns for path in folder.glob(pattern))
