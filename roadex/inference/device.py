"""What torch computes on. Which GPUs there are, and who gets them, is for the pipeline."""

from __future__ import annotations

import torch
from torch import nn

CPU, CUDA = "cpu", "cuda"


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


def release_cache(device: torch.device) -> None:
    """Give memory that torch keeps for later back to a GPU."""
    if is_gpu(device):
        torch.cuda.empty_cache()


def most_memory_used() -> int:
    """Return the most bytes torch has held on the GPU in use."""
    return int(torch.cuda.max_memory_allocated())
