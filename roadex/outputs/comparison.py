"""A comparison with a reference as a GeoPackage: one styled layer a class, to work through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import geopandas as gpd

from roadex.outputs.gpkg import Layer, Style, styled_geopackage
from roadex.outputs.line_style import line_style
from roadex.outputs.whole import write_whole

_CLASSES: Final = {
    # layer: identifier, description, colour (Okabe and Ito's, which the colour-blind tell apart)
    "missing_in_reference": (
        "Missing in the reference",
        "Roads of the network that the reference lacks, the surest and longest first",
        "213,94,0,255",
    ),
    "only_in_reference": (
        "Only in the reference",
        "Roads of the reference that the network lacks",
        "0,114,178,255",
    ),
    "shifted": (
        "Shifted",
        "Roads both have at different places; dx_m, dy_m lead from the network to the reference",
        "230,159,0,255",
    ),
    "matched": ("Matched", "Roads both have", "0,158,115,255"),
    "hidden": ("Hidden", "Roads of the reference in tunnels", "120,120,120,255"),
}  # fmt: skip


def write_comparison(
    layers: Mapping[str, gpd.GeoDataFrame],
    path: Path,
    *,
    provenance: Mapping[str, Any],
    overwrite: bool = False,
) -> Path:
    """Write the classes of a comparison as layers that QGIS opens styled.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    written = [
        Layer(name, layers[name], "LineString", *_CLASSES[name][:2])
        for name in _CLASSES
        if name in layers
    ]
    styles = [
        Style(layer.name, "class", _style(layer.name), is_default=True, description="")
        for layer in written
    ]

    def write(place: Path) -> None:
        with styled_geopackage(place, written, provenance, styles):
            pass

    return write_whole(path, write, overwrite=overwrite)


def _style(name: str) -> str:
    width_mm = 0.4 if name in ("matched", "hidden") else 0.9
    return line_style(_CLASSES[name][2], width_mm)
