"""A whole training as the command line asks for it: datasets, log, evaluation, model file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from roadex.config import TrainConfig, read_toml, settings_from_text
from roadex.errors import ConfigError, OutputError
from roadex.inference.allocator import tune_allocator
from roadex.models.modelfile import Model, ModelMetadata, load_model, save_model
from roadex.models.scaling import Scaling
from roadex.scoring.metrics.thresholds import LevelCounts
from roadex.training.checkpoint import TrainingState
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.datasets.labelled import Labelled
from roadex.training.evaluation import common_figures, evaluate_datasets, thresholds_of
from roadex.training.loop import train as train_network
from roadex.training.monitor import Monitor
from roadex.training.preflight import CONFIG_NAME, changed_settings, check_data
from roadex.training.processes import Group, run_in_group
from roadex.training.recipes import read_recipe
from roadex.training.schedules import with_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What ``roadex train`` was asked to do; see its help for each item."""

    data: Sequence[str]
    output: Path
    validation: Sequence[str] = ()
    recipe: str | None = None
    config_path: Path | None = None
    settings: Sequence[str] = ()
    config: TrainConfig | None = None
    """All settings; recipe, file and single settings are then left alone."""

    initial: Path | None = None
    run_folder: Path | None = None
    licence: str = ""
    processes: int = 0
    tensorboard: bool = False
    check: bool = False
    overwrite: bool = False
    quiet: bool = False
    """Print nothing."""

    @property
    def folder(self) -> Path:
        """Folder of checkpoints and logs."""
        return self.run_folder or Path("runs") / self.output.stem


@dataclass(frozen=True, slots=True)
class _Material:
    """Settings and scenes of a job."""

    config: TrainConfig
    sources: Sequence[WeightedScenes]
    validation: Mapping[str, Sequence[Labelled]]


def train(
    data: str | Sequence[str],
    output: str | Path,
    *,
    initial: str | Path | None = None,
    config: TrainConfig | None = None,
    validation: Sequence[str] = (),
    overwrite: bool = False,
    quiet: bool = False,
) -> Model:
    """Train a model on labelled imagery and write its file.

    An interrupted training goes on from its last checkpoint, in ``runs/`` under the name of
    ``output``.

    Parameters
    ----------
    data
        Datasets as ``roadex train`` takes them, one or several: folders of image and mask, or
        ``lines:SCENE+ROADS``; ``@SHARE`` at the end is the share of the chips.
    output
        Model file to write, ``.safetensors``.
    initial
        Model whose weights the training starts from.
    config
        All settings; None is the defaults.
    validation
        Datasets to evaluate on, and to choose the thresholds by.
    overwrite
        Replace ``output``.
    quiet
        Print nothing.

    Raises
    ------
    DatasetError, ConfigError, ModelError, OutputError, TrainingError
        Whatever is wrong with data, settings, initial model, output or the training.

    Examples
    --------
    >>> config = roadex.TrainConfig(
    ...     network="unet-quarter", arguments={}, steps=2, batch_size=2, chip_size=64
    ... )
    >>> data = "lines:scene.tif+truth.gpkg"
    >>> model = roadex.train(data, "my.safetensors", config=config, quiet=True)
    >>> model.metadata.name
    'my'
    """
    job = TrainingJob(
        data=[data] if isinstance(data, str) else data,
        output=Path(output),
        validation=validation,
        config=config or TrainConfig(),
        initial=Path(initial) if initial is not None else None,
        overwrite=overwrite,
        quiet=quiet,
    )
    return load_model(run_training_job(job))


def run_training_job(job: TrainingJob) -> Path:
    """Train, evaluate, and write the model file; return its path.

    With ``job.check`` the data are looked at and nothing else is done.

    Raises
    ------
    RoadexError
        Whatever is wrong with data, settings, checkpoint or output.
    """
    if job.check:
        check(job, Console())
        return job.output
    if job.output.exists() and not job.overwrite:
        msg = f"{job.output} exists; choose another -o or add --overwrite"
        raise OutputError(msg)
    run_in_group(partial(_run, job), job.processes)
    return job.output


def check(job: TrainingJob, console: Console) -> None:
    """Look at the data of a job and print what was found."""
    _check(job, _gather(job), console)


def _run(job: TrainingJob, group: Group) -> None:
    """Do the job in one process of the group."""
    tune_allocator()
    console = Console(quiet=job.quiet or not group.is_first)
    material = _gather(job)
    config, scaling = material.config, _scaling(material.config)
    job.folder.mkdir(parents=True, exist_ok=True)
    for change in changed_settings(job.folder, config):
        console.print(f"[yellow]warning[/] the training goes on with other settings: {change}")
    if group.is_first:
        _check(job, material, console)
        (job.folder / CONFIG_NAME).write_text(json.dumps(config.to_dict(), indent=1))
    monitor = Monitor(
        job.folder, config, scaling=scaling, validation=material.validation, console=console,
        tensorboard=job.tensorboard and group.is_first,
    )  # fmt: skip
    with monitor:
        state = train_network(
            material.sources,
            config,
            folder=job.folder,
            scaling=scaling,
            group=group,
            initial=load_model(job.initial).network.state_dict() if job.initial else None,
            evaluate=monitor.evaluate if material.validation else None,
            on_start=monitor.on_start if group.is_first else None,
            on_step=monitor.on_step if group.is_first else None,
            on_evaluation=monitor.on_evaluation if group.is_first else None,
        )
    if group.is_first:
        console.print(f"evaluating with test-time augmentation {config.tta}")
        counts = evaluate_datasets(
            state.averaged_network, material.validation, scaling=scaling, gsd_m=config.gsd_m,
            tta=config.tta,
        )  # fmt: skip
        path = _write(job, config, state, scaling, counts)
        console.print(f"wrote {path}", soft_wrap=True)
    group.share(None)


def _gather(job: TrainingJob) -> _Material:
    bands = _read_config(job).bands
    sources = [_weighted_scenes(specification, bands) for specification in job.data]
    short = [_short_name(name) for name in job.validation]
    names = short if len(set(short)) == len(short) else job.validation
    validation = {
        name: find_labelled_scenes(specification, bands=bands)
        for name, specification in zip(names, job.validation, strict=True)
    }
    return _Material(with_steps(_read_config(job), sources), sources, validation)


def _check(job: TrainingJob, material: _Material, console: Console) -> None:
    names = [_split(specification)[0] for specification in job.data]
    training = {name: source.scenes for name, source in zip(names, material.sources, strict=True)}
    validation = dict(zip(job.validation, material.validation.values(), strict=True))
    check_data(training, validation, gsd_m=material.config.gsd_m, console=console)


def _scaling(config: TrainConfig) -> Scaling:
    n_bands = len(config.bands)
    return Scaling((2 * config.input_range / 255,) * n_bands, (-config.input_range,) * n_bands)


def _read_config(job: TrainingJob) -> TrainConfig:
    """Return recipe, file and single settings, each over the one before."""
    if job.config is not None:
        return job.config
    values: dict[str, Any] = read_recipe(job.recipe) if job.recipe is not None else {}
    file = read_toml(job.config_path) if job.config_path is not None else {}
    for layer in (file, settings_from_text(job.settings)):
        augment = {**values.get("augment", {}), **layer.get("augment", {})}
        values = {**values, **layer, "augment": augment}
    return TrainConfig.from_dict(values)


def _split(specification: str) -> tuple[str, float]:
    """Return the dataset and its share."""
    source, separator, weight = specification.rpartition("@")
    if not separator:
        return specification, 1.0
    try:
        return source, float(weight)
    except ValueError as error:
        msg = f"{specification}: {weight!r} after @ is no number"
        raise ConfigError(msg) from error


def _weighted_scenes(specification: str, bands: Sequence[str]) -> WeightedScenes:
    source, share = _split(specification)
    return WeightedScenes(find_labelled_scenes(source, bands=bands), share)


def _write(
    job: TrainingJob,
    config: TrainConfig,
    state: TrainingState,
    scaling: Scaling,
    counts: dict[str, LevelCounts],
) -> Path:
    spread = math.exp(config.augment.scale_jitter)
    figures = common_figures(counts) if counts else {}
    low, high = thresholds_of(figures)
    metadata = ModelMetadata(
        name=job.output.stem,
        network=config.network,
        bands=config.bands,
        arguments=config.arguments,
        scale=scaling.scale,
        offset=scaling.offset,
        gsd_m=config.gsd_m,
        gsd_range_m=(config.gsd_m / spread, config.gsd_m * spread),
        threshold_low=low,
        threshold_high=high,
        tta=config.tta,
        training={
            "data": [_short_name(item) for item in job.data],
            "licence": job.licence,
            "recipe": job.recipe or "",
            "settings": _portable(config),
            "steps": state.step,
            "adaptation": getattr(state.averaged_network, "adaptation", ""),
            "hours": round(state.seconds / 3600, 2),
        },
        validation={name: round(value, 4) for name, value in figures.items()},
    )
    job.output.parent.mkdir(parents=True, exist_ok=True)
    return save_model(state.averaged_network, metadata, job.output)


def _portable(config: TrainConfig) -> dict[str, Any]:
    """Return the settings without folders of this machine."""
    weights = config.encoder_weights
    return config.to_dict() | {"encoder_weights": Path(weights).name if weights else None}


def _short_name(specification: str) -> str:
    """Return the last two folders of a dataset's path, and its share."""
    return "/".join(Path(specification).parts[-2:])
