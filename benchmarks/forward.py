"""CPU seconds and memory of a forward pass, in float32 and in 8-bit integers, side by side.

    python benchmarks/forward.py scene.tif                  # chips of 1152 px out of a scene
    python benchmarks/forward.py scene.tif --model my.safetensors --rounds 10

Each precision runs in a process of its own on one thread, one chip at a time in turn, so that other
load on the machine meets both alike. Ratios count, seconds are those of the machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rasterio.windows import Window

from roadex.config import DEFAULT_MODEL, FLOAT32, INT8
from roadex.inference.allocator import ALLOCATOR_ENVIRONMENT, tune_allocator

SIDE = 1152
"""A chip with its context, as in a run."""


def chip_of(scene: str, model: str) -> np.ndarray:
    """Return pixels from the middle of a scene at the pixel size of the model."""
    from roadex.imagery.reader import open_grid
    from roadex.imagery.scene import open_scene
    from roadex.imagery.work_grid import plan_grid
    from roadex.models.modelfile import read_metadata

    metadata = read_metadata(model)
    opened = open_scene([scene], wanted=metadata.bands)
    grid = plan_grid(opened, gsd_m=metadata.gsd_m, gsd_range_m=(0.0, 100.0))
    row, col = (max(size - SIDE, 0) // 2 for size in grid.shape)
    with open_grid(opened, grid) as reader:
        return reader.read(Window(col, row, SIDE, SIDE))[0]


def work(scene: str, model: str, precision: str) -> None:
    """Compute a chip for each line that comes in; answer with CPU seconds and peak memory."""
    from roadex.inference.engine import Predictor
    from roadex.inference.speed_trial import peak_bytes

    tune_allocator()
    if precision == FLOAT32:
        from roadex.inference.float_form import compute_in_one_thread

        compute_in_one_thread()
    chip = chip_of(scene, model)
    predictor = Predictor.load(model, device="cpu", precision=precision)
    predictor.probability(chip)
    for _ in sys.stdin:
        began = time.process_time()
        predictor.probability(chip)
        answer = {"seconds": time.process_time() - began, "bytes": peak_bytes()}
        print(json.dumps(answer), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.scene, options.model, options.worker)
        return
    command = [sys.executable, str(Path(__file__)), options.scene, "--model", options.model]
    environment = ALLOCATOR_ENVIRONMENT | {"OMP_NUM_THREADS": "1"}
    workers = {
        precision: subprocess.Popen(
            ["env", *(f"{k}={v}" for k, v in environment.items()), *command, "--worker", precision],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for precision in (FLOAT32, INT8)
    }  # fmt: skip
    answers: dict[str, list[dict[str, float]]] = {name: [] for name in workers}
    for _ in range(options.rounds):
        for name, worker in workers.items():
            worker.stdin.write("\n")
            worker.stdin.flush()
            answers[name].append(json.loads(worker.stdout.readline()))
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    seconds = {name: np.median([a["seconds"] for a in found]) for name, found in answers.items()}
    print("| precision | CPU s per Mpx | times as fast | peak MB |")
    for name, found in answers.items():
        per_mpx = seconds[name] / SIDE**2 * 1e6
        ratio = seconds[FLOAT32] / seconds[name]
        print(f"| {name} | {per_mpx:.3f} | {ratio:.2f} | {found[-1]['bytes'] / 1e6:.0f} |")


if __name__ == "__main__":
    main()
