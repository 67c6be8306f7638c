"""A GeoPackage of styled layers that is all there or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from roadex.outputs.gpkg import Layer, Style, styled_geopackage
from roadex.outputs.whole import write_whole


def write_styled_layers(
    layers: Sequence[Layer],
    styles: Sequence[Style],
    path: Path,
    *,
    provenance: Mapping[str, Any],
    overwrite: bool,
    beside: Callable[[Path], None] | None = None,
) -> Path:
    """Write layers with their styles, and what ``beside`` writes beside the path it is given.

    Raises
    ------
    OutputError
        If a file exists or cannot be written.
    """

    def write(place: Path) -> None:
        with styled_geopackage(place, layers, provenance, styles):
            pass
        if beside is not None:
            beside(place)

    return write_whole(path, write, overwrite=overwrite)
