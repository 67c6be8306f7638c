"""A comparison with a reference as a GeoPackage: one styled layer a class, to work through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import geopandas as gpd

from roadex.outputs.line_classes import LineClass, write_line_classes

_CLASSES: Final = {
    # Okabe and Ito's colours, which the colour-blind tell apart
    "missing_in_reference": LineClass(
        "Missing in the reference",
        "Roads of the network that the reference lacks, the surest and longest first",
        (213, 94, 0),
    ),
    "only_in_reference": LineClass(
        "Only in the reference",
        "Roads of the reference that the network lacks",
        (0, 114, 178),
    ),
    "shifted": LineClass(
        "Shifted",
        "Roads both have at different places; dx_m, dy_m lead from the network to the reference",
        (230, 159, 0),
    ),
    "matched": LineClass("Matched", "Roads both have", (0, 158, 115), is_thin=True),
    "hidden": LineClass(
        "Hidden", "Roads of the reference in tunnels", (120, 120, 120), is_thin=True
    ),
}


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
    return write_line_classes(_CLASSES, layers, path, provenance=provenance, overwrite=overwrite)
