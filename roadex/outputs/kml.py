"""KML for Google Earth, with a colour for each class of confidence. Always longitude, latitude."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

import numpy as np
import shapely

from roadex.config import OutputConfig
from roadex.network.confidence import how_sure
from roadex.outputs.layers import write_provenance

if TYPE_CHECKING:
    from roadex.outputs import Network

_CLASSES: Final = (
    # lowest mean probability, name, colour (aabbggrr): viridis, which the colour-blind read
    (0.9, "0.90 to 1.00", "ff25e7fd"),
    (0.8, "0.80 to 0.90", "ff62c95e"),
    (0.65, "0.65 to 0.80", "ff8c9121"),
    (0.5, "0.50 to 0.65", "ff8b523b"),
    (0.0, "below 0.50", "ff540144"),
)
_HIDDEN: Final = ("edge_id", "u", "v", "key", "component_id")


def write(
    network: Network, path: Path, provenance: Mapping[str, Any], config: OutputConfig
) -> None:
    """Write the edges in a folder for each class, and provenance beside them."""
    edges = network.edges.to_crs(4326)
    sure = how_sure(edges).to_numpy()
    limits = np.array([limit for limit, _, _ in _CLASSES])
    chosen = (sure[:, None] >= limits).argmax(axis=1)
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>roads</name>\n')
        for k, (_, name, colour) in enumerate(_CLASSES):
            file.write(
                f'<Style id="c{k}"><LineStyle><color>{colour}</color><width>3</width></LineStyle>'
                f"</Style>\n<Folder><name>{name}</name>\n"
            )
            for i in np.flatnonzero(chosen == k):
                file.write(_placemark(edges.iloc[i], k, config.geojson_digits))
            file.write("</Folder>\n")
        file.write("</Document></kml>\n")
    write_provenance(provenance, path)


def _placemark(edge: Any, k: int, digits: int) -> str:
    points = shapely.get_coordinates(edge.geometry)
    line = " ".join(f"{x:.{digits}f},{y:.{digits}f}" for x, y in points.tolist())
    data = "".join(
        f'<Data name="{name}"><value>{escape(str(value))}</value></Data>'
        for name, value in edge.items()
        if name != "geometry" and name not in _HIDDEN and value is not None and value == value
    )
    return (
        f"<Placemark><name>{edge.get('edge_id', '')}</name><styleUrl>#c{k}</styleUrl>"
        f"<ExtendedData>{data}</ExtendedData>"
        f"<LineString><tessellate>1</tessellate><coordinates>{line}</coordinates></LineString>"
        "</Placemark>\n"
    )
