"""How good a model of the ablation is in each region, and on other pixel sizes.

References
----------
.. [1] Y. Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", ICLR
   Workshop 2017 (arXiv 1603.04779).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor, nn

from roadex.config import PROBABILITY_MAX, ScoreConfig
from roadex.models.base import SegmentationNetwork
from roadex.models.modelfile import Model
from roadex.models.scaling import Scaling
from roadex.scoring.metrics import cldice
from roadex.scoring.metrics.thresholds import LevelCounts
from roadex.scoring.metrics.windows import whole_window
from roadex.training.datasets.labelled import Chip, Labelled
from roadex.training.evaluation import best_common_threshold, iou_at, predict_scenes

Found = Sequence[tuple[NDArray[np.uint8], Chip]]
Ious = tuple[dict[str, float], float]

MIDDLE_PX = 512
"""Side of the part of an image that gives statistics."""


def score_model(
    model: Model,
    scenes: Mapping[str, Sequence[Labelled]],
    *,
    seen: Sequence[str],
    tta: str,
    gsds_m: Sequence[float] = (),
    with_cldice: bool = False,
    adapt: bool = False,
) -> dict[str, float]:
    """Return IoU by region and on average, and what else is wanted, by column.

    Parameters
    ----------
    model
        What was trained.
    scenes
        To score on, by region.
    seen
        Regions trained on, which choose the threshold.
    tta
        Test-time augmentation.
    gsds_m
        Further pixel sizes to bring images to.
    with_cldice
        Whether clDice of every region is wanted.
    adapt
        Whether batch normalisation takes its statistics from the images of unseen regions.
    """

    def predict(gsd_m: float) -> dict[str, Found]:
        return {
            name: _predict(model, those, gsd_m, tta, adapt=adapt and name not in seen)
            for name, those in scenes.items()
        }

    found = predict(model.metadata.gsd_m)
    scores, threshold = _ious(found, seen)
    if with_cldice:
        scores |= {f"{name} clDice": _cldice(pairs, threshold) for name, pairs in found.items()}
    for gsd_m in gsds_m:
        scores[f"{gsd_m:g} m"] = _ious(predict(gsd_m), seen, threshold)[0]["mean"]
    return scores


def _predict(
    model: Model, scenes: Sequence[Labelled], gsd_m: float, tta: str, *, adapt: bool
) -> Found:
    scaling, network = Scaling.of(model.metadata), model.network
    if adapt:
        network = with_statistics_of(network, map(scaling.apply, _middles(scenes)))
    return list(predict_scenes(network, scenes, scaling=scaling, gsd_m=gsd_m, tta=tta))


def _ious(found: Mapping[str, Found], seen: Sequence[str], threshold: float = 0.0) -> Ious:
    """Return IoU by region and on average, and the threshold where none was given."""
    counts = {
        name: sum((LevelCounts.of(p, c.road, c.valid) for p, c in pairs), LevelCounts.none())
        for name, pairs in found.items()
    }
    threshold = threshold or best_common_threshold([counts[name] for name in seen])
    ious = {name: iou_at(count, threshold) for name, count in counts.items()}
    return {**ious, "mean": sum(ious.values()) / len(ious)}, threshold


def _cldice(found: Found, threshold: float) -> float:
    """Return clDice: whether roads are found, however wide they are drawn."""
    level = math.ceil(threshold * PROBABILITY_MAX - 1e-9)
    windows = (
        whole_window((stored >= level) & chip.valid, chip.road & chip.valid)
        for stored, chip in found
    )
    config = ScoreConfig()
    total = sum((cldice.count(window, config) for window in windows), cldice.ClDiceCounts())
    return total.scores()["cldice"]


def _middles(scenes: Sequence[Labelled]) -> Iterator[torch.Tensor]:
    """Yield the middle of every image, as large as a chip of a long training."""
    for scene in scenes:
        height, width = scene.shape()
        rows, cols = (min(n, MIDDLE_PX) for n in (height, width))
        window = Window((width - cols) // 2, (height - rows) // 2, cols, rows)
        yield torch.from_numpy(scene.read(window).image).float()


@torch.inference_mode()
def with_statistics_of(
    network: SegmentationNetwork, images: Iterable[Tensor]
) -> SegmentationNetwork:
    """Return a copy whose batch normalisation has the statistics of some images [1]_.

    No label is needed, so a model can be fitted to the look of a place it was not trained on.
    Whether that helps has to be measured: statistics also carry how much of an image is road.

    Parameters
    ----------
    network
        It is not changed.
    images
        Scaled network input, ``(C, h, w)`` each; all count alike, whatever their size.

    Raises
    ------
    ValueError
        If there is no image.
    """
    adapted = copy.deepcopy(network).eval()
    norms = _norms_of(adapted)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all images
        norm.train()
    n_images = 0
    for image in images:
        adapted(image[None])
        n_images += 1
    if n_images == 0:
        msg = "statistics of no image"
        raise ValueError(msg)
    for norm, original in zip(norms, _norms_of(network), strict=True):
        norm.momentum = original.momentum
    return adapted.eval()


def _norms_of(network: SegmentationNetwork) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
