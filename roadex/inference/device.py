"""What torch computes on. Which GPUs there are, and who gets them, is for the pipeline."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CPU, CUDA = "cpu", "cuda"

_NO_ROOM = "unable to find an engine"
"""What torch says where none of cuDNN's algorithms got the memory to work in."""


def best_device() -> str:
    """Return ``"cuda"`` where this process sees a GPU, else ``"cpu"``."""
    return CUDA if torch.cuda.is_available() else CPU


def own_device(number: int) -> torch.device:
    """Return GPU ``number`` of this machine, made the one this process uses; else the CPU."""
    if not torch.cuda.is_available():
        return torch.device(CPU)
    device = torch.device(CUDA, number)
    torch.cuda.set_device(device)
    return device


def n_gpus() -> int:
    """Return how many GPUs torch sees."""
    return torch.cuda.device_count()


def is_gpu(device: torch.device) -> bool:
    """Return whether a device is a GPU."""
    return device.type == CUDA


def device_of(network: nn.Module) -> torch.device:
    """Return where the weights of a network are; the CPU for one without any."""
    parameter = next(network.parameters(), None)
    return torch.device(CPU) if parameter is None else parameter.device


def device_name() -> str:
    """Return what the GPU in use is called."""
    return torch.cuda.get_device_name()


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Return a context in which convolutions in float32 are that, and the same each time.

    By default torch lets GPUs shorten their factors to 10 bits (TF32), as if float16 were asked
    for, and take algorithms that add in any order. The setting is one of the whole process: what
    trains beside inference keeps its own.
    """
    if not is_gpu(device):
        return nullcontext()
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, deterministic=True, allow_tf32=False
    )
    return flags


def upload(array: NDArray[np.float32], device: torch.device) -> Tensor:
    """Return an array as a tensor on a device; the caller does not wait for the way to a GPU."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if is_gpu(device) else tensor


def is_short_of_memory(error: RuntimeError) -> bool:
    """Return whether an error of torch says that a device has too little memory."""
    return isinstance(error, torch.OutOfMemoryError) or _NO_ROOM in str(error)


def release_cache(device: torch.device) -> None:
    """Give memory that torch keeps for later back to a GPU."""
    if is_gpu(device):
        torch.cuda.empty_cache()


def most_memory_used() -> int:
    """Return the most bytes torch has held on the GPU in use."""
    return int(torch.cuda.max_memory_allocated())
