"""Lines led along roads as a GeoPackage that QGIS opens styled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import geopandas as gpd

from roadex.outputs.gpkg import Layer, Style
from roadex.outputs.line_style import line_style
from roadex.outputs.styled_layers import write_styled_layers

LAYER: Final = "snapped"

_COLOUR: Final = "86,180,233,255"
"""Okabe and Ito's sky blue."""


def write_snapped(
    lines: gpd.GeoDataFrame, path: Path, *, provenance: Mapping[str, Any], overwrite: bool = False
) -> Path:
    """Write the lines of :func:`roadex.network.snapping.snap_lines`.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    frame = lines.drop(columns="fid", errors="ignore")
    layer = Layer(LAYER, frame, "LineString", "Snapped lines", "Lines led along roads")
    style = Style(LAYER, "snapped", line_style(_COLOUR, 0.7), is_default=True, description="")
    return write_styled_layers([layer], [style], path, provenance=provenance, overwrite=overwrite)
