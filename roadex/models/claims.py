"""A guard on networks that a file describes: no tensor larger than any the file holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from roadex.errors import ModelError

_FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn}
"""What layers make their weights with."""

_LEAST_VALUES = 2**22
"""Values a tensor may have in any case: tables that layers compute and no file holds."""


@contextmanager
def no_larger_than(tensors: Mapping[str, Tensor], path: Path) -> Iterator[None]:
    """Refuse to build a network whose weights the file cannot hold, before memory is claimed.

    Parameters
    ----------
    tensors
        Those of the file: each weight of the network is among them in its own size.
    path
        The file, for the error.

    Raises
    ------
    ModelError
        If a layer asks for a larger tensor, or all of them for more than four times the file.
    """
    sizes = [tensor.numel() for tensor in tensors.values()]
    largest = max([_LEAST_VALUES, *sizes])
    with _Limit(path, largest, 4 * sum(sizes) + 16 * _LEAST_VALUES):
        yield


class _Limit(TorchFunctionMode):
    def __init__(self, path: Path, largest: int, total: int) -> None:
        super().__init__()
        self._path, self._largest, self._left = path, largest, total

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        kwargs = kwargs or {}
        if func in _FACTORIES:
            n_values = math.prod(_size(args, kwargs))
            self._left -= n_values
            if n_values > self._largest or self._left < 0:
                msg = (
                    f"{self._path} does not fit its network: that asks for a weight of "
                    f"{n_values} values, and the largest of the file has {self._largest} at most"
                )
                raise ModelError(msg)
        return func(*args, **kwargs)


def _size(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[int, ...]:
    size = kwargs.get("size", args)
    return tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)
