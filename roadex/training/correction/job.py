"""Train a model on with the corrections of a scene, and see what it makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window

from roadex.config import AugmentConfig, CorrectConfig, TrainConfig
from roadex.imagery.work_grid import open_grid
from roadex.inference.engine import Predictor
from roadex.models.base import SegmentationNetwork
from roadex.models.modelfile import Model, ModelMetadata, save_model
from roadex.models.scaling import Scaling
from roadex.progress import Display
from roadex.training.correction.corrected_scene import CorrectedScene
from roadex.training.correction.edits import Roads
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.loop import train
from roadex.training.monitor import Monitor
from roadex.training.resume import changed_settings, check_origin, note_start, origin_of

_SPACING_M: Final = 2.0
"""Between places along a road at which the probability is looked up."""

FORGETFUL: Final = 0.03
"""Share of the kept roads a model may lose before the user is warned."""

_MOST_PARTS: Final = 60
"""Parts of the scene on which a model is judged."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Shares of the length of roads that a model takes for roads, each in [0, 1]; NaN without."""

    added: float
    deleted: float
    kept: float


@dataclass(frozen=True, slots=True)
class Correction:
    """A model trained on with corrections."""

    path: Path
    before: Verdict
    after: Verdict

    @property
    def is_forgetful(self) -> bool:
        """Whether the model finds clearly less of the roads that were kept than before."""
        return self.after.kept < self.before.kept - FORGETFUL


def train_on_corrections(
    whole: CorrectedScene,
    model: Model,
    output: Path,
    *,
    config: CorrectConfig,
    folder: Path,
    display: Display,
) -> Correction:
    """Train a model on, write it, and judge both on the scene.

    Parameters
    ----------
    whole
        The scene with its corrections; its part is all of it.
    model
        The model that found the network.
    output
        Model file to write.
    config
        Settings of the training.
    folder
        Of checkpoints and logs; a training that was interrupted goes on from there.
    display
        Shows the progress.

    Raises
    ------
    TrainingError
        If the checkpoint in ``folder`` is of other corrections, or the loss diverges.
    """
    training = training_settings(config, model.metadata)
    parts = edited_parts(whole, training.chip_size)
    sources = [
        WeightedScenes([whole.of(part) for part in parts], config.edit_share),
        WeightedScenes([whole], 1 - config.edit_share),
    ]
    judge = _Judge(whole, parts)
    before = judge(model.network, model.metadata, display, "judge before")
    network = _train(sources, training, model, folder, display)
    after = judge(network, model.metadata, display, "judge after")
    save_model(network, _described(model, output, config, whole, before, after), output)
    return Correction(output, before, after)


def training_settings(config: CorrectConfig, metadata: ModelMetadata) -> TrainConfig:
    """Return all settings of the training: little change of scale, the colours of the place."""
    return TrainConfig(
        network=metadata.network,
        arguments=dict(metadata.arguments),
        bands=metadata.bands,
        gsd_m=metadata.gsd_m,
        steps=config.steps,
        learning_rate=config.learning_rate,
        batch_size=config.batch_size,
        chip_size=config.chip_size,
        seed=config.seed,
        ema_decay=0.98,
        loader_processes=0,
        augment=AugmentConfig(scale_jitter=0.15, colour_probability=0.3, colour_strength=0.5),
    )


def edited_parts(whole: CorrectedScene, chip_size: int) -> list[Window]:
    """Return parts of the scene around what was added or deleted, two chips wide."""
    height, width = whole.shape()
    edits = whole.edits
    lines = np.concatenate([edits.added.lines, edits.deleted.lines])
    cells: set[tuple[int, int]] = set()
    for line in lines:
        cols, rows = _pixels(line, whole)
        inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
        cells |= set(
            zip(
                (rows[inside] // chip_size).tolist(),
                (cols[inside] // chip_size).tolist(),
                strict=True,
            )
        )
    return [_part(row, col, chip_size, (height, width)) for row, col in sorted(cells)]


def _part(row: int, col: int, chip_size: int, shape: tuple[int, int]) -> Window:
    """Return the cell of a grid with half a chip around it, as far as the scene goes."""
    (top, bottom), (left, right) = (
        (
            max(0, round((number - 0.5) * chip_size)),
            min(size, round((number + 1.5) * chip_size)),
        )
        for number, size in zip((row, col), shape, strict=True)
    )
    return Window(left, top, right - left, bottom - top)


def _pixels(
    line: shapely.LineString, whole: CorrectedScene
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return columns and rows of places along a line."""
    n = max(1, int(np.ceil(line.length / _SPACING_M)))
    places = shapely.line_interpolate_point(line, (np.arange(n) + 0.5) / n * line.length)
    x, y = shapely.get_coordinates(places).T
    cols, rows = ~whole.grid.transform * (x, y)
    return np.floor(cols).astype(np.int64), np.floor(rows).astype(np.int64)


class _Judge:
    """Sees how much of the roads a network finds, near the corrections and in a sample of the rest.

    A road is found where the probability within a pixel of its line reaches the low threshold.
    """

    def __init__(self, whole: CorrectedScene, parts: Sequence[Window]) -> None:
        height, width = whole.shape()
        side = int(max(part.width for part in parts))
        everywhere = [
            Window(col, row, min(side, width - col), min(side, height - row))
            for row, col in product(range(0, height, side), range(0, width, side))
        ]
        step = max(1, len(everywhere) // (_MOST_PARTS // 2))
        self._whole = whole
        self._parts = [*parts[: _MOST_PARTS // 2], *everywhere[::step]]

    def __call__(
        self, network: SegmentationNetwork, metadata: ModelMetadata, display: Display, stage: str
    ) -> Verdict:
        predictor = Predictor(network, Scaling.of(metadata))
        probability = np.full(self._whole.shape(), np.nan, dtype=np.float16)
        display.start(stage, len(self._parts))
        with open_grid(self._whole.scene, self._whole.grid) as reader:
            for part in self._parts:
                found = predictor.predict_window(reader, part)
                probability[part.toslices()] = found.probability
                display.advance(stage)
        display.finish(stage)
        edits = self._whole.edits
        return Verdict(
            *(
                self._share(roads, probability, metadata.threshold_low)
                for roads in (edits.added, edits.deleted, edits.kept)
            )
        )

    def _share(self, roads: Roads, probability: NDArray[np.float16], threshold: float) -> float:
        height, width = probability.shape
        found: list[NDArray[np.bool_]] = []
        for line in roads.lines:
            cols, rows = _pixels(line, self._whole)
            inside = (rows > 0) & (rows < height - 1) & (cols > 0) & (cols < width - 1)
            around = [
                probability[rows[inside] + i, cols[inside] + j]
                for i, j in product((-1, 0, 1), (-1, 0, 1))
            ]
            highest = np.max(around, axis=0) if len(around[0]) else np.zeros(0)
            found.append(highest[~np.isnan(highest)] >= threshold)
        every = np.concatenate(found) if found else np.zeros(0, dtype=np.bool_)
        return float(every.mean()) if len(every) else float("nan")


def _train(
    sources: Sequence[WeightedScenes],
    config: TrainConfig,
    model: Model,
    folder: Path,
    display: Display,
) -> SegmentationNetwork:
    folder.mkdir(parents=True, exist_ok=True)
    origin = origin_of(["corrections"], [source.scenes for source in sources], model.sha256)
    check_origin(folder, origin)
    changes = changed_settings(folder, config)
    for change in changes:
        display.note(f"warning: resuming with other settings: {change}")
    note_start(folder, config, origin, changes)
    scaling = Scaling.of(model.metadata)
    with Monitor(folder, config, scaling=scaling, validation={}, display=display) as monitor:
        state = train(
            sources,
            config,
            folder=folder,
            scaling=scaling,
            initial=model.network.state_dict(),
            on_start=monitor.on_start,
            on_step=monitor.on_step,
        )
    network = state.averaged_network
    network.eval()
    return network


def _described(
    model: Model,
    output: Path,
    config: CorrectConfig,
    whole: CorrectedScene,
    before: Verdict,
    after: Verdict,
) -> ModelMetadata:
    edits = whole.edits
    learned = {
        "from": model.metadata.name,
        "from_sha256": model.sha256,
        "scene": [Path(path).name for path in whole.scene.paths],
        "added_km": round(edits.added.km, 3),
        "deleted_km": round(edits.deleted.km, 3),
        "settings": config.to_dict(),
        "found_before": _rounded(before),
        "found_after": _rounded(after),
    }
    history: list[Any] = list(model.metadata.training.get("corrections", []))
    training = dict(model.metadata.training) | {"corrections": [*history, learned]}
    return replace(model.metadata, name=output.stem, training=training)


def _rounded(verdict: Verdict) -> dict[str, float]:
    return dict(_known(verdict))


def _known(verdict: Verdict) -> Iterator[tuple[str, float]]:
    for name in ("added", "deleted", "kept"):
        value = getattr(verdict, name)
        if value == value:
            yield name, round(value, 4)
