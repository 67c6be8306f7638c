"""Which GPUs this machine has and which are for whom, found without loading torch."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from roadex.errors import ConfigError

_LIST_COMMAND = ("nvidia-smi", "--query-gpu=index", "--format=csv,noheader")
_LIST_TIMEOUT_S = 30

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def choose_gpus(wanted: str) -> tuple[str, ...]:
    """Return the GPUs to use on this machine, as ``CUDA_VISIBLE_DEVICES`` names them.

    Parameters
    ----------
    wanted
        ``auto``: those there are, if torch is a build that can use them. ``all``: the same, but
        there must be one. ``none``, or names separated by commas.

    Raises
    ------
    ConfigError
        If ``all`` finds none.
    """
    if wanted == "none":
        return ()
    if wanted not in ("auto", "all"):
        return tuple(part.strip() for part in wanted.split(","))
    found = visible_gpus() if torch_has_cuda() else ()
    if wanted == "all" and not found:
        reason = "nvidia-smi lists none" if torch_has_cuda() else "torch is a build without CUDA"
        msg = f"no GPU to use on this machine: {reason}. See `roadex doctor`, or leave out --gpus"
        raise ConfigError(msg)
    return found


def device_for(gpus: tuple[str, ...]) -> str:
    """Return the one GPU out of ``gpus`` a process computes on, as torch numbers those it can see.

    Raises
    ------
    ConfigError
        If they are several, or not to be seen.
    """
    if not gpus:
        return "cpu"
    visible = visible_gpus()
    if len(gpus) > 1 or gpus[0] not in visible:
        msg = (
            f"the calling process (workers = 0) computes on one GPU out of "
            f"{', '.join(visible) or 'none'}, not on {', '.join(gpus)}. Choose one with --gpus, or "
            "leave out --workers"
        )
        raise ConfigError(msg)
    return f"cuda:{visible.index(gpus[0])}"


def cores_near(gpu: str | None) -> list[int]:
    """Return the cores near a GPU as dask-cuda finds them, where it is installed; else none."""
    if not gpu or find_spec("dask_cuda") is None:
        return []
    # Found by name: it pins one version of Dask, so it cannot be among what roadex requires.
    utils = import_module("dask_cuda.utils")
    return sorted(utils.get_cpu_affinity(int(gpu) if gpu.isdecimal() else gpu))


def gpu_environment(gpus: str) -> dict[str, str]:
    """Return the variable that lets a process see these GPUs alone; ``""`` is none."""
    return {_VISIBLE: gpus}


def visible_gpus() -> tuple[str, ...]:
    """Return the GPUs this process may use, whatever torch can do with them."""
    visible = os.environ.get(_VISIBLE)
    if visible is not None:
        return tuple(part.strip() for part in visible.split(",") if part.strip())
    if shutil.which(_LIST_COMMAND[0]) is None:
        return ()
    try:
        listed = subprocess.run(
            _LIST_COMMAND, capture_output=True, text=True, check=True, timeout=_LIST_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):  # a driver that is not loaded is no GPU
        return ()
    return tuple(line.strip() for line in listed.stdout.splitlines() if line.strip())


def torch_has_cuda() -> bool:
    """Return whether torch was built with CUDA; it is not imported for that."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    version_file = Path(spec.origin).with_name("version.py")
    return runpy.run_path(str(version_file)).get("cuda") is not None


def usable_gpu() -> str | None:
    """Return the name of the GPU torch computes on, found by trying in another process, or None.

    Only trying tells whether torch and the driver get on.
    """
    code = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"
    tried = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    return None if tried.returncode else tried.stdout.strip() or None
