"""Whether roadex is right on this GPU, and how fast: tests, throughput, kernels, in some minutes.

    python benchmarks/gpu_check.py --out gpu-check                 # all, also by `make gpu-check`
    python benchmarks/gpu_check.py --out try --device cpu --quick  # whether this program works

A part that fails is printed with its traceback, the others are done, and the exit code is 1.
``gpu-check.json`` and ``gpu-check.md`` hold what was measured, whenever it ends.
Throughput counts the pixels of a chip of 1024 px with its context of 64 px on each side once,
whatever the number of views. Road pixels are compared with float32 on the CPU.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from roadex.config import DEFAULT_MODEL, FLOAT16, FLOAT32, TTA_VIEWS
from roadex.inference.device import full_precision
from roadex.inference.float_form import FloatForm
from roadex.inference.folding import fold_batch_norm
from roadex.inference.tta import views
from roadex.models import create_network
from roadex.models.base import SegmentationNetwork
from roadex.models.modelfile import load_model, read_metadata
from roadex.models.scaling import Scaling
from roadex.synthetic.scene import generate_scene

THREADS = 4  # of a GPU worker, see docs/cluster.md
DTYPES = {
    "float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16,
    "float16": torch.float16, "float16 autocast": torch.float32,
}  # fmt: skip
LAYOUTS = torch.contiguous_format, torch.channels_last
PRODUCT_OF = {name: "bfloat16" if "16" in name else name for name in DTYPES}  # to compare with


@dataclass
class Check:
    """What is measured on, and what was found."""

    device: torch.device
    is_quick: bool
    out: Path

    def __post_init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self.side = 128 if self.is_quick else 1024 + 2 * 64
        self.n_times, self.n_warm = (1, 0) if self.is_quick else (11, 3)
        self.forms = tuple(DTYPES)[:: 2 if self.is_quick else 1]
        place = generate_scene(shape=(self.side, self.side), gsd_m=0.7, seed=4)
        self.image = place.image.astype(np.float32)
        self.networks = {DEFAULT_MODEL: load_model(DEFAULT_MODEL).network}
        torch.manual_seed(0)
        if not self.is_quick:
            self.networks["dlinknet34"] = create_network("dlinknet34").eval()
        self.is_gpu = self.device.type == "cuda"
        self.precisions = (FLOAT32, FLOAT16) if self.is_gpu else (FLOAT32,)
        self.threshold = read_metadata(DEFAULT_MODEL).threshold_high
        self.scaling = Scaling.of(read_metadata(DEFAULT_MODEL))
        self.chip = self.scaling.apply(torch.from_numpy(self.image))[None]

    def seconds(self, call: Callable[[], Any]) -> float:
        """Return the median time of a call, on the GPU's own clock where there is one."""
        for _ in range(self.n_warm):
            call()
        one = _gpu_seconds if self.is_gpu else _seconds
        return median(one(call) for _ in range(self.n_times))

    def form(self, network: SegmentationNetwork, **options: Any) -> FloatForm:
        """Return the engine for a network, which stays as it is."""
        return FloatForm(copy.deepcopy(network), self.scaling, device=str(self.device), **options)

    def add(
        self, call: Callable[[], Any], n_views: int, *, n_images: int = 1, **names: Any
    ) -> dict[str, Any]:
        """Time a call that computes so many views of so many chips and keep it as a row."""
        if self.is_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        seconds = self.seconds(call) / n_images
        row = names | {
            "views": n_views,
            "ms": round(1e3 * seconds, 3),
            "mpx_per_s": round(self.side**2 / 1e6 / seconds, 2),
            "peak_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if self.is_gpu else None,
        }
        self.rows.append(row)
        self.write()
        print(row, flush=True)
        return row

    def write(self) -> None:
        """Write everything found so far."""
        content = self.found | {"rows": self.rows}
        (self.out / "gpu-check.json").write_text(json.dumps(content, indent=1) + "\n")
        (self.out / "gpu-check.md").write_text(_table(self.rows) + "\n")


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _gpu_seconds(call: Callable[[], Any]) -> float:
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    began.record()
    call()
    ended.record()
    ended.synchronize()
    return float(began.elapsed_time(ended)) / 1e3


def _table(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [["" if row.get(c) is None else str(row[c]) for c in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(check: Check) -> None:
    """Say what is measured on, and what its matrix products reach."""
    check.found["torch"], check.found["python"] = torch.__version__, platform.python_version()
    check.found["cudnn"] = torch.backends.cudnn.version()
    check.found["device"] = torch.cuda.get_device_name() if check.is_gpu else "cpu"
    n = 512 if check.is_quick else 8192
    peaks = {}
    for name in ("float32", "tf32", "bfloat16"):
        factors = torch.randn((2, n, n), device=check.device, dtype=DTYPES[name])
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
        seconds = check.seconds(lambda factors=factors: factors[0] @ factors[1])
        peaks[name] = round(2 * n**3 / seconds / 1e12, 2)
    torch.backends.cuda.matmul.allow_tf32 = False
    check.found["matmul_tflops"] = peaks


def throughput(check: Check) -> None:
    """Time the bare network in each form, and the engine beside it."""
    for name, network in check.networks.items():
        folded = fold_batch_norm(network)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            expected = folded(check.chip).sigmoid()
        flops = counter.get_total_flops()
        for tta in ("none", "d4"):
            bare = {}
            for form, layout in product(check.forms, LAYOUTS):
                row = _bare_row(check, folded, form, layout, TTA_VIEWS[tta], expected)
                row["network"] = name
                row["tflops"] = round(TTA_VIEWS[tta] * flops / row["ms"] / 1e9, 3)
                peak = check.found["matmul_tflops"][PRODUCT_OF[form]]
                row["share_of_matmul"] = round(row["tflops"] / peak, 3)
                bare[form] = min(row["ms"], bare.get(form, row["ms"]))
            _engine_rows(check, name, network, tta, bare)


def _bare_row(
    check: Check, folded: SegmentationNetwork, form: str, layout: Any, n_views: int,
    expected: Tensor,
) -> dict[str, Any]:  # fmt: skip
    network = copy.deepcopy(folded).to(check.device, DTYPES[form]).to(memory_format=layout)
    seen = [view.apply(check.chip) for view in views("d4")[:n_views]]
    chips = torch.cat(seen).to(check.device, DTYPES[form]).contiguous(memory_format=layout)
    contexts = {
        "float32": full_precision(check.device),
        "float16 autocast": torch.autocast(check.device.type, torch.float16),
    }
    names = {"what": "forward", "form": form, "layout": str(layout)[6:]}
    with torch.inference_mode(), contexts.get(form, nullcontext()):
        row = check.add(lambda: network(chips), n_views, **names)
        found = network(chips[:1]).float().sigmoid().cpu()
    row["max_difference"] = round(float((found - expected).abs().max()), 6)
    roads, true = found >= check.threshold, expected >= check.threshold
    row["road_iou"] = round(int((roads & true).sum()) / max(1, int((roads | true).sum())), 5)
    return row


def _engine_rows(
    check: Check, name: str, network: SegmentationNetwork, tta: str, bare: dict[str, float]
) -> None:
    batchings = (False,) if tta == "none" else (True, False)
    for precision, is_batched in product(check.precisions, batchings):
        form = check.form(network, precision=precision, is_batched=is_batched)
        what = "engine, views together" if is_batched else "engine, view by view"
        for n_threads in (1, THREADS):
            names = {"what": f"{what}, threads: {n_threads}", "form": precision, "network": name}
            with ThreadPoolExecutor(n_threads) as pool:
                call = partial(_by_threads, pool, form, check.image, tta, n_threads)
                row = check.add(call, TTA_VIEWS[tta], n_images=n_threads, **names)
            row["share_of_forward"] = round(bare[precision] / row["ms"], 3)


def _by_threads(
    pool: ThreadPoolExecutor, form: FloatForm, image: np.ndarray, tta: str, n_images: int
) -> None:
    for done in [pool.submit(form.probability, image, tta) for _ in range(n_images)]:
        done.result()


def kernels(check: Check) -> None:
    """Say which kernels of one call of the engine take most time."""
    kinds = torch.profiler.ProfilerActivity
    activities = [kinds.CPU, kinds.CUDA] if check.is_gpu else [kinds.CPU]
    key = "self_cuda_time_total" if check.is_gpu else "self_cpu_time_total"
    form = check.form(check.networks[DEFAULT_MODEL], precision=check.precisions[-1])
    form.probability(check.image, "d4")
    with torch.profiler.profile(activities=activities) as profile:
        form.probability(check.image, "d4")
    text = profile.key_averages().table(sort_by=key, row_limit=10, max_name_column_width=70)
    check.found["kernels"] = text.splitlines()
    print(text, flush=True)


def tests(_: Check) -> None:
    """Run the tests that are marked for GPUs; off a GPU they skip themselves."""
    words = [sys.executable, "-m", "pytest", "-m", "gpu", "--durations=8", "-p", "no:cacheprovider"]
    subprocess.run([*words, "tests/test_gpu.py"], cwd=Path(__file__).parents[1], check=True)


def graph(check: Check) -> None:
    """Time the light network in float16 replayed as a CUDA graph."""
    network, chips = _light_in_half(check)
    recorded = torch.cuda.CUDAGraph()
    with torch.inference_mode():
        network(chips)
        torch.cuda.synchronize()
        with torch.cuda.graph(recorded):
            network(chips)
        check.add(recorded.replay, 1, what="forward, graph", form=FLOAT16, network=DEFAULT_MODEL)


def compiled(check: Check) -> None:
    """Time the light network in float16 compiled."""
    network, chips = _light_in_half(check)
    call = partial(torch.compile(network), chips)
    with torch.inference_mode():
        seconds = _seconds(call)
        row = check.add(call, 1, what="forward, compiled", form=FLOAT16, network=DEFAULT_MODEL)
    row["compile_s"] = round(seconds, 1)


def _light_in_half(check: Check) -> tuple[SegmentationNetwork, Tensor]:
    network = fold_batch_norm(check.networks[DEFAULT_MODEL]).to(check.device, torch.float16)
    chips = check.chip.to(check.device, torch.float16)
    layout = torch.channels_last
    return network.to(memory_format=layout), chips.contiguous(memory_format=layout)


PARTS = {part.__name__: part for part in (machine, tests, throughput, kernels, graph, compiled)}
ON_GPUS = ("graph", "compiled")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--device", default="cuda", help="as torch names it (cuda)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="all by default")
    parser.add_argument("--quick", action="store_true", help="small chips, once each")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    check = Check(torch.device(options.device), options.quick, options.out)
    seconds, failed = check.found["seconds"], check.found["failed"] = {}, []
    default = [name for name in PARTS if check.is_gpu or name not in ON_GPUS]
    for name in options.parts or default:
        began = time.perf_counter()
        try:
            PARTS[name](check)
        except Exception:
            failed.append(name)
            traceback.print_exc()
        seconds[name] = round(time.perf_counter() - began, 1)
        check.write()
        print(f"== {name}: {seconds[name]} s", flush=True)
    print(_table(check.rows), f"failed: {', '.join(failed) or 'nothing'}", sep="\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
