"""What each part of a training is worth: the same training with one thing changed per row.

    python benchmarks/ablation.py --folder runs/ablation --steps 2000 --hours 10 \
        --region massachusetts ma/train@0.6,ma/crops@0.2 ma/val \
        --region dubai dubai/tile_1@0.1,dubai/tile_2@0.1 dubai/tile_8 \
        --encoder-weights mobilenet_v2.safetensors --generated lines:generated@0.2 \
        --gsd 0.7 --gsd 1.4

A region is a name, datasets to train on (with their shares), and datasets to validate on, both
separated by commas. All rows train on all regions but the rows ``without NAME``, which show how a
model does where it has never been: their threshold is chosen on the other regions.

Every row is a ``roadex train`` command, printed below the table. What is done is kept in the
folder: the same command goes on where an earlier one stopped, was killed, or ran out of hours.
Columns are the road IoU on each region's validation data at the threshold with the best mean, and
that mean; for the rows about regions also clDice, which takes a road as found however wide it is
drawn (labels of one region are lines of one width, those of another the whole surface); with
``--gsd`` the mean with images brought to another pixel size, for the rows it is about.
With ``--jobs`` several rows are trained side by side, each with its share of the cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from ablation_scores import score_model

from roadex.models.modelfile import load_model
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.labelled import Labelled

LIGHT = 'arguments={{encoder="mobilenet_v2", head_width=16{}}}'

COLOUR_OFF = [
    f"augment.{name}_probability=0.0"
    for name in ("colour", "grey", "blur", "noise", "jpeg", "shadow")
]
SCRATCH = "encoder_weights="
BASE = "base: D-LinkNet over MobileNetV2"
GENERATED = "with generated scenes"

VARIANTS: dict[str, list[str]] = {
    BASE: [],
    "base, another seed": ["seed=1"],
    "LinkNet centre": [LIGHT.format(", dilations=[]")],
    "encoder from scratch": [SCRATCH],
    "D-LinkNet34 from scratch": [SCRATCH, "network=dlinknet34", "arguments={}"],
    "loss: BCE": ["loss=bce"],
    "loss: BCE + dice + clDice": ["loss=bce-dice-cldice"],
    "augmentation off": [*COLOUR_OFF, "augment.scale_jitter=0.0"],
    "augmentation as published": ["augment.style=published", "augment.scale_jitter=0.0"],
    "colour augmentation off": COLOUR_OFF,
    "shadows off": ["augment.shadow_probability=0.0"],
    "GSD jitter off": ["augment.scale_jitter=0.0"],
    "width jitter 1 px": ["augment.width_jitter_px=1"],
    "last weights, not averaged": ["ema_decay=0.0"],
    GENERATED: [],
}
"""Row to the settings that differ from the base."""

UNSEEN_VARIANTS = (BASE, "augmentation off", GENERATED)
"""Rows that are also trained without each of the regions."""

GSD_VARIANTS = (BASE, "GSD jitter off")
"""Rows that are also tried on other pixel sizes."""

ROW_TTA = "none"
"""Test-time augmentation of all rows but those that are about it."""


@dataclass(frozen=True)
class Region:
    """Datasets of one part of the world."""

    name: str
    train: list[str]
    validation: list[str]

    def scenes(self) -> list[Labelled]:
        """Return the scenes to validate on."""
        return [scene for name in self.validation for scene in find_labelled_scenes(name)]


@dataclass(frozen=True, kw_only=True)
class Look:
    """A row of the table: one way to use a model that was trained."""

    name: str
    tta: str = ROW_TTA
    gsd_m: tuple[float, ...] = ()
    """Further pixel sizes to try."""

    cldice: bool = False
    """Whether clDice is wanted too."""

    adapt: bool = False
    """Whether batch normalisation takes its statistics from the images of the region."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training and the rows that come of it."""

    name: str
    command: list[str]
    seen: list[str]
    """Regions trained on, which choose the threshold."""

    looks: list[Look]


def plan(options: argparse.Namespace, regions: Sequence[Region]) -> Iterator[Training]:
    """Yield all trainings, in the order of the table."""
    for name in VARIANTS:
        gsd_m = tuple(options.gsd) if name in GSD_VARIANTS else ()
        looks = [Look(name=name, gsd_m=gsd_m, cldice=name in UNSEEN_VARIANTS)]
        if name == BASE:
            looks += [Look(name=f"base, TTA {tta}", tta=tta) for tta in options.tta]
        yield _training(name, name, regions, looks, options)
    for region in regions if len(regions) > 1 else ():
        seen = [other for other in regions if other is not region]
        for variant in UNSEEN_VARIANTS:
            name = f"without {region.name}, {variant}"
            looks = [
                Look(name=name, cldice=True),
                Look(name=f"{name}, own statistics", cldice=True, adapt=True),
            ]
            yield _training(name, variant, seen, looks, options)


def _training(
    name: str, variant: str, seen: Sequence[Region], looks: list[Look], options: argparse.Namespace
) -> Training:
    path = options.folder / _slug(name)
    settings = [LIGHT.format(""), f"steps={options.steps}", f"tta={ROW_TTA}", *options.set]
    if options.encoder_weights and SCRATCH not in VARIANTS[variant]:
        settings.append(f"encoder_weights={options.encoder_weights}")
    settings += [setting for setting in VARIANTS[variant] if setting != SCRATCH]
    data = [dataset for region in seen for dataset in region.train]
    if variant == GENERATED:
        data += options.generated
    command = [
        "roadex", "train", *data, "--recipe=roadex", f"--output={path}.safetensors",
        f"--run-folder={path}", *(f"--set={setting}" for setting in settings),
    ]  # fmt: skip
    return Training(name=name, command=command, seen=[r.name for r in seen], looks=looks)


def run(
    training: Training, regions: Sequence[Region], folder: Path, end: float
) -> list[tuple[Look, dict[str, float]]]:
    """Train, unless that is done, and score; return IoU by column for every row there is."""
    path = folder / f"{_slug(training.name)}.safetensors"
    if not path.exists():
        left = end - time.time()
        if left <= 0:
            return []
        print(f"== {training.name}", flush=True)
        program = [sys.executable, "-c", "from roadex.cli import main; main()"]
        try:
            done = subprocess.run(
                [*program, *training.command[1:]], timeout=left, check=False,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            print("   out of hours: the same command goes on", flush=True)
            return []
        if done.returncode:
            print(f"   failed with exit code {done.returncode}: {training.name}", flush=True)
            return []
    return [(look, score(look, training, path, regions)) for look in training.looks]


def score(
    look: Look, training: Training, path: Path, regions: Sequence[Region]
) -> dict[str, float]:
    """Return figures by column, from the folder where they have been computed before."""
    kept = path.with_name(f"{_slug(look.name)}.json")
    if not kept.exists():
        scenes = {region.name: region.scenes() for region in regions}
        scores = score_model(
            load_model(path), scenes, seen=training.seen, tta=look.tta, gsds_m=look.gsd_m,
            with_cldice=look.cldice, adapt=look.adapt,
        )  # fmt: skip
        kept.write_text(json.dumps(scores))
        print(f"{look.name}: {scores}", flush=True)
    known: dict[str, float] = json.loads(kept.read_text())
    return known


def markdown(rows: Sequence[tuple[Look, dict[str, float]]], commands: Sequence[list[str]]) -> str:
    """Return the table and the commands behind it."""
    columns = list(dict.fromkeys(column for _, scores in rows for column in scores))
    lines = [
        f"| | {' | '.join(columns)} |",
        f"|---|{'--:|' * len(columns)}",
        *(f"| {look.name} | {_cells(scores, columns)} |" for look, scores in rows),
        "",
        *(f"    {shlex.join(command)}" for command in commands),
    ]
    return "\n".join(lines)


def _cells(iou: Mapping[str, float], columns: Sequence[str]) -> str:
    return " | ".join(f"{iou[column]:.3f}" if column in iou else "" for column in columns)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def _limit_threads(n: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(n)  # of the trainings started from here
    torch.set_num_threads(n)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="models, logs and scores")
    parser.add_argument(
        "--region", nargs=3, action="append", required=True,
        metavar=("NAME", "TRAIN", "VALIDATION"),
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=2000, help="of every training")
    parser.add_argument("--hours", type=float, default=1e6, help="to spend in this call")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--threads", type=int, help="of each; default an equal part of the cores")
    parser.add_argument("--encoder-weights", help="of rows that do not start from scratch")
    parser.add_argument(
        "--generated", action="append", default=[], help=f"more datasets of rows {GENERATED!r}"
    )
    parser.add_argument("--set", action="append", default=[], help="setting of all rows")
    parser.add_argument(
        "--row", action="append", default=[], help="only trainings with this in the name"
    )
    parser.add_argument("--gsd", type=float, action="append", default=[], help="another pixel size")
    parser.add_argument("--tta", action="append", default=[], help="flip or d4: a row with it")
    return parser.parse_args()


def main() -> None:
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    regions = [Region(n, t.split(","), v.split(",")) for n, t, v in options.region]
    wanted = [
        training
        for training in plan(options, regions)
        if not options.row or any(part in training.name for part in options.row)
    ]
    end = time.time() + options.hours * 3600
    n_threads = options.threads or max(1, (os.cpu_count() or 1) // options.jobs)
    with ProcessPoolExecutor(
        options.jobs, get_context("spawn"), initializer=_limit_threads, initargs=(n_threads,)
    ) as pool:
        futures = [pool.submit(run, t, regions, options.folder, end) for t in wanted]
        results = [future.result() for future in futures]
    rows = [row for result in results for row in result]
    commands = [t.command for t, result in zip(wanted, results, strict=True) if result]
    print(markdown(rows, commands))


if __name__ == "__main__":
    main()
