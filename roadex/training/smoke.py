"""A minute's training on generated scenes that goes through everything a real one does."""

from __future__ import annotations

import csv
from pathlib import Path

from roadex.errors import TrainingError
from roadex.models.modelfile import load_model
from roadex.progress import Display, OpenDisplay, Silent
from roadex.synthetic import generate_scene, write_scene
from roadex.training.job import run_training_job
from roadex.training.material import TrainingJob
from roadex.training.settings import read_train_settings

N_STEPS = 60
SCENE_PX = 256

SETTINGS = (
    'arguments={encoder="tu-mobilenetv3_small_050", bottleneck=32, head_width=8}',
    "batch_size=8",
    "chip_size=128",
    "learning_rate=4e-3",
    "encoder_learning_rate_factor=1.0",
    "ema_decay=0.9",
    "evaluate_every=30",
    "checkpoint_every=20",
    "loader_processes=0",
    "tta=none",
    "augment.scale_jitter=0.1",
)


def run_smoke(folder: Path, open_display: OpenDisplay = Silent) -> Path:
    """Generate scenes with road lines, check them, train, resume, evaluate, write a model file.

    Parameters
    ----------
    folder
        Everything goes here; an earlier smoke training in it is replaced.
    open_display
        As for :func:`roadex.training.job.run_training_job`.

    Returns
    -------
    path
        The model file: it proves the loop and is good for nothing else.

    Raises
    ------
    TrainingError
        If nothing was learned.
    """
    data = {name: _make_scenes(folder / name, seeds) for name, seeds in _SEEDS.items()}
    model, run = folder / "smoke.safetensors", folder / "run"
    for stale in run.glob("*.*"):
        stale.unlink()
    job = TrainingJob(
        data=data["train"],
        validation=data["validation"],
        output=model,
        config=read_train_settings(recipe="roadex", assignments=[*SETTINGS, f"steps={N_STEPS}"]),
        recipe="roadex",
        run_folder=run,
        overwrite=True,
    )
    run_training_job(job, open_display)
    with open_display() as display:
        display.note("again: only the last evaluation is left to do")
    run_training_job(job, open_display)
    with open_display() as display:
        _check_learned(run, display)
        iou = load_model(model).metadata.validation["iou"]
        display.note(f"IoU {iou:.3f}; training works")
    return model


_SEEDS = {"train": (1, 2, 3), "validation": (4,)}


def _make_scenes(folder: Path, seeds: tuple[int, ...]) -> list[str]:
    """Write scenes and their road lines; return them as datasets."""
    specifications = []
    for seed in seeds:
        scene = generate_scene(shape=(SCENE_PX, SCENE_PX), seed=seed, style="mixed")
        paths = write_scene(scene, folder / str(seed))
        specifications.append(f"lines:{paths['scene']}+{paths['roads']}")
    return specifications


def _check_learned(run: Path, display: Display) -> None:
    with (run / "steps.csv").open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    display.note(f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}")
    if losses[-1] >= losses[0]:
        msg = f"the smoke training learned nothing: see {run / 'steps.csv'}"
        raise TrainingError(msg)
