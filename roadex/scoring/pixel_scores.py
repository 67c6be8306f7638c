"""Scores of rasters against rasters or lines, tile by tile in constant memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from roadex.config import ScoreConfig
from roadex.errors import ScoreError
from roadex.imagery.tiling import Tile
from roadex.progress import Display, Silent, Stopwatch
from roadex.scoring.aligned_rasters import CACHE_BYTES, RasterPair
from roadex.scoring.bootstrap import percentile_interval, resample
from roadex.scoring.image_pairs import ImagePairs
from roadex.scoring.metrics import load_metric
from roadex.scoring.metrics.confusion import Confusion
from roadex.scoring.metrics.iou import mean_iou
from roadex.scoring.metrics.thresholds import N_LEVELS
from roadex.scoring.report import ScoreReport, TileScore

STAGE = "score"


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
