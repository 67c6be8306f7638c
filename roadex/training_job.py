"""A whole training as the command line asks for it: datasets, log, evaluation, model file."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from roadex.config import TrainConfig, read_toml, settings_from_text
from roadex.datasets import find_labelled_scenes
from roadex.datasets.labelled import LabelledScene
from roadex.datasets.windows import WeightedScenes
from roadex.errors import ConfigError, OutputError
from roadex.evaluation import best_common_threshold, evaluate, iou_at
from roadex.metrics.thresholds import LevelCounts
from roadex.models.modelfile import ModelMetadata, load_model, save_model
from roadex.models.scaling import Scaling
from roadex.runtime import tune_allocator
from roadex.train import Progress as TrainingProgress
from roadex.train import TrainingState, train

Validation = dict[str, list[LabelledScene]]
"""Name of a dataset to its scenes."""

_LOW_SHARE = 0.6
"""Low hysteresis threshold of a model as a share of its high one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What ``roadex train`` was asked to do; see its help for each item."""

    data: Sequence[str]
    output: Path
    validation: Sequence[str] = ()
    config_path: Path | None = None
    settings: Sequence[str] = ()
    initial: Path | None = None
    run_folder: Path | None = None
    licence: str = ""
    overwrite: bool = False


def run_training_job(job: TrainingJob) -> Path:
    """Train, evaluate, and write the model file; return its path."""
    if job.output.exists() and not job.overwrite:
        msg = f"{job.output} exists; choose another -o or add --overwrite"
        raise OutputError(msg)
    tune_allocator()
    config = _read_config(job)
    sources = [_weighted_scenes(specification) for specification in job.data]
    validation = {_short_name(name): find_labelled_scenes(name) for name in job.validation}
    folder = job.run_folder or Path("runs") / job.output.stem
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config.to_dict(), indent=1))
    scaling = Scaling()
    console = Console()
    for source, specification in zip(sources, job.data, strict=True):
        console.print(f"{specification}: {len(source.scenes)} labelled scenes")
    with _progress_bar(console) as bar:
        task = bar.add_task("training", total=config.steps, loss="", iou="")

        def on_step(progress: TrainingProgress) -> None:
            bar.update(task, completed=progress.step, loss=f"{progress.loss:.4f}")
            if progress.step % 20 == 0:
                _log(
                    folder / "steps.csv",
                    {
                        "step": progress.step,
                        "loss": progress.loss,
                        "learning_rate": progress.learning_rate,
                        "seconds": progress.seconds,
                    },
                )

        def evaluate_now(network: torch.nn.Module, _step: int) -> dict[str, float]:
            return _figures(_count(network, validation, scaling, config, tta="none"))

        def on_evaluation(figures: dict[str, float]) -> None:
            _log(folder / "evaluations.csv", figures)
            bar.update(task, iou=f"{figures.get('iou', float('nan')):.4f}")

        state = train(
            sources,
            config,
            folder=folder,
            scaling=scaling,
            initial=load_model(job.initial).network.state_dict() if job.initial else None,
            evaluate=evaluate_now if validation else None,
            on_step=on_step,
            on_evaluation=on_evaluation,
        )
    network = state.averaged.module
    console.print(f"evaluating with test-time augmentation {config.tta}")
    counts = _count(network, validation, scaling, config, tta=config.tta)
    path = _write(job, config, state, scaling, counts)
    console.print(f"wrote {path}")
    return path


def _read_config(job: TrainingJob) -> TrainConfig:
    values = read_toml(job.config_path) if job.config_path is not None else {}
    return TrainConfig.from_dict(values | settings_from_text(job.settings))


def _weighted_scenes(specification: str) -> WeightedScenes:
    source, separator, weight = specification.rpartition("@")
    if not separator:
        return WeightedScenes(find_labelled_scenes(specification), 1.0)
    try:
        share = float(weight)
    except ValueError as error:
        msg = f"{specification}: {weight!r} after @ is no number"
        raise ConfigError(msg) from error
    return WeightedScenes(find_labelled_scenes(source), share)


def _count(
    network: torch.nn.Module,
    validation: Validation,
    scaling: Scaling,
    config: TrainConfig,
    *,
    tta: str,
) -> dict[str, LevelCounts]:
    return {
        name: evaluate(network, scenes, scaling=scaling, gsd_m=config.gsd_m, tta=tta)
        for name, scenes in validation.items()
    }


def _figures(counts: dict[str, LevelCounts]) -> dict[str, float]:
    """Mean IoU over the datasets at the threshold that is best for it, and IoU of each at 0.5."""
    threshold = best_common_threshold(list(counts.values()))
    ious = [iou_at(count, threshold) for count in counts.values()]
    figures = {"iou": sum(ious) / len(ious), "threshold": threshold}
    return figures | {f"iou_{name}": iou_at(count, 0.5) for name, count in counts.items()}


def _write(
    job: TrainingJob,
    config: TrainConfig,
    state: TrainingState,
    scaling: Scaling,
    counts: dict[str, LevelCounts],
) -> Path:
    spread = math.exp(config.augment.scale_jitter)
    figures = _figures(counts) if counts else {}
    threshold = figures.get("threshold", 0.5)
    metadata = ModelMetadata(
        name=job.output.stem,
        network=config.network,
        arguments=config.arguments,
        scale=scaling.scale,
        offset=scaling.offset,
        gsd_m=config.gsd_m,
        gsd_range_m=(config.gsd_m / spread, config.gsd_m * spread),
        threshold_low=round(_LOW_SHARE * threshold, 3),
        threshold_high=round(threshold, 3),
        tta=config.tta,
        training={
            "data": [_short_name(item) for item in job.data],
            "licence": job.licence,
            "settings": _portable(config),
            "adaptation": getattr(state.averaged.module, "adaptation", ""),
            "hours": round(state.seconds / 3600, 2),
        },
        validation={name: round(value, 4) for name, value in figures.items()},
    )
    job.output.parent.mkdir(parents=True, exist_ok=True)
    return save_model(state.averaged.module, metadata, job.output)


def _portable(config: TrainConfig) -> dict[str, Any]:
    """Return the settings without folders of this machine."""
    weights = config.encoder_weights
    return config.to_dict() | {"encoder_weights": Path(weights).name if weights else None}


def _short_name(specification: str) -> str:
    """Return the last two folders of a dataset's path, and its share."""
    return "/".join(Path(specification).parts[-2:])


def _progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("loss {task.fields[loss]}"),
        TextColumn("IoU {task.fields[iou]}"),
        TimeRemainingColumn(),
        console=console,
    )


def _log(path: Path, row: dict[str, float]) -> None:
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if is_new:
            writer.writeheader()
        writer.writerow(row)
