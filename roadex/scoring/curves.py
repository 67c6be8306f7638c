"""Precision-recall and threshold curves as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from roadex.errors import OutputError, ScoreError
from roadex.scoring.report import ScoreReport

COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (120, 120, 120))
"""Okabe and Ito's colours, told apart with any colour vision."""

PLOT_PX = 420
MARGIN_PX = 64
INK, FRAME, PAPER = (20, 20, 20), (200, 200, 200), (255, 255, 255)


def write_curves(reports: Sequence[ScoreReport], path: Path) -> None:
    """Draw precision against recall, and IoU against the threshold, to a PNG.

    The dot marks the threshold of the highest accumulated IoU.

    Raises
    ------
    ScoreError
        If none of the predictions is a probability.
    OutputError
        If the picture cannot be written.
    """
    curves = [
        (_label(report.prediction), report.curves["thresholds"])
        for report in reports
        if "thresholds" in report.curves
    ]
    if not curves:
        msg = "curves need probability, but the predictions are masks"
        raise ScoreError(msg)
    width, height = 2 * (PLOT_PX + MARGIN_PX) + MARGIN_PX, PLOT_PX + 2 * MARGIN_PX
    picture = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=14)
    _frame(draw, font, MARGIN_PX, "recall", "precision")
    _frame(draw, font, 2 * MARGIN_PX + PLOT_PX, "threshold", "IoU of all pixels")
    for i, (name, curve) in enumerate(curves):
        colour = COLOURS[i % len(COLOURS)]
        best = max(range(len(curve["iou"])), key=curve["iou"].__getitem__)
        _line(draw, MARGIN_PX, curve["recall"], curve["precision"], best, colour)
        _line(draw, 2 * MARGIN_PX + PLOT_PX, curve["threshold"], curve["iou"], best, colour)
        text = f"{name}: IoU {curve['iou'][best]:.4f} at {curve['threshold'][best]:.3f}"
        draw.text((MARGIN_PX + 12, MARGIN_PX + PLOT_PX - 24 - 18 * i), text, fill=colour, font=font)
    try:
        picture.save(path)
    except (OSError, ValueError) as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error


def _label(prediction: str) -> str:
    """Return the name of a file or folder; of a pattern, the name of its folder."""
    path = Path(prediction)
    return path.parent.name if "*" in path.name else path.name


def _frame(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    left: int,
    across: str,
    up: str,
) -> None:
    for i in range(6):
        place = PLOT_PX * i // 5
        x, y = left + place, MARGIN_PX + PLOT_PX - place
        draw.line((x, MARGIN_PX, x, MARGIN_PX + PLOT_PX), fill=FRAME)
        draw.line((left, y, left + PLOT_PX, y), fill=FRAME)
        draw.text((x - 9, MARGIN_PX + PLOT_PX + 6), f"{i / 5:.1f}", fill=INK, font=font)
        draw.text((left - 30, y - 8), f"{i / 5:.1f}", fill=INK, font=font)
    draw.text((left + PLOT_PX // 2 - 30, MARGIN_PX + PLOT_PX + 28), across, fill=INK, font=font)
    draw.text((left, MARGIN_PX - 26), up, fill=INK, font=font)


def _line(
    draw: ImageDraw.ImageDraw,
    left: int,
    x: list[float],
    y: list[float],
    best: int,
    colour: tuple[int, int, int],
) -> None:
    points = [
        (left + PLOT_PX * a, MARGIN_PX + PLOT_PX * (1 - b)) for a, b in zip(x, y, strict=True)
    ]
    draw.line(points, fill=colour, width=2)
    across, down = points[best]
    draw.ellipse((across - 4, down - 4, across + 4, down + 4), fill=colour)
