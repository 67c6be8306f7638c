"""The processes that train together: one per GPU, each with its part of every batch.

Gradients are averaged by torch's DistributedDataParallel. The chips of a step are the same for any
number of processes; each takes its share of them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing.spawn import ProcessRaisedException, spawn
from torch.nn.parallel import DistributedDataParallel

from roadex.errors import TrainingError
from roadex.inference.device import best_device, is_gpu, n_gpus, own_device

_TIMEOUT = timedelta(hours=4)
"""How long processes wait for the first one, which evaluates alone."""


def _default_device() -> torch.device:
    return torch.device(best_device())


@dataclass(frozen=True, slots=True)
class Group:
    """One process among those that train together; alone by default."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=_default_device)

    @property
    def is_first(self) -> bool:
        """Whether this process evaluates, logs and writes."""
        return self.rank == 0

    def wrap(self, network: nn.Module, n_bands: int) -> nn.Module:
        """Return the network such that gradients are averaged over the processes."""
        if self.size == 1:
            return network
        _freeze_unused(network, n_bands, self.device)
        return DistributedDataParallel(network)

    def mean(self, value: float) -> float:
        """Return the mean of the values of all processes."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.item() / self.size

    def share(self, value: Any) -> Any:
        """Return the value of the first process in all of them."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0, device=self.device)
        return values[0]


def without_averaging(network: nn.Module) -> AbstractContextManager[None]:
    """Let gradients add up in each process, for all parts of a batch but the last."""
    if isinstance(network, DistributedDataParallel):
        return network.no_sync()
    return nullcontext()


def run_in_group(task: Callable[[Group], None], processes: int) -> None:
    """Run ``task`` in as many processes, or, under torchrun, in those it has started.

    Parameters
    ----------
    task
        Called in every process with its place in the group; can be pickled.
    processes
        How many; 0 is one per GPU, and one where there is none.

    Raises
    ------
    TrainingError
        If there are fewer GPUs than processes, or a process fails.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        _join(task, rank, size, local_rank=int(os.environ["LOCAL_RANK"]), address="env://")
        return
    size = processes or max(1, n_gpus())
    if 0 < n_gpus() < size:
        msg = f"{size} processes need as many GPUs; this machine has {n_gpus()}"
        raise TrainingError(msg)
    if size == 1:
        task(Group())
        return
    address = f"tcp://127.0.0.1:{_free_port()}"
    try:
        spawn(_enter, args=(task, size, address), nprocs=size)
    except ProcessRaisedException as error:
        lines = [line for line in str(error).strip().splitlines() if line]
        msg = lines[-1].removeprefix("roadex.errors.")
        raise TrainingError(msg) from error


def _enter(rank: int, task: Callable[[Group], None], size: int, address: str) -> None:
    _join(task, rank, size, local_rank=rank, address=address)


def _join(
    task: Callable[[Group], None], rank: int, size: int, *, local_rank: int, address: str
) -> None:
    device = own_device(local_rank)
    dist.init_process_group(
        "nccl" if is_gpu(device) else "gloo", init_method=address, rank=rank, world_size=size,
        timeout=_TIMEOUT,
    )  # fmt: skip
    try:
        task(Group(rank, size, device))
    finally:
        dist.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _freeze_unused(network: nn.Module, n_bands: int, device: torch.device) -> None:
    """Take parameters the output does not depend on out of the training: DDP waits for them."""
    was_training = network.training
    network.eval()
    probe = torch.zeros(1, n_bands, 64, 64, device=device)
    network(probe).sum().backward()
    for parameter in network.parameters():
        parameter.requires_grad_(parameter.grad is not None)
    network.zero_grad(set_to_none=True)
    network.train(was_training)
