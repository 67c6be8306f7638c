"""Compare predicted roads with true ones.

    prediction ─┐                                      ┌─ raster metrics, tile by tile
                ├─ recognise ─► align or refuse, say ──┤
    truth ──────┘                                      └─ line metrics, as networks in metres

Either side is a mask, a probability raster, a folder of tiles, or a file with lines. What was
recognised, assumed and aligned is said in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.metrics import LINE_METRICS, PIXEL_METRICS
from roadex.score.networks import score_lines
from roadex.score.pixels import find_pairs, score_pixels
from roadex.score.report import ScoreReport, TileScore, write_csv, write_json
from roadex.score.sides import recognise_side

__all__ = ["ScoreReport", "TileScore", "score", "write_csv", "write_json"]


def score(
    prediction: str | Path,
    truth: str | Path,
    config: ScoreConfig | None = None,
    *,
    metrics: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ScoreReport:
    """Compare predicted roads with true ones.

    Parameters
    ----------
    prediction, truth
        Each a mask, a probability raster, a folder of tiles (paired by the stem of their names),
        or a vector file with lines.
    config
        Settings; the defaults if None.
    metrics
        Names out of :data:`~roadex.metrics.PIXEL_METRICS` and
        :data:`~roadex.metrics.LINE_METRICS`; all that apply if None.
    progress
        Called with the number of images done and their number.

    Raises
    ------
    ScoreError
        If the sides cannot be recognised or aligned, or a metric is unknown.
    """
    config = config or ScoreConfig()
    pixel_metrics, line_metrics = _choose(metrics)
    predicted, true = recognise_side(prediction), recognise_side(truth)
    if predicted.kind == true.kind == "lines":
        report = score_lines(predicted, true, config, metrics=line_metrics)
    else:
        pairs = find_pairs(predicted, true, config)
        report = score_pixels(pairs, config, metrics=pixel_metrics, progress=progress)
    return replace(report, prediction=str(prediction), truth=str(truth))


def _choose(metrics: Sequence[str] | None) -> tuple[list[str], list[str]]:
    if metrics is None:
        return list(PIXEL_METRICS), list(LINE_METRICS)
    unknown = sorted(set(metrics) - set(PIXEL_METRICS) - set(LINE_METRICS))
    if unknown:
        known = ", ".join([*PIXEL_METRICS, *LINE_METRICS])
        msg = f"unknown metric {unknown[0]!r}; known: {known}"
        raise ScoreError(msg)
    return (
        [name for name in PIXEL_METRICS if name in metrics],
        [name for name in LINE_METRICS if name in metrics],
    )
