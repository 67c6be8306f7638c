"""Train a network of roadex on packed places, on a GPU or a CPU.

    python workflows/gpu-training/train.py places.zip runs/first --init roadex-light \
        --time-limit 5 --batch-mpx 4

Writes ``checkpoint.pt`` (the same command goes on from it), ``log.jsonl``, a model file per
judgement, ``state-MMMM.safetensors``, and the best of them as ``best.safetensors``.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # roadex of this checkout
sys.path.insert(0, str(Path(__file__).parent))

from kit.chips import GSD_M, GSD_RANGE_M, Atlas, to_atlas
from kit.measure import best_threshold, count_sets
from kit.models import Start, errors_in_one_line, open_model, start_from_model, start_from_scratch
from kit.places import Place, at_gsd, by_set, is_named, read_archive
from kit.training import OTHER_SHARE, SHARES, Recipe, Training, batches

import roadex
from roadex.models.metadata import ModelMetadata
from roadex.models.modelfile import Model, save_model

LOG_EVERY = 20
LOW_SHARE = 0.6
"""Low hysteresis threshold as a share of the high one, as ``roadex train`` sets it."""

UNTIMED_STEPS = 12
"""First steps on a GPU that the time limit does not count: they load and choose kernels for every
size of chip, half a minute in which nothing is learned and the rate would fall."""

N_AHEAD = 4
"""Batches made in threads while a GPU computes."""

PlaceSets = dict[str, list[Place]]


def split_places(places: Sequence[Place], excluded: Sequence[str]) -> tuple[PlaceSets, PlaceSets]:
    """Return sets to learn from and sets to judge by; excluded places are only judged."""
    learned = [p for p in places if p.set_name.startswith("train/")]
    judged = by_set([p for p in places if p.set_name.startswith("val/")])
    if excluded:
        left_out = [at_gsd(place, GSD_M) for place in learned if is_named(place, excluded)]
        if not left_out:
            msg = f"no place to learn from is named {' or '.join(excluded)}"
            raise SystemExit(msg)
        judged["val/left-out"] = left_out
        learned = [place for place in learned if not is_named(place, excluded)]
    return by_set(learned), judged


def set_shares(names: Sequence[str], changes: Sequence[str]) -> dict[str, float]:
    """Return the share of chips per set; ``changes`` are ``NAME=SHARE``, 0 leaves a set out."""
    shares = {name: SHARES.get(name, OTHER_SHARE) for name in names}
    for change in changes:
        name, value = change.split("=")
        if name not in shares:
            msg = f"no set {name!r} in the archive; it has {', '.join(names)}"
            raise SystemExit(msg)
        shares[name] = float(value)
    return {name: share for name, share in shares.items() if share > 0}


def judge(
    training: Training, judged: PlaceSets, metadata: ModelMetadata, folder: Path
) -> dict[str, Any]:
    """Measure the averaged weights, write them as a model file and return its figures."""
    network = training.averaged.eval()
    with torch.backends.cudnn.flags(benchmark=False):  # every image has another size
        counts = count_sets(network, judged, training.device)
    threshold, mean = best_threshold(list(counts.values())) if counts else (0.5, 0.0)
    figures = {"iou": round(mean, 4), "threshold": threshold}
    figures |= {f"iou_{name}": round(c.iou(threshold), 4) for name, c in counts.items()}
    minutes = training.used_s / 60
    path = folder / f"state-{training.step:06d}.safetensors"
    done = {"steps": training.step, "hours": round(minutes / 60, 3)}
    described = replace(
        metadata,
        threshold_low=round(LOW_SHARE * threshold, 3),
        threshold_high=threshold,
        tta="none",
        validation=figures,
        training={**metadata.training, **done},
    )
    save_model(network, described, path)
    return {"step": training.step, "minutes": round(minutes, 2), "state": path.name} | figures


def run(
    training: Training,
    atlas: Atlas,
    shares: Mapping[str, float],
    judged: PlaceSets,
    metadata: ModelMetadata,
    options: argparse.Namespace,
) -> None:
    """Train to the end, log, judge and save on the way."""
    folder, losses = options.folder, []
    is_gpu = training.device.type == "cuda"
    n_ahead, n_untimed = (N_AHEAD, UNTIMED_STEPS) if is_gpu else (0, 0)
    first_step = training.step
    stream = batches(atlas, shares, training.recipe, first_step, n_ahead=n_ahead)
    judged_at, saved_at = training.used_s, training.used_s
    is_done = training.progress >= 1
    while not is_done:
        began = time.monotonic()
        losses.append(training.learn(next(stream)))
        if training.step > first_step + n_untimed:
            training.used_s += time.monotonic() - began
        is_done = training.progress >= 1
        if training.step % LOG_EVERY == 0 or is_done:
            minutes = round(training.used_s / 60, 2)
            entry = {"step": training.step, "minutes": minutes, "loss": float(np.mean(losses))}
            log(folder, entry)
            losses = []
        if is_done or training.used_s - judged_at >= 60 * options.judge_every:
            log(folder, judge(training, judged, metadata, folder))
            judged_at = training.used_s
        if is_done or training.used_s - saved_at >= 60 * options.checkpoint_every:
            training.save(folder / "checkpoint.pt")
            saved_at = training.used_s
    stream.close()


def log(folder: Path, entry: Mapping[str, Any]) -> None:
    """Append a line to ``log.jsonl`` and print it."""
    line = json.dumps(entry)
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    print(line, flush=True)


def keep_best(folder: Path) -> Path:
    """Copy the state with the highest mean IoU to ``best.safetensors``."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    states = [entry for line in lines if "state" in (entry := json.loads(line))]
    best = max(states, key=lambda entry: (entry["iou"], entry["step"]))
    shutil.copyfile(folder / best["state"], folder / "best.safetensors")
    return folder / "best.safetensors"


def describe(
    metadata: ModelMetadata,
    options: argparse.Namespace,
    recipe: Recipe,
    shares: Mapping[str, float],
    teachers: Sequence[Model],
) -> ModelMetadata:
    """Return the metadata of the states of this training."""
    settings = {key: value for key, value in asdict(recipe).items() if value != math.inf}
    training = {
        "licence": options.licence or metadata.training.get("licence", ""),
        "recipe": "gpu-training",
        "data": [f"{name}@{share:g}" for name, share in shares.items()],
        "excluded": options.exclude,
        "teachers": [teacher.sha256 for teacher in teachers],
        "settings": settings,
    }
    return replace(
        metadata,
        name=options.name,
        gsd_range_m=GSD_RANGE_M,
        training={**metadata.training, **training},
        roadex_version=roadex.__version__,
    )


def start(options: argparse.Namespace) -> Start:
    """Return the network that the command line names, and its description."""
    if options.init is not None:
        return start_from_model(options.init)
    return start_from_scratch(
        options.network, options.arguments, options.encoder_weights, seed=options.seed
    )


def parse() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="what pack.py wrote")
    parser.add_argument("folder", type=Path, help="where states and checkpoints go")
    parser.add_argument("--more", type=Path, nargs="+", default=[], help="more archives")
    begin = parser.add_mutually_exclusive_group(required=True)
    begin.add_argument("--init", metavar="MODEL", help="model to go on from: a file or a name")
    begin.add_argument("--network", help="network of roadex to train from scratch")
    parser.add_argument("--arguments", type=json.loads, default={}, help="of --network, as JSON")
    parser.add_argument("--encoder-weights", type=Path, help="file for --network")
    parser.add_argument("--name", default="places", help="name of the model")
    parser.add_argument("--licence", default="", help="of the data; else that of --init")
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    parser.add_argument("--time-limit", type=float, default=math.inf, help="minutes")
    parser.add_argument("--batch-mpx", type=float, default=0.9, help="megapixels per step")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--encoder-factor", type=float, default=Recipe().encoder_factor)
    parser.add_argument("--weight-decay", type=float, default=Recipe().weight_decay)
    parser.add_argument("--ema-decay", type=float, default=Recipe().ema_decay)
    parser.add_argument("--teachers", nargs="+", default=[], help="models")
    parser.add_argument("--patched", type=float, default=0.0, help="share of patched chips")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sets", nargs="+", default=[], help="NAME=SHARE; 0 leaves it out")
    parser.add_argument("--exclude", nargs="+", default=[], help="beginnings of names of places")
    parser.add_argument("--judge-every", type=float, default=10, help="minutes")
    parser.add_argument("--checkpoint-every", type=float, default=2, help="minutes")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU")
    options = parser.parse_args()
    if options.init is not None and (options.arguments or options.encoder_weights):
        parser.error("--arguments and --encoder-weights are for --network: --init has its own")
    if not isinstance(options.arguments, dict):
        parser.error("--arguments is an object of names and values: '{\"head_width\": 16}'")
    return options


def main() -> None:
    """Train as the command line says."""
    options = parse()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    places = [p for path in [options.archive, *options.more] for p in read_archive(path)]
    learned, judged = split_places(places, options.exclude)
    shares = set_shares(list(learned), options.sets)
    recipe = Recipe(
        steps=options.steps,
        time_limit_min=options.time_limit,
        seed=options.seed,
        batch_mpx=options.batch_mpx,
        learning_rate=options.learning_rate,
        encoder_factor=options.encoder_factor,
        weight_decay=options.weight_decay,
        ema_decay=options.ema_decay,
        patched_share=options.patched,
    )
    network, metadata = start(options)
    teachers = [open_model(name) for name in options.teachers]
    training = Training(network, recipe, device, [teacher.network for teacher in teachers])
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = options.folder / "checkpoint.pt"
    if checkpoint.exists():
        training.load(checkpoint)
    atlas = to_atlas({name: learned[name] for name in shares}, device)
    described = describe(metadata, options, recipe, shares, teachers)
    run(training, atlas, shares, judged, described, options)
    print(keep_best(options.folder))


if __name__ == "__main__":
    with errors_in_one_line():
        main()
