"""Scores of rasters against rasters or lines, tile by tile in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.imagery.tiling import Tile
from roadex.network.line_reader import RoadLines, read_lines
from roadex.probability.values import MEANING, Encoding, decide_encoding
from roadex.progress import Display, Silent, Stopwatch
from roadex.scoring.aligned_rasters import (
    CACHE_BYTES,
    LineReader,
    RasterPair,
    grid_of,
    open_reader,
)
from roadex.scoring.bootstrap import percentile_interval, resample
from roadex.scoring.inputs import Side, pair_tiles
from roadex.scoring.metrics import load_metric
from roadex.scoring.metrics.confusion import Confusion
from roadex.scoring.metrics.iou import mean_iou
from roadex.scoring.metrics.thresholds import N_LEVELS
from roadex.scoring.report import ScoreReport, TileScore

STAGE = "score"

OpenPair = Callable[[], Any]
"""Opens one image: a context manager that yields a :class:`RasterPair`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePairs:
    """Images to compare, each opened when its turn comes."""

    names: list[str]
    openers: Sequence[OpenPair]
    has_probability: bool
    decisions: list[str]


@dataclass(slots=True)
class _Totals:
    """Counts of everything so far."""

    counts: dict[str, Any] = field(default_factory=dict)
    images: list[Confusion] = field(default_factory=list)
    tiles: list[TileScore] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    iou_by_level: NDArray[np.float64] = field(default_factory=lambda: np.zeros(N_LEVELS))
    """Sum over images of the IoU at each threshold."""

    n_pixels: int = 0


def find_pairs(prediction: Side, truth: Side, config: ScoreConfig) -> ImagePairs:
    """Pair the images of two sides, at least one of which is a raster or a folder of them."""
    if "lines" in (prediction.kind, truth.kind):
        return _raster_and_lines(prediction, truth, config)
    pairs, notes = pair_tiles(prediction, truth)
    predicted, note = side_encoding(prediction, [p for _, p, _ in pairs], config, is_truth=False)
    true, truth_note = side_encoding(truth, [t for _, _, t in pairs], config, is_truth=True)
    return ImagePairs(
        names=[name for name, _, _ in pairs],
        openers=[partial(_open_rasters, *pair, predicted, true, config) for pair in pairs],
        has_probability=predicted.is_probability,
        decisions=[note, truth_note, *notes],
    )


def score_pixels(
    pairs: ImagePairs,
    config: ScoreConfig,
    *,
    metrics: Sequence[str],
    progress: Display | None = None,
) -> ScoreReport:
    """Score all images together.

    Parameters
    ----------
    pairs
        Images to compare.
    config
        Settings.
    metrics
        Names of pixel metrics; those that need probability are left out where there is none.
    progress
        Shows the images done; None shows nothing.
    """
    modules = {
        name: module
        for name in metrics
        if not (module := load_metric(name)).NEEDS_PROBABILITY or pairs.has_probability
    }
    totals = _Totals()
    watch = Stopwatch(progress or Silent())
    with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), watch.stage(STAGE, len(pairs.names)):
        for name, opener in zip(pairs.names, pairs.openers, strict=True):
            with opener() as pair:
                _score_image(name, pair, modules, config, totals, by_tile=len(pairs.names) == 1)
            watch.advance(STAGE)
    return _report(totals, pairs, config)


def _score_image(
    name: str,
    pair: RasterPair,
    modules: dict[str, Any],
    config: ScoreConfig,
    totals: _Totals,
    *,
    by_tile: bool,
) -> None:
    halo = max((module.halo(config) for module in modules.values()), default=0)
    image_counts: dict[str, Any] = {}
    image = Confusion()
    for tile in pair.tiles(config, halo):
        window = pair.read(tile)
        confusion = Confusion.of_window(window)
        if confusion.n_pixels == 0:
            continue
        counts = {metric: module.count(window, config) for metric, module in modules.items()}
        image += confusion
        _add(image_counts, counts)
        if by_tile:
            totals.tiles.append(_tile(name, tile, confusion, counts))
    totals.notes.update(dict.fromkeys(pair.notes))
    totals.n_pixels += pair.grid.shape[0] * pair.grid.shape[1]
    totals.images.append(image)
    _add(totals.counts, image_counts)
    if "thresholds" in image_counts:
        totals.iou_by_level += image_counts["thresholds"].curve().iou
    if not by_tile:
        height, width = pair.grid.shape
        scores = _scores(image_counts, image)
        totals.tiles.append(
            TileScore(
                name=name, row=0, col=0, height=height, width=width, confusion=image, scores=scores
            )
        )  # fmt: skip


def _add(total: dict[str, Any], more: dict[str, Any]) -> None:
    for name, counts in more.items():
        total[name] = total[name] + counts if name in total else counts


def _tile(name: str, tile: Tile, confusion: Confusion, counts: dict[str, Any]) -> TileScore:
    return TileScore(
        name=name,
        row=int(tile.core.row_off),
        col=int(tile.core.col_off),
        height=int(tile.core.height),
        width=int(tile.core.width),
        confusion=confusion,
        scores=_scores(counts, confusion),
    )


def _scores(counts: dict[str, Any], confusion: Confusion) -> dict[str, float]:
    scores = {"iou": confusion.iou}
    for metric in counts.values():
        scores |= metric.scores()
    return scores


def _report(totals: _Totals, pairs: ImagePairs, config: ScoreConfig) -> ScoreReport:
    counted = sum(totals.images, start=Confusion())
    if counted.n_pixels == 0:
        msg = "the two sides share no pixel with data; check that they show the same place"
        raise ScoreError(msg)
    decisions = [*pairs.decisions, *totals.notes]
    if counted.n_pixels < totals.n_pixels:
        decisions.append(
            f"{counted.n_pixels / totals.n_pixels:.1%} of the pixels have data on both sides "
            "and are scored"
        )
    scores = {name: counts.scores() for name, counts in totals.counts.items()}
    intervals = {}
    if len(totals.images) > 1:
        scores.setdefault("iou", {})["iou_mean"] = mean_iou(totals.images)
        drawn = resample(totals.images, config)
        intervals = {
            "iou": percentile_interval(drawn.iou(), config),
            "iou_mean": percentile_interval(drawn.mean_iou(), config),
        }
        if "thresholds" in totals.counts:
            scores["thresholds"] |= _best_mean(totals)
        n_empty = sum(
            i.true_positive + i.false_positive + i.false_negative == 0 for i in totals.images
        )
        decisions.append(
            f"{len(totals.images)} images, {n_empty} without road on either side (IoU 1)"
        )
    return ScoreReport(
        prediction="", truth="", scores=scores, intervals=intervals, tiles=totals.tiles,
        curves=_curves(totals), decisions=decisions, config=config.to_dict(),
    )  # fmt: skip


def _best_mean(totals: _Totals) -> dict[str, float]:
    """Return the threshold at which the mean of the images' IoU is highest."""
    mean = totals.iou_by_level / len(totals.images)
    best = int(mean.argmax())
    return {
        "best_iou_mean": float(mean[best]),
        "best_iou_mean_threshold": best / (N_LEVELS - 1),
    }


def _curves(totals: _Totals) -> dict[str, dict[str, list[float]]]:
    counts = totals.counts
    curves: dict[str, dict[str, list[float]]] = {}
    if "thresholds" in counts:
        curve = counts["thresholds"].curve()
        curves["thresholds"] = {
            name: getattr(curve, name).tolist()
            for name in ("threshold", "iou", "precision", "recall")
        }
        iou_mean = totals.iou_by_level / len(totals.images)
        curves["thresholds"]["iou_mean"] = iou_mean.tolist()
    if "relaxed_curve" in counts:
        columns = counts["relaxed_curve"].curve()
        names = ("threshold", "precision", "recall")
        curves["relaxed"] = {n: c.tolist() for n, c in zip(names, columns, strict=True)}
    if "calibration" in counts:
        curve = counts["calibration"].reliability()
        curves["reliability"] = {
            name: getattr(curve, name).tolist() for name in ("confidence", "road_share", "n_pixels")
        }
    return curves


def side_encoding(
    side: Side, paths: list[str], config: ScoreConfig, *, is_truth: bool
) -> tuple[Encoding, str]:
    """Decide what the values of a side mean, and say it in a sentence."""
    wanted = config.truth_values if is_truth else config.prediction_values
    encoding, reason = decide_encoding(paths, wanted=wanted, is_truth=is_truth)
    role = "truth" if is_truth else "prediction"
    cut = f", cut at {config.cut:g}" if encoding.is_probability else ""
    return encoding, f"{role} {side.path} is a {MEANING[encoding.name]}{cut} ({reason})"


@contextmanager
def _open_rasters(
    name: str,
    prediction: str,
    truth: str,
    predicted_encoding: Encoding,
    true_encoding: Encoding,
    config: ScoreConfig,
) -> Iterator[RasterPair]:
    grid = grid_of(truth)
    with ExitStack() as stack:
        predicted, note = stack.enter_context(
            open_reader(prediction, predicted_encoding, grid, config.cut)
        )
        true, _ = stack.enter_context(open_reader(truth, true_encoding, grid, config.cut))
        notes = (note,) if note else ()
        yield RasterPair(name=name, grid=grid, prediction=predicted, truth=true, notes=notes)


def _raster_and_lines(prediction: Side, truth: Side, config: ScoreConfig) -> ImagePairs:
    raster, vector = (truth, prediction) if prediction.kind == "lines" else (prediction, truth)
    is_truth = raster is truth
    paths = list(raster.tiles.values())
    encoding, note = side_encoding(raster, paths, config, is_truth=is_truth)
    lines = read_lines(vector.path)
    drawn = (
        f"lines of {vector.path} drawn {config.line_width_m:g} m wide on the grid of {raster.path}"
    )
    openers = [
        partial(_open_with_lines, name, path, encoding, lines, config, is_truth=is_truth)
        for name, path in raster.tiles.items()
    ]
    return ImagePairs(
        names=list(raster.tiles),
        openers=openers,
        has_probability=encoding.is_probability and not is_truth,
        decisions=[note, drawn, *lines.notes],
    )


@contextmanager
def _open_with_lines(
    name: str,
    path: str,
    encoding: Encoding,
    lines: RoadLines,
    config: ScoreConfig,
    *,
    is_truth: bool,
) -> Iterator[RasterPair]:
    grid = grid_of(path)
    if grid.crs is None or lines.crs is None:
        which = path if grid.crs is None else lines.path
        msg = f"{which} has no CRS, so it cannot be compared with lines"
        raise ScoreError(msg)
    drawn = LineReader.of(lines.to(grid.crs), grid, config.line_width_m)
    with open_reader(path, encoding, grid, config.cut) as (reader, _):
        predicted, true = (drawn, reader) if is_truth else (reader, drawn)
        yield RasterPair(name=name, grid=grid, prediction=predicted, truth=true)
