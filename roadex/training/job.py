"""A whole training as the command line asks for it: datasets, log, evaluation, model file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from roadex.config import TrainConfig
from roadex.files import refuse_existing
from roadex.inference.allocator import tune_allocator
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import Model, load_model, save_model
from roadex.models.scaling import Scaling
from roadex.progress import Display, OpenDisplay, Silent, default_display
from roadex.scoring.metrics.thresholds import LevelCounts
from roadex.training.checkpoint import TrainingState
from roadex.training.datasets.usual_values import measure_stretch
from roadex.training.evaluation import common_figures, evaluate_datasets, thresholds_of
from roadex.training.extensions_used import extensions_used
from roadex.training.loop import train as train_network
from roadex.training.material import Material, TrainingJob, check_material, gather, short_name
from roadex.training.monitor import Monitor
from roadex.training.preflight import DataReport
from roadex.training.processes import Group, run_in_group
from roadex.training.resume import (
    check_resumption,
    note_start,
    noted_changes,
    origin_of,
)
from roadex.training.settings import check_network, start_from


def train(
    data: str | Sequence[str],
    output: str | Path,
    *,
    initial: str | Path | None = None,
    config: TrainConfig | None = None,
    validation: Sequence[str] = (),
    overwrite: bool = False,
    progress: Display | None = None,
) -> Model:
    """Train a model on labelled imagery and write its file.

    The training is done in the calling process, on one device; ``roadex train`` uses all GPUs. The
    same call resumes an interrupted training from its last checkpoint, in ``runs/`` under the name
    of ``output``.

    Parameters
    ----------
    data
        Datasets as ``roadex train`` takes them, one or several: folders of image and mask, or
        ``lines:SCENE+ROADS``; ``@SHARE`` at the end is the share of the chips.
    output
        Model file to write, ``.safetensors``.
    initial
        Model to start from, by name or file. Network, arguments, scaling and, where ``config`` has
        the default, pixel size are those of the model.
    config
        All settings; None is the defaults.
    validation
        Datasets to evaluate on, and to choose the thresholds by.
    overwrite
        Replace ``output``.
    progress
        Shows the training; None is a display in a notebook, else nothing.

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
    >>> model = roadex.train(data, "my.safetensors", config=config)
    >>> model.metadata.name
    'my'
    """
    config = config or TrainConfig()
    job = TrainingJob(
        data=[data] if isinstance(data, str) else data,
        output=Path(output),
        validation=validation,
        config=config if initial is None else start_from(initial, config),
        initial=initial,
        processes=1,
        overwrite=overwrite,
    )
    shown = progress or default_display()
    return load_model(run_training_job(job, lambda: nullcontext(shown)))


def run_training_job(job: TrainingJob, open_display: OpenDisplay = Silent) -> Path:
    """Train, evaluate, and write the model file; return its path.

    Parameters
    ----------
    job
        What to do.
    open_display
        Opens the display in the process that shows progress, which is another one where several
        train together.

    Raises
    ------
    RoadexError
        Whatever is wrong with data, settings, checkpoint or output.
    """
    refuse_existing(job.output, overwrite=job.overwrite)
    check_network(job.config)
    run_in_group(partial(_run, job, open_display), job.processes)
    return job.output


def check_job(job: TrainingJob) -> DataReport:
    """Look at the settings and the data of a job; nothing is trained."""
    check_network(job.config)
    return check_material(job, gather(job))


def _run(job: TrainingJob, open_display: OpenDisplay, group: Group) -> None:
    """Do the job in one process of the group."""
    tune_allocator()
    with open_display() if group.is_first else Silent() as display:
        _train(job, group, display)


def _train(job: TrainingJob, group: Group, display: Display) -> None:
    material = gather(job)
    config, initial = material.config, material.initial
    scaling = _scaling(config) if initial is None else Scaling.of(initial.metadata)
    _warn_of_another_gsd(job, material, display)
    job.folder.mkdir(parents=True, exist_ok=True)
    scenes = [source.scenes for source in material.sources]
    origin = origin_of(job.data, scenes, "" if initial is None else initial.sha256)
    changes = check_resumption(job.folder, config, origin, display)
    if group.is_first:
        _show_check(check_material(job, material), display)
        note_start(job.folder, config, origin, changes)
    monitor = Monitor(
        job.folder, config, scaling=scaling, validation=material.validation, display=display,
        tensorboard=job.tensorboard and group.is_first,
    )  # fmt: skip
    with monitor:
        state = train_network(
            material.sources,
            config,
            folder=job.folder,
            scaling=scaling,
            group=group,
            initial=None if initial is None else initial.network.state_dict(),
            evaluate=monitor.evaluate if material.validation else None,
            on_start=monitor.on_start if group.is_first else None,
            on_step=monitor.on_step if group.is_first else None,
            on_evaluation=monitor.on_evaluation if group.is_first else None,
        )
    if group.is_first:
        display.note(f"evaluating with test-time augmentation {config.tta}")
        counts = evaluate_datasets(
            state.averaged_network, material.validation, scaling=scaling, gsd_m=config.gsd_m,
            tta=config.tta,
        )  # fmt: skip
        path = _write(job, material, state, scaling, counts)
        display.note(f"wrote {path}")
    group.share(None)


def _warn_of_another_gsd(job: TrainingJob, material: Material, display: Display) -> None:
    gsd_m, initial = material.config.gsd_m, material.initial
    if initial is not None and gsd_m != initial.metadata.gsd_m:
        display.note(
            f"warning: training at {gsd_m:g} m per pixel; {job.initial} is a model for "
            f"{initial.metadata.gsd_m:g} m"
        )


def _show_check(report: DataReport, display: Display) -> None:
    widths = [max(map(len, column)) for column in zip(*report.rows(), strict=True)]
    for row in report.rows():
        display.note("  ".join(text.ljust(n) for text, n in zip(row, widths, strict=True)))
    for note in report.notes():
        display.note(note)
    report.raise_if_bad()


def _scaling(config: TrainConfig) -> Scaling:
    n_bands = len(config.bands)
    return Scaling((2 * config.input_range / 255,) * n_bands, (-config.input_range,) * n_bands)


def _write(
    job: TrainingJob,
    material: Material,
    state: TrainingState,
    scaling: Scaling,
    counts: dict[str, LevelCounts],
) -> Path:
    config = material.config
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
        stretch=measure_stretch(material.sources) or material.stretch,
        threshold_low=low,
        threshold_high=high,
        tta=config.tta,
        training=_record(job, material, state),
        validation={name: round(value, 4) for name, value in figures.items()},
    )
    job.output.parent.mkdir(parents=True, exist_ok=True)
    return save_model(state.averaged_network, metadata, job.output)


def _record(job: TrainingJob, material: Material, state: TrainingState) -> dict[str, Any]:
    """Return what the model file says of the training."""
    config, initial = material.config, material.initial
    record = {
        "data": [short_name(item) for item in job.data],
        "licence": job.licence,
        "recipe": job.recipe,
        "settings": _portable(config),
        "changed_on_the_way": noted_changes(job.folder),
        "initial": "" if initial is None else initial.metadata.name,
        "initial_sha256": "" if initial is None else initial.sha256,
        "steps": state.step,
        "adaptation": getattr(state.averaged_network, "adaptation", ""),
        "hours": round(state.seconds / 3600, 2),
    }
    used = extensions_used(config, [*job.data, *job.validation])
    return record | ({"extensions": used} if used else {})


def _portable(config: TrainConfig) -> dict[str, Any]:
    """Return the settings without folders of this machine."""
    weights = config.encoder_weights
    return config.to_dict() | {"encoder_weights": Path(weights).name if weights else None}
