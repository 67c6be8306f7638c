"""Compare predicted roads with true ones.

    prediction ─┐                                      ┌─ raster metrics, tile by tile
                ├─ recognise ─► align or refuse, say ──┤
    truth ──────┘                                      └─ line metrics, as networks in metres

Either side is a mask, a probability raster, a folder of tiles, or a file with lines. What was
recognised, assumed and aligned is said in the report. Against lines, a raster is scored twice: as
pixels (the lines are drawn) and as lines (the raster is traced).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.extensions import Family, extension_records, find_extension, names_with_extensions
from roadex.network.line_reader import RoadLines, read_lines
from roadex.progress import Display, default_display
from roadex.scoring.aligned_rasters import grid_of
from roadex.scoring.image_pairs import find_pairs, side_encoding
from roadex.scoring.in_memory import Comparable, side_path
from roadex.scoring.inputs import Side, recognise_side
from roadex.scoring.line_scores import score_lines
from roadex.scoring.metrics import LINE_METRICS, PIXEL_METRICS, load_metric
from roadex.scoring.pixel_scores import score_pixels
from roadex.scoring.report import ScoreReport, TileScore, write_csv, write_json

__all__ = ["ScoreReport", "TileScore", "score", "write_csv", "write_json"]


def score(
    prediction: Comparable,
    truth: Comparable,
    config: ScoreConfig | None = None,
    *,
    metrics: Sequence[str] | None = None,
    progress: Display | None = None,
) -> ScoreReport:
    """Compare predicted roads with true ones.

    Parameters
    ----------
    prediction, truth
        Each the path of a mask, a probability raster, a folder of tiles (paired by the stem of
        their names), or a vector file with lines; or in memory a :class:`roadex.RoadNetwork`, a
        table of lines, an open raster, or an array: bool, a mask; float in [0, 1]; or uint8,
        probability times 254. Arrays have no place: both sides are one then, of the same shape.
    config
        Settings; the defaults if None.
    metrics
        Names out of :data:`~roadex.scoring.metrics.PIXEL_METRICS` and
        :data:`~roadex.scoring.metrics.LINE_METRICS`; if None all pixel metrics where a side is a
        raster, and all line metrics where a side is lines. Those of extensions are computed where
        they are named.
    progress
        Shows the images done; None is a display in a notebook, else nothing.

    Raises
    ------
    ScoreError
        If the sides cannot be recognised or aligned, or a metric is unknown.
    TypeError, ValueError
        If a side in memory is neither roads nor probability.

    Examples
    --------
    >>> report = roadex.score("roads.gpkg", "truth.gpkg", metrics=["completeness"])
    >>> 0 <= report.value("quality") <= 1
    True
    """
    with TemporaryDirectory(prefix="roadex-") as folder:
        sides = {"prediction": prediction, "truth": truth}
        paths = {name: side_path(side, Path(folder), name) for name, side in sides.items()}
        report = _score_files(
            **paths, config=config, metrics=metrics, progress=progress or default_display()
        )
    # The file of what was in memory is gone: what it was is said instead.
    names = {name: _name(side) for name, side in sides.items()}
    return replace(report, prediction=names["prediction"], truth=names["truth"])


def _name(side: Comparable) -> str:
    return str(side) if isinstance(side, str | Path) else type(side).__name__


def _score_files(
    prediction: str,
    truth: str,
    *,
    config: ScoreConfig | None,
    metrics: Sequence[str] | None,
    progress: Display | None,
) -> ScoreReport:
    config = config or ScoreConfig()
    pixel_metrics, line_metrics = _choose(metrics)
    predicted, true = recognise_side(prediction), recognise_side(truth)
    kinds = {predicted.kind, true.kind}
    reports = []
    if kinds != {"lines"} and pixel_metrics:
        pairs = find_pairs(predicted, true, config)
        reports.append(score_pixels(pairs, config, metrics=pixel_metrics, progress=progress))
    has_lines = "lines" in kinds and "tiles" not in kinds
    if line_metrics and (has_lines or metrics is not None):
        reports.append(_score_lines(predicted, true, config, line_metrics))
    if not reports:
        msg = f"none of {', '.join(metrics or ())} applies to {prediction} and {truth}"
        raise ScoreError(msg)
    return _with_origin(_joined(reports), metrics or ())


def _score_lines(
    predicted: Side, true: Side, config: ScoreConfig, metrics: Sequence[str]
) -> ScoreReport:
    """Score both sides as lines; a raster is traced, the other side cut to its extent."""
    if "tiles" in (predicted.kind, true.kind):
        msg = (
            f"{', '.join(metrics)} compare networks, a folder of tiles has none; "
            "make a mosaic first with `gdalbuildvrt`, or choose pixel metrics with --metric"
        )
        raise ScoreError(msg)
    prediction, truth = (_lines(s, config, is_truth=s is true) for s in (predicted, true))
    notes = [prediction[1], truth[1]]
    lines = [prediction[0], truth[0]]
    for i, other in ((0, true), (1, predicted)):
        if other.kind == "raster":
            from roadex.scoring.centre_lines import clip_to_grid

            lines[i], note = clip_to_grid(lines[i], grid_of(other.path))
            notes.append(note)
    report = score_lines(lines[0], lines[1], config, metrics=metrics)
    return replace(report, decisions=[*filter(None, notes), *report.decisions])


def _lines(side: Side, config: ScoreConfig, *, is_truth: bool) -> tuple[RoadLines, str]:
    if side.kind == "lines":
        return read_lines(side.path), ""
    # Compiled kernels, for whom a raster is to be traced: most comparisons do without.
    from roadex.scoring.centre_lines import centre_lines

    encoding, _ = side_encoding(side, [side.path], config, is_truth=is_truth)
    return centre_lines(side.path, encoding, config)


def _joined(reports: list[ScoreReport]) -> ScoreReport:
    """Return one report with the scores of all; tiles are those of the first."""
    first = reports[0]
    decisions = dict.fromkeys(line for report in reports for line in report.decisions)
    return replace(
        first,
        scores={name: values for report in reports for name, values in report.scores.items()},
        decisions=list(decisions),
    )


def _choose(metrics: Sequence[str] | None) -> tuple[list[str], list[str]]:
    if metrics is None:
        return list(PIXEL_METRICS), list(LINE_METRICS)
    added = {name: _added_metric(name) for name in sorted(_not_own(metrics))}
    pixel = [name for name in PIXEL_METRICS if name in metrics]
    line = [name for name in LINE_METRICS if name in metrics]
    return (
        pixel + [name for name, metric in added.items() if hasattr(metric, "count")],
        line + [name for name, metric in added.items() if hasattr(metric, "measure")],
    )


def _not_own(metrics: Sequence[str]) -> set[str]:
    return set(metrics) - set(PIXEL_METRICS) - set(LINE_METRICS)


def _added_metric(name: str) -> ModuleType:
    if find_extension(Family.METRICS, name) is None:
        own = [*PIXEL_METRICS, *LINE_METRICS]
        known = ", ".join(names_with_extensions(Family.METRICS, own))
        msg = f"unknown metric {name!r}; available: {known}"
        raise ScoreError(msg)
    return load_metric(name)


def _with_origin(report: ScoreReport, metrics: Sequence[str]) -> ScoreReport:
    """Say which packages the metrics are from that are not of roadex."""
    added = extension_records(Family.METRICS, sorted(_not_own(metrics)))
    notes = [f"metric {one['name']} is of {one['package']} {one['version']}" for one in added]
    return replace(report, decisions=[*report.decisions, *notes]) if notes else report
