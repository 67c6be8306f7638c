"""Windows in which a person is to draw the true roads, as a GeoPackage that QGIS opens styled."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import pandas as pd

from roadex.outputs.gpkg import Layer, Style
from roadex.outputs.line_style import line_style
from roadex.outputs.styled_layers import write_styled_layers

WINDOW_LAYER: Final = "windows"
TRUTH_LAYER: Final = "truth"

_TRUTH_COLOUR: Final = "204,121,167,255"
"""Okabe and Ito's purple: no style of a network has it."""


def write_assessment(
    windows: gpd.GeoDataFrame, path: Path, *, provenance: Mapping[str, Any], overwrite: bool = False
) -> Path:
    """Write windows, and an empty layer for the true roads, in the CRS of the windows.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    nothing = gpd.GeoDataFrame(
        {"note": pd.Series([], dtype="object")}, geometry=gpd.GeoSeries([], crs=windows.crs)
    )
    layers = [
        Layer(
            WINDOW_LAYER, windows, "Polygon", "Windows to assess",
            "Draw all roads of a window in the layer truth, then set its state to done",
        ),
        Layer(TRUTH_LAYER, nothing, "LineString", "True roads", "Centre lines of all true roads"),
    ]  # fmt: skip
    qml = (files("roadex.outputs") / "styles" / "assessment_windows.qml").read_text("utf-8")
    styles = [
        Style(WINDOW_LAYER, "state", qml, is_default=True, description="Outline by state"),
        Style(
            TRUTH_LAYER, "truth", line_style(_TRUTH_COLOUR, 0.9), is_default=True, description=""
        ),
    ]
    return write_styled_layers(layers, styles, path, provenance=provenance, overwrite=overwrite)
