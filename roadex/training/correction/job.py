"""Train a model on with the corrections of a scene, and see what it makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.windows import Window

from roadex import __version__
from roadex.config import AugmentConfig, CorrectConfig, TrainConfig
from roadex.errors import NetworkError
from roadex.models.base import SegmentationNetwork
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import Model, save_model
from roadex.models.scaling import Scaling
from roadex.progress import Display
from roadex.training.correction.corrected_scene import CorrectedScene
from roadex.training.correction.verdict import FORGETFUL, Judge, Verdict, pixels_of
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.loop import train
from roadex.training.monitor import Monitor
from roadex.training.resume import check_resumption, note_start, origin_of


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
    NetworkError
        If none of the corrections lies in the scene.
    TrainingError
        If the checkpoint in ``folder`` is of other corrections, or the loss diverges.
    """
    training = training_settings(config, model.metadata)
    parts = edited_parts(whole, training.chip_size)
    if not parts:
        msg = f"no road that was added or deleted lies in {whole.scene.name}"
        raise NetworkError(msg)
    sources = [
        WeightedScenes([whole.of(part) for part in parts], config.edit_share),
        WeightedScenes([whole], 1 - config.edit_share),
    ]
    judge = Judge(whole, parts, 2 * config.chip_size)
    before = judge(model.network, model.metadata, display, "judge before")
    network = train_on(sources, training, model, folder, display)
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
    lines = np.concatenate([edits.drawn.lines, edits.gone.lines])
    cells: set[tuple[int, int]] = set()
    for line in lines:
        cols, rows = pixels_of(line, whole)
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


def train_on(
    sources: Sequence[WeightedScenes],
    config: TrainConfig,
    model: Model,
    folder: Path,
    display: Display,
) -> SegmentationNetwork:
    """Train the network of a model on, or go on where that stopped; return the averaged one."""
    folder.mkdir(parents=True, exist_ok=True)
    origin = origin_of(["corrections"], [source.scenes for source in sources], model.sha256)
    note_start(folder, config, origin, check_resumption(folder, config, origin, display))
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
        "found_before": before.rounded(),
        "found_after": after.rounded(),
    }
    history: list[Any] = list(model.metadata.training.get("corrections", []))
    training = dict(model.metadata.training) | {"corrections": [*history, learned]}
    # Figures of the model it comes from are not its own.
    return replace(
        model.metadata,
        name=output.stem,
        training=training,
        validation={},
        roadex_version=__version__,
    )
