"""Pictures of results: colours, panels side by side with captions, legends. What draws, draws here.

Pictures are arrays of shape ``(H, W, 3)``, uint8. The colours are Okabe and Ito's: they differ in
brightness and are told apart with any colour vision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from roadex.errors import OutputError
from roadex.files import whole_file

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

WHITE, PAPER, INK = (255, 255, 255), (250, 250, 250), (20, 20, 20)
NO_DATA = (90, 90, 90)
BACKGROUND, FOUND, FALSE, MISSED = (24, 24, 24), (255, 255, 255), (230, 120, 0), (86, 180, 233)
"""Of comparisons: neither side has road, both have, the prediction alone, the truth alone."""

SERIES: tuple[Colour, ...] = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (120, 120, 120)
)  # fmt: skip
"""Of curves, in their order."""

_TEXT_PX = 14
_LINE_PX = 24
_SWATCH_PX = 14
_PNG_LEVEL = 2
"""Of compression: half the time of the usual 6 for two per cent more bytes of imagery."""


def displayable(image: NDArray[np.float32], valid: NDArray[np.bool_] | None = None) -> Pixels:
    """Return what people see of an image.

    Parameters
    ----------
    image
        Shape ``(C, H, W)``, 0 to 255. Of three or more bands the first three are red, green and
        blue; else the first one is grey.
    valid
        Shape ``(H, W)``; where it is False the picture is grey. None is valid everywhere.
    """
    bands = image[:3] if len(image) >= 3 else image[[0, 0, 0]]
    colours: Pixels = np.moveaxis(bands, 0, -1).round().astype(np.uint8)
    if valid is not None:
        colours[~valid] = NO_DATA
    return colours


def grey(values: NDArray[np.generic], valid: NDArray[np.bool_] | None = None) -> Pixels:
    """Return 0 to 255 of shape ``(H, W)`` as a picture, :data:`NO_DATA` where it is not valid."""
    picture: Pixels = np.repeat(values.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    if valid is not None:
        picture[~valid] = NO_DATA
    return picture


def fit(picture: Pixels, side: int) -> Pixels:
    """Scale a picture to a longer side of ``side``: means when shrinking, else repeated pixels."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    return resize(picture, (max(1, round(height * scale)), max(1, round(width * scale))))


def resize(picture: Pixels, shape: tuple[int, int]) -> Pixels:
    """Scale a picture to ``(H, W)``: means when shrinking, else repeated pixels."""
    is_smaller = shape[0] * shape[1] < picture.shape[0] * picture.shape[1]
    resampling = Image.Resampling.BOX if is_smaller else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize(shape[::-1], resampling))


def compose(
    panels: Sequence[Pixels],
    *,
    n_columns: int,
    captions: Sequence[str] = (),
    title: str = "",
    legend: Mapping[str, Colour] | None = None,
    gap_px: int = 12,
    margin_px: int = 12,
    paper: Colour = PAPER,
) -> Image.Image:
    """Put panels side by side, row by row; all get the room of the largest.

    Parameters
    ----------
    panels
        Pictures.
    n_columns
        Panels in a row.
    captions
        A line below each panel; none is no room for captions.
    title, legend
        Lines above all panels; a legend is text to colour.
    gap_px, margin_px
        Room between panels, and around all.
    paper
        Colour of what no panel covers.
    """
    room = [max(panel.shape[axis] for panel in panels) for axis in (0, 1)] if panels else [0, 0]
    below = _LINE_PX if captions else 0
    header = _LINE_PX * (bool(title) + bool(legend))
    n_rows = -(-len(panels) // n_columns)
    width = 2 * margin_px + n_columns * (room[1] + gap_px) - gap_px
    height = 2 * margin_px + header + n_rows * (room[0] + below + gap_px) - gap_px
    sheet = Image.new("RGB", (max(width, _width_of(title, margin_px)), max(height, header)), paper)
    draw = ImageDraw.Draw(sheet)
    _draw_header(draw, title, legend or {}, margin_px)
    for i, panel in enumerate(panels):
        left = margin_px + (i % n_columns) * (room[1] + gap_px)
        top = margin_px + header + (i // n_columns) * (room[0] + below + gap_px)
        sheet.paste(Image.fromarray(panel), (left, top))
        if captions:
            draw.text((left, top + room[0] + 4), captions[i], fill=INK, font=_font())
    return sheet


def save_png(picture: Image.Image, path: Path) -> None:
    """Write a picture, whole or not at all.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    try:
        with whole_file(path) as partial:
            picture.save(partial, format="PNG", compress_level=_PNG_LEVEL)
    except OSError as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=_TEXT_PX)


def _width_of(text: str, margin_px: int) -> int:
    return math.ceil(_font().getlength(text)) + 2 * margin_px if text else 0


def _draw_header(
    draw: ImageDraw.ImageDraw, title: str, legend: Mapping[str, Colour], margin_px: int
) -> None:
    top = margin_px
    if title:
        draw.text((margin_px, top), title, fill=INK, font=_font())
        top += _LINE_PX
    left = margin_px
    for text, colour in legend.items():
        draw.rectangle((left, top, left + _SWATCH_PX, top + _SWATCH_PX), fill=colour, outline=INK)
        draw.text((left + _SWATCH_PX + 6, top - 1), text, fill=INK, font=_font())
        left += _SWATCH_PX + 24 + math.ceil(_font().getlength(text))
