"""Lines over pictures, and small files of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from roadex.outputs.drawing import Colour, Pixels

KEPT, GONE, NEW = (0, 90, 150), (213, 94, 0), (0, 150, 110)
"""Of lines that stay, go, come."""

JUNCTION, FRAME = (30, 30, 30), (190, 190, 190)

_SUPERSAMPLING = 3


class Sketch:
    """A picture that is drawn on, in pixel coordinates of what it shows."""

    def __init__(self, background: Pixels, *, zoom: int = 1) -> None:
        """Begin with a picture, each of whose pixels becomes ``zoom`` pixels."""
        self._zoom = zoom
        height, width = background.shape[:2]
        self._size = (width * zoom, height * zoom)
        self._scale = zoom * _SUPERSAMPLING
        self._sheet = Image.fromarray(background).resize(
            (width * self._scale, height * self._scale), Image.Resampling.NEAREST
        )
        self._draw = ImageDraw.Draw(self._sheet)

    def lines(self, lines: Iterable[shapely.Geometry], colour: Colour, width_px: float = 3) -> None:
        """Draw lines; the width is that of the finished picture."""
        for line in shapely.get_parts(list(lines)):
            points = [tuple(p) for p in shapely.get_coordinates(line) * self._scale]
            if len(points) > 1:
                self._draw.line(
                    points, fill=colour, width=round(width_px * _SUPERSAMPLING), joint="curve"
                )

    def dots(self, points: Iterable[shapely.Point], colour: Colour, radius_px: float = 4) -> None:
        """Draw points."""
        radius = radius_px * _SUPERSAMPLING
        for x, y in shapely.get_coordinates(list(points)) * self._scale:
            self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def finished(self) -> Pixels:
        """Return the picture."""
        return np.asarray(self._sheet.resize(self._size, Image.Resampling.LANCZOS))


def pale(probability: NDArray[np.uint8]) -> Pixels:
    """Return stored probability (0 to 254) as a light picture that lines stand out from."""
    shade = 255 - probability.astype(np.float32) * (110 / 254)
    return np.repeat(shade.astype(np.uint8)[..., None], 3, axis=2)


def save_small(picture: Image.Image, path: Path) -> None:
    """Write a drawing as PNG of at most 128 colours, a photograph as JPEG."""
    if path.suffix == ".jpg":
        picture.convert("RGB").save(path, quality=82, optimize=True, progressive=True)
        return
    method = Image.Quantize.MAXCOVERAGE  # rare colours stay what they are
    drawing = picture.quantize(128, method=method, dither=Image.Dither.NONE)
    drawing.save(path, optimize=True)
