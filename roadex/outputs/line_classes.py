"""Lines sorted into classes as a GeoPackage: one styled layer a class, to work through in QGIS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd

from roadex.outputs.drawing import Colour
from roadex.outputs.gpkg import Layer, Style
from roadex.outputs.line_style import line_style
from roadex.outputs.styled_layers import write_styled_layers


class LineClass(NamedTuple):
    """How a class of lines is named and drawn."""

    identifier: str
    description: str
    colour: Colour
    is_thin: bool = False
    """Whether its lines are context rather than work."""


def write_line_classes(
    classes: Mapping[str, LineClass],
    layers: Mapping[str, gpd.GeoDataFrame],
    path: Path,
    *,
    provenance: Mapping[str, Any],
    overwrite: bool = False,
    beside: Callable[[Path], None] | None = None,
) -> Path:
    """Write each class as a layer that QGIS opens styled.

    Parameters
    ----------
    classes
        Name of the layer to how it is drawn, in the order of the file.
    layers
        Lines of each class; a class without an entry is left out.
    path
        The GeoPackage.
    provenance
        What it was made from and how, as JSON values.
    overwrite
        Whether an existing file may be replaced.
    beside
        Writes another file beside the path it is given; both appear, or none.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    written = [
        Layer(name, layers[name], "LineString", each.identifier, each.description)
        for name, each in classes.items()
        if name in layers
    ]
    styles = [
        Style(layer.name, "class", _style(classes[layer.name]), is_default=True, description="")
        for layer in written
    ]
    return write_styled_layers(
        written, styles, path, provenance=provenance, overwrite=overwrite, beside=beside
    )


def _style(each: LineClass) -> str:
    red, green, blue = each.colour
    return line_style(f"{red},{green},{blue},255", 0.4 if each.is_thin else 0.9)
