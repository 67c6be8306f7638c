"""Maps in web pages: the scripts they are made of, and a network as small JSON.

The map is Leaflet [1]_, one classic script, so that a page that holds it opens from disk.

References
----------
.. [1] V. Agafonkin, Leaflet 1.9.4, https://leafletjs.com (BSD-2-Clause, see NOTICE).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from roadex.imagery.work_grid import WorkGrid
from roadex.network.road_colours import lines_in_pixels

_DECIMALS: Final[Mapping[str, int]] = {
    "edge_id": 0,
    "confidence": 3,
    "length_m": 1,
    "width_m": 1,
    "prob_mean": 3,
    "prob_min": 3,
    "bridged": 3,
}
"""Columns of numbers that a map shows."""

_TEXTS: Final = ("surface", "review")


def web_file(name: str) -> str:
    """Return a script, style or page of ``roadex/outputs/web``."""
    return (files("roadex.outputs") / "web" / name).read_text(encoding="utf-8")


def leaflet_style() -> str:
    """Return Leaflet's style without the pictures of controls that are not used."""
    return re.sub(r"url\([^)]*\)", "none", web_file("leaflet.css"))


def map_network(
    edges: gpd.GeoDataFrame, grid: WorkGrid, *, step_px: float, most: int | None = None
) -> dict[str, Any]:
    """Return edges as JSON values for ``map.js``.

    Parameters
    ----------
    edges
        Edges of a network, in any CRS.
    grid
        Places are told in its pixels.
    step_px
        Places are rounded to multiples of it, and lines simplified by as much.
    most
        Edges to give at most, the longest; None is all.

    Returns
    -------
    network
        ``shape`` and ``gsd_m`` of the grid, ``step`` (``step_px``), ``columns`` (name to a list of
        values, None where unknown) and ``lines``: for each edge ``row, col`` of its first place and
        then of the way to each next one, in steps.
    """
    if most is not None and len(edges) > most:
        edges = edges.nlargest(most, "length_m").sort_index()
    pixels = lines_in_pixels(edges, grid)
    return {
        "shape": list(grid.shape),
        "gsd_m": grid.gsd_m,
        "step": step_px,
        "columns": _columns(edges),
        "lines": [_steps(line, step_px) for line in shapely.simplify(pixels, step_px)],
    }


def _steps(line: shapely.LineString, step_px: float) -> list[int]:
    places = np.round(shapely.get_coordinates(line)[:, ::-1] / step_px).astype(np.int64)
    steps = np.diff(places, axis=0, prepend=0)
    moves = steps.any(axis=1)
    moves[0] = True
    flat: list[int] = steps[moves].ravel().tolist()
    return flat


def _columns(edges: gpd.GeoDataFrame) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    for name, decimals in _DECIMALS.items():
        if name in edges:
            rounded = pd.to_numeric(edges[name]).round(decimals).astype(object)
            values[name] = rounded.where(rounded.notna(), None).tolist()
    for name in _TEXTS:
        if name in edges:
            texts = edges[name].astype(object)
            values[name] = texts.where(texts.notna(), None).tolist()
    return values
