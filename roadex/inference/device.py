"""What torch computes on. Which GPUs there are, and who gets them, is for the pipeline."""

from __future__ import annotations

import torch
from torch import nn

CPU, CUDA = "cpu", "cuda"


def best_device() -> str:
    """Return ``"cuda"`` where this process sees a GPU, else ``"cpu"``."""
    return CUDA if torch.cuda.is_available() else CPU


def device_of(network: nn.Module) -> torch.device:
    """Return where the weights of a network are; the CPU for one without any."""
    parameter = next(network.parameters(), None)
    return torch.device(CPU) if parameter is None else parameter.device


def device_name(device: str) -> str:
    """Return what a device is called, such as the name of the GPU."""
    return torch.cuda.get_device_name() if device == CUDA else device


def release_cache(device: torch.device) -> None:
    """Give memory that torch keeps for later back to a GPU."""
    if device.type == CUDA:
        torch.cuda.empty_cache()


def most_memory_used(device: str) -> int | None:
    """Return the most bytes torch has held on a GPU; None for the CPU, where it does not count."""
    return int(torch.cuda.max_memory_allocated()) if device == CUDA else None
