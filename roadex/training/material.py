"""What a training works with: what was asked for, its scenes, and the model it starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from roadex.config import TrainConfig
from roadex.models.modelfile import Model, load_model
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.chip_windows import WeightedScenes
from roadex.training.datasets.description import split_share
from roadex.training.datasets.labelled import Labelled, Stretch
from roadex.training.preflight import DataReport, check_data
from roadex.training.schedules import with_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What ``roadex train`` was asked to do; see its help for each item."""

    data: Sequence[str]
    output: Path
    validation: Sequence[str] = ()
    config: TrainConfig = field(default_factory=TrainConfig)
    """All settings, those of the initial model among them: see
    :mod:`roadex.training.settings`."""

    recipe: str = ""
    """Name of the recipe the settings began with, for the model file."""

    initial: str | Path | None = None
    """Name or file of the model whose weights the training starts from."""

    run_folder: Path | None = None
    licence: str = ""
    processes: int = 0
    tensorboard: bool = False
    overwrite: bool = False

    @property
    def folder(self) -> Path:
        """Folder of checkpoints and logs."""
        return self.run_folder or Path("runs") / self.output.stem


@dataclass(frozen=True, slots=True)
class Material:
    """Settings and scenes of a job, and what it starts from."""

    config: TrainConfig
    initial: Model | None
    sources: Sequence[WeightedScenes]
    validation: Mapping[str, Sequence[Labelled]]

    @property
    def stretch(self) -> Stretch:
        """Values to which scenes of other types than 8 bits are stretched, of the initial model."""
        return _stretch_of(self.initial)


def gather(job: TrainingJob) -> Material:
    """Find the scenes of a job and load what it starts from.

    Raises
    ------
    DatasetError, ModelError
        If a dataset or the initial model cannot be used.
    """
    bands = job.config.bands
    initial = None if job.initial is None else load_model(job.initial)
    stretch = _stretch_of(initial)
    sources = [_weighted_scenes(specification, bands, stretch) for specification in job.data]
    short = [short_name(name) for name in job.validation]
    names = short if len(set(short)) == len(short) else job.validation
    validation = {
        name: find_labelled_scenes(specification, bands=bands, stretch=stretch)
        for name, specification in zip(names, job.validation, strict=True)
    }
    return Material(with_steps(job.config, sources), initial, sources, validation)


def check_material(job: TrainingJob, material: Material) -> DataReport:
    """Look at labels and imagery of a job before it is trained."""
    names = [split_share(specification)[0] for specification in job.data]
    training = {name: source.scenes for name, source in zip(names, material.sources, strict=True)}
    validation = dict(zip(job.validation, material.validation.values(), strict=True))
    return check_data(training, validation, gsd_m=material.config.gsd_m)


def _weighted_scenes(specification: str, bands: Sequence[str], stretch: Stretch) -> WeightedScenes:
    source, share = split_share(specification)
    return WeightedScenes(find_labelled_scenes(source, bands=bands, stretch=stretch), share)


def short_name(specification: str) -> str:
    """Return the last two folders of a dataset's path, and its share."""
    return "/".join(Path(specification).parts[-2:])


def _stretch_of(initial: Model | None) -> Stretch:
    return () if initial is None else initial.metadata.stretch
