"""The map of ``report.html``: imagery, probability and network, to zoom into without a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
from PIL import Image

from roadex.imagery.work_grid import WorkGrid
from roadex.outputs.html_page import jpeg_uri
from roadex.outputs.preview import PANEL_SIZE, imagery_panel, probability_panel
from roadex.outputs.web_map import leaflet_style, map_network, web_file

_MOST_EDGES: Final = 20_000
"""Edges on the map; short ones make a page of 2.5 MB."""

_STEPS_PER_PIXEL: Final = 4
"""Places of lines are exact to this part of a pixel of the pictures."""

_POLICY: Final = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""What a browser lets the page do: nothing from elsewhere."""

_STYLE: Final = """
#map { height: min(70vh, 40rem, 100vw); border: 1px solid var(--line); background: var(--paper); }
#legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; margin: 0.5rem 0; }
"""


def map_head() -> str:
    """Return what a page with the map has in its head."""
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    style = leaflet_style() + web_file("map.css") + _STYLE
    return f"{policy}<style>{style}</style>"


def map_section(edges: gpd.GeoDataFrame, preview: Path, grid: WorkGrid) -> list[str]:
    """Return the map and the scripts that draw it, as markup.

    Parameters
    ----------
    edges
        Edges of the network; of more than 20,000 the longest are drawn, and the page says so.
    preview
        The picture of the run, see :mod:`roadex.outputs.preview`.
    grid
        Work grid of the run.

    Raises
    ------
    OSError
        If the picture cannot be read.
    """
    with Image.open(preview) as image:
        pictures = {
            "imagery": jpeg_uri(imagery_panel(image), PANEL_SIZE),
            "probability": jpeg_uri(probability_panel(image), PANEL_SIZE),
        }
    step = max(grid.shape) / PANEL_SIZE / _STEPS_PER_PIXEL
    network = map_network(edges, grid, step_px=max(step, 0.1), most=_MOST_EDGES)
    content = {"pictures": pictures, "network": network}
    return [
        '<div id="map" role="region" aria-label="Map of imagery, probability and roads"></div>',
        '<p id="legend"></p>',
        f"<p>{_how_to(edges)}</p>",
        "<noscript><p>The map needs JavaScript; preview.png beside this page shows the same."
        "</p></noscript>",
        f'<script type="application/json" id="map-content">{_embedded(content)}</script>',
        f"<script>/*\n{web_file('leaflet.LICENSE')}*/\n{web_file('leaflet.js')}</script>",
        f"<script>{web_file('map.js')}</script><script>{web_file('report.js')}</script>",
    ]


def _how_to(edges: gpd.GeoDataFrame) -> str:
    text = (
        "A click on a road shows its values. Buttons, fingers and <kbd>+</kbd> <kbd>-</kbd> zoom, "
        "and so does the wheel after a click; dragging and arrow keys move the map. "
        "<code>roadex view</code> shows the imagery in full resolution."
    )
    if len(edges) <= _MOST_EDGES:
        return text
    longest = edges["length_m"].nlargest(_MOST_EDGES).sum() / edges["length_m"].sum()
    return (
        f"{text} The map has the {_MOST_EDGES:,} longest of {len(edges):,} edges, {longest:.0%} "
        "of the length."
    )


def _embedded(content: dict[str, Any]) -> str:
    """Return JSON that cannot end the element it stands in."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
