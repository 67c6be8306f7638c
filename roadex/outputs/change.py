"""Changes between two dates: a GeoPackage with a styled layer a class, and a page beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely
from PIL import Image, ImageDraw

from roadex.outputs.drawing import PAPER
from roadex.outputs.html_page import jpeg_uri, write_page
from roadex.outputs.line_classes import LineClass, write_line_classes

CHANGE_CLASSES: Final = {
    # Okabe and Ito's colours, which the colour-blind tell apart
    "appeared": LineClass(
        "Appeared", "Roads of the newer date that the older one was seen not to have", (213, 94, 0)
    ),
    "vanished": LineClass(
        "Vanished", "Roads of the older date that the newer one was seen not to have", (0, 114, 178)
    ),
    "unsure": LineClass(
        "Unsure",
        "Roads of one date of which the column reason says why it is unsure",
        (230, 159, 0),
    ),
    "not_seen": LineClass(
        "Not seen",
        "Roads of one date where the other has no imagery",
        (120, 120, 120),
        is_thin=True,
    ),
    "same": LineClass("Same", "Roads of both dates", (0, 158, 115), is_thin=True),
}

_PICTURE_PX: Final = 1800
_SUPERSAMPLING: Final = 2
_MARGIN_PX: Final = 12


def write_changes(
    layers: Mapping[str, gpd.GeoDataFrame],
    summary: Mapping[str, Any],
    path: Path,
    *,
    provenance: Mapping[str, Any],
    overwrite: bool = False,
) -> Path:
    """Write the classes of a change as layers, and ``NAME.html`` beside the file.

    Parameters
    ----------
    layers, summary
        Of :class:`roadex.network.change.Changes`.
    path
        The GeoPackage.
    provenance
        What was compared, and how, as JSON values.
    overwrite
        Whether existing files may be replaced.

    Raises
    ------
    OutputError
        If a file exists or cannot be written.
    """
    title = f"Change from {provenance['old']} to {provenance['new']}"

    def page(place: Path) -> None:
        write_page(place.with_suffix(".html"), title, _parts(title, layers, summary))

    return write_line_classes(
        CHANGE_CLASSES, layers, path, provenance=provenance, overwrite=overwrite, beside=page
    )


def _parts(
    title: str, layers: Mapping[str, gpd.GeoDataFrame], summary: Mapping[str, Any]
) -> Iterator[str]:
    km, (east, north) = summary["km"], summary["old_lies_m"]
    yield f"<h1>{escape(title)}</h1>"
    yield (
        f"<p><strong>{km['appeared']:,.2f} km appeared, {km['vanished']:,.2f} km vanished</strong>;"
        f" {summary['old_km']:,.1f} km before, {summary['new_km']:,.1f} km now.</p>"
    )
    yield from (f'<p class="warning">{escape(note)}</p>' for note in summary["notes"])
    uri = jpeg_uri(_picture(layers), _PICTURE_PX)
    yield f'<p><img src="{uri}" alt="Roads coloured by what became of them"></p>'
    yield "<table><tr><th></th><th>class</th><th>km</th><th>what it is</th></tr>"
    for name, each in CHANGE_CLASSES.items():
        red, green, blue = each.colour
        swatch = f'<span style="color: rgb({red},{green},{blue})">&#9644;</span>'
        yield (
            f'<tr><td>{swatch}</td><td>{escape(each.identifier)}</td><td class="number">'
            f"{km[name]:,.2f}</td><td>{escape(each.description)}</td></tr>"
        )
    yield "</table>"
    yield (
        f"<p>The older imagery lies {east:+.1f} m east and {north:+.1f} m north of the newer one; "
        "all lines are drawn where the newer one has them. Of roads that stayed, the newer date "
        f"shows {summary['probability_ratio']:.2f} times the probability of the older one.</p>"
    )


def _picture(layers: Mapping[str, gpd.GeoDataFrame]) -> Image.Image:
    """Draw all classes from north to south, changes over what stayed."""
    lines = {name: layer.geometry.to_numpy() for name, layer in layers.items()}
    every = np.concatenate(list(lines.values()))
    west, south, east, north = shapely.total_bounds(every) if len(every) else (0.0, 0.0, 1.0, 1.0)
    scale = _PICTURE_PX * _SUPERSAMPLING / max(east - west, north - south)
    margin = _MARGIN_PX * _SUPERSAMPLING
    width, height = (int(side * scale) + 2 * margin for side in (east - west, north - south))
    canvas = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(canvas)
    for name, each in reversed(CHANGE_CLASSES.items()):
        width_px = _SUPERSAMPLING * (2 if each.is_thin else 5)
        for line in lines.get(name, ()):
            places = (shapely.get_coordinates(line) - (west, north)) * (scale, -scale) + margin
            draw.line(
                [tuple(place) for place in places], fill=each.colour, width=width_px, joint="curve"
            )
    return canvas
