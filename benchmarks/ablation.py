"""What each part of a training is worth: the same training with one thing changed per row.

    python benchmarks/ablation.py --folder runs/ablation --steps 2000 --hours 10 \
        --region massachusetts ma/train@0.6,ma/crops@0.2 ma/val \
        --region dubai dubai/tile_1@0.1,dubai/tile_2@0.1 dubai/tile_8 \
        --encoder-weights mobilenet_v2.safetensors --gsd 0.7 --gsd 1.4

A region is a name, datasets to train on (with their shares), and datasets to validate on, both
separated by commas. All rows train on all regions but the rows ``without NAME``, which show how a
model does where it has never been: their threshold is chosen on the other regions.

Every row is a ``roadex train`` command, printed below the table. What is done is kept in the
folder: the same command goes on where an earlier one stopped, was killed, or ran out of hours.
Columns are the road IoU on each region's validation data at the threshold with the best mean, and
that mean; with ``--gsd`` also the mean with images brought to another pixel size.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from roadex.datasets import find_labelled_scenes
from roadex.datasets.labelled import Labelled
from roadex.evaluation import best_common_threshold, evaluate, iou_at
from roadex.models.modelfile import Model, load_model
from roadex.models.scaling import Scaling

LIGHT = 'arguments={{encoder="mobilenet_v2", head_width=16{}}}'

COLOUR_OFF = [
    f"augment.{name}_probability=0.0"
    for name in ("colour", "grey", "blur", "noise", "jpeg", "shadow")
]

VARIANTS: dict[str, list[str]] = {
    "base: D-LinkNet over MobileNetV2": [],
    "LinkNet centre": [LIGHT.format(", dilations=[]")],
    "encoder from scratch": ["encoder_weights="],
    "D-LinkNet34 from scratch": ["encoder_weights=", "network=dlinknet34", "arguments={}"],
    "loss: BCE": ["loss=bce"],
    "loss: BCE + dice + clDice": ["loss=bce-dice-cldice"],
    "augmentation off": [*COLOUR_OFF, "augment.scale_jitter=0.0"],
    "augmentation as published": ["augment.style=published", "augment.scale_jitter=0.0"],
    "colour augmentation off": COLOUR_OFF,
    "shadows off": ["augment.shadow_probability=0.0"],
    "GSD jitter off": ["augment.scale_jitter=0.0"],
    "width jitter 1 px": ["augment.width_jitter_px=1"],
    "last weights, not averaged": ["ema_decay=0.0"],
}
"""Row to the settings that differ from the base."""

UNSEEN_VARIANTS = ("base: D-LinkNet over MobileNetV2", "augmentation off")
"""Rows that are also trained without each of the regions."""

TTA_ROWS = ("none", "flip", "d4")
ROW_TTA = "none"
"""Test-time augmentation of all other rows."""


@dataclass(frozen=True)
class Region:
    """Datasets of one part of the world."""

    name: str
    train: list[str]
    validation: list[str]


@dataclass
class Row:
    """A line of the table."""

    name: str
    command: list[str]
    iou: dict[str, float] = field(default_factory=dict)


class Ablation:
    """The trainings of a table, and their scores."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.folder: Path = options.folder
        self.options = options
        self.regions = [Region(n, t.split(","), v.split(",")) for n, t, v in options.region]
        self.scenes: dict[str, list[Labelled]] = {
            region.name: [s for name in region.validation for s in find_labelled_scenes(name)]
            for region in self.regions
        }
        self.end = time.monotonic() + options.hours * 3600

    def rows(self) -> Iterator[Row]:
        """Yield the rows, each as soon as it is trained and scored."""
        for name, settings in VARIANTS.items():
            if not self._is_wanted(name):
                continue
            command = self._command(name, self.regions, settings)
            if (model := self._train(name, command)) is None:
                continue
            yield Row(name, command, self._score(name, model, ROW_TTA, self.regions))
            if not settings:
                for tta in TTA_ROWS:
                    scores = self._score(f"TTA {tta}", model, tta, self.regions)
                    yield Row(f"base, TTA {tta}", command, scores)
        for region in self.regions if len(self.regions) > 1 else ():
            seen = [other for other in self.regions if other is not region]
            for how in UNSEEN_VARIANTS:
                name = f"without {region.name}, {how}"
                command = self._command(name, seen, VARIANTS[how])
                if self._is_wanted(name) and (model := self._train(name, command)) is not None:
                    yield Row(name, command, self._score(name, model, ROW_TTA, seen))

    def _is_wanted(self, name: str) -> bool:
        return not self.options.row or any(part in name for part in self.options.row)

    def _command(self, name: str, regions: Sequence[Region], settings: Sequence[str]) -> list[str]:
        path = self.folder / _slug(name)
        base = [LIGHT.format(""), f"steps={self.options.steps}", f"tta={ROW_TTA}"]
        base.append(f"evaluate_every={self.options.steps}")
        if self.options.encoder_weights:
            base.append(f"encoder_weights={self.options.encoder_weights}")
        chosen = [s for s in (*base, *self.options.set, *settings) if s != "encoder_weights="]
        if "encoder_weights=" in settings:
            chosen = [s for s in chosen if not s.startswith("encoder_weights=")]
        return [
            "roadex", "train", *(name for region in regions for name in region.train),
            *(f"--validation={name}" for region in regions for name in region.validation),
            "--recipe=roadex", f"--output={path.with_suffix('.safetensors')}",
            f"--run-folder={path}", *(f"--set={setting}" for setting in chosen),
        ]  # fmt: skip

    def _train(self, name: str, command: Sequence[str]) -> Model | None:
        """Return the trained model, or None where the hours are used up or training failed."""
        path = (self.folder / _slug(name)).with_suffix(".safetensors")
        if not path.exists():
            left = self.end - time.monotonic()
            if left <= 0:
                return None
            print(f"== {name}", flush=True)
            program = [sys.executable, "-c", "from roadex.cli import main; main()", *command[1:]]
            try:
                if code := subprocess.run(program, timeout=left, check=False).returncode:
                    print(f"   failed with exit code {code}: {name}", flush=True)
            except subprocess.TimeoutExpired:
                print("   out of hours: the same command goes on", flush=True)
        return load_model(path) if path.exists() else None

    def _score(
        self, name: str, model: Model, tta: str, tuned_on: Sequence[Region]
    ) -> dict[str, float]:
        """Return IoU by column, from the folder where it has been computed before."""
        kept = self.folder / f"{_slug(name)}.json"
        if kept.exists():
            known: dict[str, float] = json.loads(kept.read_text())
            return known
        names = [region.name for region in tuned_on]
        own = model.metadata.gsd_m
        scores, threshold = self._ious(model, tta, own, names)
        for gsd_m in self.options.gsd:
            at_gsd, _ = self._ious(model, tta, gsd_m, names, threshold)
            scores[f"{gsd_m:g} m"] = at_gsd["mean"]
        kept.write_text(json.dumps(scores))
        return scores

    def _ious(
        self, model: Model, tta: str, gsd_m: float, names: Sequence[str], threshold: float = 0.0
    ) -> tuple[dict[str, float], float]:
        scaling = Scaling.of(model.metadata)
        counts = {
            name: evaluate(model.network, scenes, scaling=scaling, gsd_m=gsd_m, tta=tta)
            for name, scenes in self.scenes.items()
        }
        threshold = threshold or best_common_threshold([counts[name] for name in names])
        ious = {name: iou_at(count, threshold) for name, count in counts.items()}
        return {**ious, "mean": sum(ious.values()) / len(ious)}, threshold


def markdown(rows: Sequence[Row]) -> str:
    """Return the table and the commands behind it."""
    columns = list(dict.fromkeys(column for row in rows for column in row.iou))
    lines = [
        f"| | {' | '.join(columns)} |",
        f"|---|{'--:|' * len(columns)}",
        *(f"| {row.name} | {_cells(row.iou, columns)} |" for row in rows),
        "",
        *dict.fromkeys(f"    {shlex.join(row.command)}" for row in rows),
    ]
    return "\n".join(lines)


def _cells(iou: Mapping[str, float], columns: Sequence[str]) -> str:
    return " | ".join(f"{iou[column]:.3f}" if column in iou else "" for column in columns)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="models, logs and scores")
    parser.add_argument(
        "--region", nargs=3, action="append", required=True,
        metavar=("NAME", "TRAIN", "VALIDATION"),
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=2000, help="of every training")
    parser.add_argument("--hours", type=float, default=1e6, help="to spend in this call")
    parser.add_argument("--encoder-weights", help="of rows that do not start from scratch")
    parser.add_argument("--set", action="append", default=[], help="setting of all rows")
    parser.add_argument(
        "--row", action="append", default=[], help="only rows with this in the name"
    )
    parser.add_argument("--gsd", type=float, action="append", default=[], help="another pixel size")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print(markdown(list(Ablation(options).rows())))


if __name__ == "__main__":
    main()
