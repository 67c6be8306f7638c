"""Precision-recall and threshold curves as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadex.errors import OutputError, ScoreError
from roadex.files import whole_file
from roadex.outputs.drawing import SERIES
from roadex.scoring.report import ScoreReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_INCHES, _DPI = (10.5, 5.0), 100


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
    # A figure of its own, without pyplot: no window system is asked for, no state is shared.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    by_recall, by_threshold = figure.subplots(1, 2)
    for i, (name, curve) in enumerate(curves):
        colour = tuple(part / 255 for part in SERIES[i % len(SERIES)])
        best = max(range(len(curve["iou"])), key=curve["iou"].__getitem__)
        text = f"{name}: IoU {curve['iou'][best]:.4f} at {curve['threshold'][best]:.3f}"
        for axes, x, y in ((by_recall, "recall", "precision"), (by_threshold, "threshold", "iou")):
            axes.plot(curve[x], curve[y], color=colour, label=text)
            axes.plot(curve[x][best], curve[y][best], "o", color=colour)
    _finish(by_recall, "recall", "precision")
    _finish(by_threshold, "threshold", "IoU of all pixels")
    by_recall.legend(loc="lower left", fontsize="small")
    _save(figure, path)


def _label(prediction: str) -> str:
    """Return the name of a file or folder; of a pattern, the name of its folder."""
    path = Path(prediction)
    return path.parent.name if "*" in path.name else path.name


def _finish(axes: Axes, across: str, up: str) -> None:
    axes.set(xlabel=across, ylabel=up, xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.4)


def _save(figure: Any, path: Path) -> None:
    try:
        with whole_file(path) as partial:
            figure.savefig(partial, format="png")
    except OSError as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error
