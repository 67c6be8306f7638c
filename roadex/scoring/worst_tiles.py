"""A sheet of pictures: the worst tiles first, right and wrong roads in colour.

White: found; orange: predicted where there is none; blue: missed.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image, ImageDraw

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.outputs.drawing import (
    BACKGROUND,
    FALSE,
    FOUND,
    MISSED,
    NO_DATA,
    PAPER,
    Pixels,
    compose,
    resize,
    save_png,
)
from roadex.scoring.aligned_rasters import CACHE_BYTES, RasterPair
from roadex.scoring.image_pairs import find_pairs
from roadex.scoring.inputs import recognise_side
from roadex.scoring.line_scores import read_networks
from roadex.scoring.metrics.completeness import LineMatch, match_lines
from roadex.scoring.metrics.windows import PixelWindow
from roadex.scoring.report import ScoreReport, TileScore

PANEL_PX = 320
N_COLUMNS = 4


def write_sheet(report: ScoreReport, path: Path, *, n_tiles: int = 12) -> None:
    """Draw the worst tiles of a comparison to a PNG.

    The files of the report are read again, only where the tiles lie.

    Raises
    ------
    OutputError
        If the picture cannot be written.
    ScoreError
        If the files are no longer there.
    """
    tiles = report.worst_tiles()[:n_tiles]
    config = ScoreConfig.from_dict(report.config)
    kinds = {recognise_side(report.prediction).kind, recognise_side(report.truth).kind}
    panels = _line_panels(report, tiles, config) if kinds == {"lines"} else _pixel_panels(
        report, tiles, config
    )  # fmt: skip
    sheet = compose(
        panels,
        n_columns=min(N_COLUMNS, max(1, len(tiles))),
        captions=[_caption(tile, is_lines=kinds == {"lines"}) for tile in tiles],
        title=f"{_name(report.prediction)} against {_name(report.truth)}: worst tiles first",
        legend={"found": FOUND, "false": FALSE, "missed": MISSED},
    )
    save_png(sheet, path)


def _name(side: str) -> str:
    return Path(side).name


def paint(window: PixelWindow) -> Pixels:
    """Return the core of a window in colour, shape ``(H, W, 3)``."""
    prediction, truth, valid = (
        array[window.core] for array in (window.prediction, window.truth, window.valid)
    )
    colours = np.array([BACKGROUND, FALSE, MISSED, FOUND, NO_DATA], dtype=np.uint8)
    kind = np.where(valid, prediction + 2 * truth.astype(np.uint8), 4)
    painted: Pixels = colours[kind]
    return painted


def _pixel_panels(
    report: ScoreReport, tiles: list[TileScore], config: ScoreConfig
) -> list[Pixels]:  # fmt: skip
    pairs = find_pairs(recognise_side(report.prediction), recognise_side(report.truth), config)
    openers = dict(zip(pairs.names, pairs.openers, strict=True))
    panels = []
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
        for tile in tiles:
            if tile.name not in openers:
                msg = f"tile {tile.name} is no longer in {report.prediction}"
                raise ScoreError(msg)
            with ExitStack() as stack:
                panels.append(_paint_tile(stack.enter_context(openers[tile.name]()), tile, config))
    return panels


def _paint_tile(pair: RasterPair, tile: TileScore, config: ScoreConfig) -> Pixels:
    """Paint a tile, or a whole image piece by piece, at the size of a panel."""
    panel = Image.new("RGB", (PANEL_PX, PANEL_PX), PAPER)
    scale = PANEL_PX / max(tile.height, tile.width)
    for part in pair.tiles(config):
        row, col = int(part.core.row_off), int(part.core.col_off)
        is_inside = (
            tile.row <= row < tile.row + tile.height and tile.col <= col < tile.col + tile.width
        )
        if not is_inside:
            continue
        piece = paint(pair.read(part))
        height, width = piece.shape[:2]
        left, top = round((col - tile.col) * scale), round((row - tile.row) * scale)
        right = round((col - tile.col + width) * scale)
        bottom = round((row - tile.row + height) * scale)
        shape = max(1, bottom - top), max(1, right - left)
        panel.paste(Image.fromarray(resize(piece, shape)), (left, top))
    return np.asarray(panel)


def _line_panels(
    report: ScoreReport, tiles: list[TileScore], config: ScoreConfig
) -> list[Pixels]:  # fmt: skip
    prediction, truth, _ = read_networks(report.prediction, report.truth, config)
    predicted = match_lines(prediction, truth, config)
    true = match_lines(truth, prediction, config)
    return [_draw_cell(tile, predicted, true) for tile in tiles]


def _draw_cell(tile: TileScore, predicted: LineMatch, true: LineMatch) -> Pixels:
    panel = Image.new("RGB", (PANEL_PX, PANEL_PX), BACKGROUND)
    draw = ImageDraw.Draw(panel)
    scale = PANEL_PX / tile.width
    layers = (
        (true, ~true.is_matched, MISSED),
        (predicted, ~predicted.is_matched, FALSE),
        (predicted, predicted.is_matched, FOUND),
    )
    for match, chosen, colour in layers:
        xy = match.xy[chosen] - (tile.col, tile.row)
        inside = ((xy >= 0) & (xy < tile.width)).all(axis=1)
        for x, y in (xy[inside] * scale).tolist():
            draw.ellipse((x - 1.5, PANEL_PX - y - 1.5, x + 1.5, PANEL_PX - y + 1.5), fill=colour)
    return np.asarray(panel)


def _caption(tile: TileScore, *, is_lines: bool) -> str:
    if is_lines:
        missed_m, false_m = tile.confusion.false_negative / 1e3, tile.confusion.false_positive / 1e3
        lengths = f"-{missed_m:.0f} m +{false_m:.0f} m"
        return f"{tile.name}  quality {tile.confusion.iou:.3f}  {lengths}"
    place = "" if tile.row == tile.col == 0 else f" r{tile.row} c{tile.col}"
    name = tile.name if len(tile.name) <= 18 else f"{tile.name[:17]}…"
    return f"{name}{place}  IoU {tile.confusion.iou:.3f}"
