"""What a model sees of a scene, how far its labels should move, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from roadex.config import AlignConfig
from roadex.inference.engine import Predictor
from roadex.models.modelfile import Model
from roadex.models.scaling import Scaling
from roadex.probability.encoding import decode, encode
from roadex.training.align.shifts import find_local_shifts, move_labels
from roadex.training.datasets.labelled import Labelled
from roadex.training.evaluation import predict_labelled


@dataclass(frozen=True, slots=True)
class LabelComparison:
    """Labels of a scene or a part of one, and where they should be; arrays on one grid."""

    gsd_m: float
    seen: NDArray[np.bool_]
    """Where the model finds road."""
    valid: NDArray[np.bool_]
    road: NDArray[np.bool_]
    moved: NDArray[np.bool_]
    """``road``, moved by ``shifts``."""
    shifts: NDArray[np.float32]
    """Shape ``(2, H, W)``: pixels down and to the right."""


def compare_labels(
    scene: Labelled, model: Model, config: AlignConfig, *, window: Window | None = None
) -> LabelComparison:
    """Predict a scene, or a window of it, and find how far its labels should move."""
    metadata = model.metadata
    predictor = Predictor.of(model.network, Scaling.of(metadata), tta=config.tta)
    chip = scene.read(window)
    found = predict_labelled(predictor, scene, gsd_m=metadata.gsd_m, window=window)
    probability = decode(encode(found)) * chip.valid
    shifts = find_local_shifts(
        probability, chip.road, gsd_m=scene.gsd_m, max_shift_m=config.max_shift_m
    )
    return LabelComparison(
        gsd_m=scene.gsd_m,
        seen=probability >= metadata.threshold_high,
        valid=chip.valid,
        road=chip.road,
        moved=move_labels(chip.road, shifts),
        shifts=shifts,
    )


@dataclass(frozen=True, slots=True)
class SceneShift:
    """What became of the labels of a scene."""

    scene: str
    road_pixels: int
    down_m: float
    """Mean over the labels; negative is up."""
    right_m: float
    distance_m: float
    """Mean length of the moves."""
    iou_before: float
    """Of the labels with the roads the model finds."""
    iou_after: float


@dataclass(slots=True)
class ShiftSums:
    """Sums over the parts of a scene."""

    road_pixels: int = 0
    moves_m: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    hits: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, dtype=np.int64))
    unions: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, dtype=np.int64))

    def add(
        self, found: LabelComparison, core: tuple[slice, slice] = (slice(None), slice(None))
    ) -> None:
        """Count what lies in the core."""
        valid, seen = found.valid[core], found.seen[core]
        before, after = found.road[core] & valid, found.moved[core] & valid
        down, right = (plane[core][before] for plane in found.shifts)
        self.road_pixels += int(before.sum())
        self.moves_m += found.gsd_m * np.array(
            [down.sum(), right.sum(), np.hypot(down, right).sum()]
        )
        self.hits += [int((seen & road).sum()) for road in (before, after)]
        self.unions += [int((seen | road).sum()) for road in (before, after)]

    def moved(self, scene: str) -> SceneShift:
        """Return means over all that was added."""
        means = (self.moves_m / max(1, self.road_pixels)).tolist()
        return SceneShift(
            scene, self.road_pixels, *means, *(self.hits / self.unions.clip(1)).tolist()
        )
