"""A minute's training on generated scenes that goes through everything a real one does."""

from __future__ import annotations

import csv
from pathlib import Path

from rich.console import Console

from roadex.errors import TrainingError
from roadex.models.modelfile import load_model
from roadex.synthetic import generate_scene, write_scene
from roadex.training.job import TrainingJob, run_training_job

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


def run_smoke(folder: Path, console: Console) -> Path:
    """Generate scenes with road lines, check them, train, resume, evaluate, write a model file.

    Parameters
    ----------
    folder
        Everything goes here; an earlier smoke training in it is replaced.

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
        recipe="roadex",
        settings=(*SETTINGS, f"steps={N_STEPS}"),
        run_folder=run,
        overwrite=True,
    )
    run_training_job(job)
    console.print("once more: nothing is left to do but the last evaluation")
    run_training_job(job)
    _check_learned(run, console)
    console.print(f"IoU {load_model(model).metadata.validation['iou']:.3f}; all is well")
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


def _check_learned(run: Path, console: Console) -> None:
    with (run / "steps.csv").open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    console.print(f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}")
    if losses[-1] >= losses[0]:
        msg = f"the smoke training learned nothing: see {run / 'steps.csv'}"
        raise TrainingError(msg)
