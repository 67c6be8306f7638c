"""How fast the model is on this machine, and how much memory it takes, tried in a process apart.

Apart, because the client of a run does not load torch, and what the model took is known only where
nothing else was loaded. Run as ``python -m roadex.inference.speed_trial MODEL SIDE PRECISION``;
prints JSON.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from roadex.config import INT8
from roadex.errors import ModelError
from roadex.inference.allocator import ALLOCATOR_ENVIRONMENT

CPU_SIDE = 512
"""Side of the image tried on a CPU, in pixels: a second or two of work."""

_ERROR_NAME = re.compile(r"^roadex\.errors\.\w+: ")
"""What a traceback puts before one of our errors."""

Forward: TypeAlias = Callable[[Any], object]
"""Takes an image ``(C, h, w)`` through a network."""

_NOT_LOADED_BYTES = 50_000_000
"""Of what a worker has loaded and a trial in integers has not: rasterio and scipy (measured)."""

_REPEATS = 2
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What one worker can do."""

    device: str
    seconds_per_mpx: float
    """Time per million pixels given to the network, one view."""

    base_bytes: int
    """Memory of the process with the model loaded."""

    bytes_per_pixel: float
    """Memory beyond that per pixel given to the network; on the GPU where there is one."""


def calibrate(model: Path, precision: str, *, environment: dict[str, str]) -> Calibration:
    """Try the model in a process of its own.

    Parameters
    ----------
    model
        The model file.
    precision
        ``float32``, ``float16`` or ``int8``.
    environment
        Of this process, to which the settings of a worker are added.

    Raises
    ------
    ModelError
        If the model cannot be loaded or computed.
    """
    command = [sys.executable, "-m", __name__, str(model), str(CPU_SIDE), precision]
    settings = ALLOCATOR_ENVIRONMENT | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, env=environment | settings, capture_output=True, text=True, check=True,
            timeout=_TIMEOUT_S,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [str(error)]
        msg = f"cannot try {model}: {_ERROR_NAME.sub('', lines[-1])}"
        raise ModelError(msg) from error
    except subprocess.TimeoutExpired as error:
        msg = f"cannot try {model}: no result in {_TIMEOUT_S} s"
        raise ModelError(msg) from error
    return Calibration(**json.loads(done.stdout.strip().splitlines()[-1]))


def _measure(model: str, side: int, precision: str) -> Calibration:
    import numpy as np

    device = "cpu" if precision == INT8 else _device()
    forward, n_bands = _integers(model) if precision == INT8 else _floats(model, device, precision)
    base = peak_bytes()
    side = side if device == "cpu" else 2 * side
    image = np.full((n_bands, side, side), 100, dtype=np.float32)
    forward(image)
    seconds = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        forward(image)
        seconds.append(time.perf_counter() - began)
    name, used = "cpu", peak_bytes() - base
    if device != "cpu":
        from roadex.inference.device import device_name, most_memory_used

        name, used = device_name(), most_memory_used()
    return Calibration(
        device=name,
        seconds_per_mpx=min(seconds) / side**2 * 1e6,
        base_bytes=base + (_NOT_LOADED_BYTES if precision == INT8 else 0),
        bytes_per_pixel=used / side**2,
    )


def _integers(model: str) -> tuple[Forward, int]:
    """Return what takes an image through the network, and how many bands it takes.

    Up to its logits: what makes them probability takes longer to load than all of the trial's
    forward passes.
    """
    from roadex.inference.int8_form import IntegerForm
    from roadex.models.int8 import load_int8
    from roadex.models.modelfile import read_metadata
    from roadex.models.scaling import Scaling

    scaling = Scaling.of(read_metadata(model))
    form = IntegerForm(load_int8(model), scaling)
    return lambda image: form.logits(scaling.apply(image)[None]), form.n_bands


def _floats(model: str, device: str, precision: str) -> tuple[Forward, int]:
    """Return the same for a network in floating point, up to the probability."""
    from roadex.inference.engine import Predictor

    predictor = Predictor.load(model, device=device, precision=precision)
    return predictor.probability, predictor.n_bands


def _device() -> str:
    """Return where torch computes; on a CPU in one thread."""
    from roadex.inference.device import best_device  # integers need no torch
    from roadex.inference.float_form import compute_in_one_thread

    compute_in_one_thread()
    return best_device()


def peak_bytes() -> int:
    """Return the most memory this process has held; on Linux getrusage counts its parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    from dataclasses import asdict

    sys.stdout.write(
        json.dumps(asdict(_measure(sys.argv[1], int(sys.argv[2]), sys.argv[3]))) + "\n"
    )
