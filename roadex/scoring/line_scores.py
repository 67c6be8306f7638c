"""Scores of lines against lines, as networks in planar metres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from roadex.config import ScoreConfig
from roadex.network.line_reader import RoadLines, metric_crs, read_lines
from roadex.scoring.metrics import load_metric
from roadex.scoring.metrics.completeness import LineMatch, match_lines
from roadex.scoring.metrics.confusion import Confusion
from roadex.scoring.metrics.lines import LineNetwork
from roadex.scoring.report import ScoreReport, TileScore

MILLIMETRES = 1000


def score_lines(
    prediction: RoadLines, truth: RoadLines, config: ScoreConfig, *, metrics: Sequence[str]
) -> ScoreReport:
    """Score lines that may be in different CRS."""
    predicted, true, decisions = align_networks(prediction, truth, config)
    return score_networks(predicted, true, config, metrics=metrics, decisions=decisions)


def read_networks(
    prediction: str, truth: str, config: ScoreConfig
) -> tuple[LineNetwork, LineNetwork, list[str]]:
    """Read two vector files as networks in one metric CRS; say what was decided."""
    return align_networks(read_lines(prediction), read_lines(truth), config)


def align_networks(
    prediction: RoadLines, truth: RoadLines, config: ScoreConfig
) -> tuple[LineNetwork, LineNetwork, list[str]]:
    """Bring lines into one metric CRS as networks; say what was decided."""
    crs, reason = metric_crs(truth, prediction)
    predicted, true = (
        LineNetwork.from_lines(side.geometries if crs is None else side.to(crs))
        for side in (prediction, truth)
    )
    decisions = [reason, *truth.notes, *prediction.notes]
    if config.merge_degree_2:
        predicted, true = predicted.merge_degree_2(), true.merge_degree_2()
        decisions.append("lines that meet end to end are joined before networks are compared")
    for role, network in (("prediction", predicted), ("truth", true)):
        length_km = network.lengths_m.sum() / 1000
        decisions.append(
            f"{role}: {len(network.u)} edges, {len(network.xy)} nodes, {length_km:.3f} km"
        )
    return predicted, true, decisions


def score_networks(
    predicted: LineNetwork,
    true: LineNetwork,
    config: ScoreConfig,
    *,
    metrics: Sequence[str],
    decisions: Sequence[str] = (),
) -> ScoreReport:
    """Score one network against another."""
    scores = {name: load_metric(name).measure(predicted, true, config) for name in metrics}
    return ScoreReport(
        prediction="",
        truth="",
        scores=scores,
        tiles=_cells(predicted, true, config),
        decisions=list(decisions),
        config=config.to_dict(),
    )


def _cells(prediction: LineNetwork, truth: LineNetwork, config: ScoreConfig) -> list[TileScore]:
    """Return completeness, correctness and quality by squares of ``line_cell_m``."""
    predicted = match_lines(prediction, truth, config)
    true = match_lines(truth, prediction, config)
    size = config.line_cell_m
    origin = np.floor(np.concatenate([predicted.xy, true.xy]).min(axis=0, initial=np.inf))
    places, (predicted_cell, true_cell) = _cell_ids([predicted, true], origin, size)
    sums = [
        np.bincount(cell[chosen], match.length_m[chosen], minlength=len(places))
        for match, cell, chosen in (
            (predicted, predicted_cell, predicted.is_matched),
            (predicted, predicted_cell, ~predicted.is_matched),
            (true, true_cell, ~true.is_matched),
        )
    ]
    cells = []
    for (x, y), *lengths in zip((origin + places * size).tolist(), *sums, strict=True):
        correct, wrong, missed = (round(MILLIMETRES * length) for length in lengths)
        confusion = Confusion(correct, wrong, missed, 0)
        scores = {"quality": confusion.iou, "correctness": confusion.precision}
        cells.append(
            TileScore(
                name=f"{x:.0f}_{y:.0f}", row=round(y), col=round(x),
                height=round(size), width=round(size), confusion=confusion, scores=scores,
            )
        )  # fmt: skip
    return cells


def _cell_ids(
    matches: list[LineMatch], origin: NDArray[np.float64], size: float
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    cells = [np.floor((match.xy - origin) / size).astype(np.int64) for match in matches]
    places, index = np.unique(np.concatenate(cells), axis=0, return_inverse=True)
    first, second = np.split(index.ravel(), [len(cells[0])])
    return places, [first, second]
