"""A network in floating point, computed by torch on a CPU or a GPU."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from roadex.config import FLOAT16, FLOAT32, TILE_ALIGNMENT, TilingConfig
from roadex.errors import ModelError
from roadex.imagery.tiling import Tile, Tiles
from roadex.inference.device import (
    device_of,
    full_precision,
    is_gpu,
    is_short_of_memory,
    release_cache,
    upload,
)
from roadex.inference.folding import ready_for_inference
from roadex.inference.tta import VIEWS, predict_with_tta
from roadex.models.base import SegmentationNetwork
from roadex.models.scaling import Scaling

_SMALLEST_PART = 128
"""Side below which images are not cut any smaller when memory is short, in pixels."""


class FloatForm:
    """A network on a device. Threads may share it.

    A GPU computes the views of an image together. Where its memory is short, they are computed one
    by one, then images are cut into ever smaller parts, each with a halo; so it stays from then on.

    Parameters
    ----------
    network
        In evaluation mode; it is not changed.
    scaling
        From 0-255 to what the network takes.
    device
        As torch names it; None is where the network is.
    precision
        ``float32`` or ``float16``; in both the views are summed in float32.
    is_batched
        Compute the views of an image in one forward pass; None does on GPUs.
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        scaling: Scaling,
        *,
        device: str | None = None,
        precision: str = FLOAT32,
        is_batched: bool | None = None,
    ) -> None:
        self._device = device_of(network) if device is None else torch.device(device)
        quick = ready_for_inference(network)
        self._dtype = torch.float16 if precision == FLOAT16 else torch.float32
        if precision == FLOAT16:
            quick = copy.deepcopy(quick).half()
        elif is_gpu(self._device):  # on an H100 1.2 times as fast as with channels last
            quick = copy.deepcopy(quick).to(memory_format=torch.contiguous_format)
        self._network = quick.to(self._device)
        self._scale, self._offset = scaling.columns(torch.empty(0, device=self._device))
        self.n_bands = network.in_channels
        self._part_side: int | None = None
        self._is_batched = is_gpu(self._device) if is_batched is None else is_batched
        # torch keeps the plans of cuDNN per thread. Images from new threads took two hundred times
        # as long as the network alone on an H100: one thread starts all work of a GPU.
        self._starter = ThreadPoolExecutor(1) if is_gpu(self._device) else None

    def probability(self, image: NDArray[np.float32], tta: str) -> tuple[NDArray[np.float32], int]:
        """Return road probability ``(h, w)`` of ``(C, h, w)`` in 0-255, and the number of parts.

        Raises
        ------
        ModelError
            If the device has too little memory even for a small part of the image.
        """
        if self._starter is None:
            parts, found = self._started(image, tta)
        else:
            parts, found = self._starter.submit(self._started, image, tta).result()
        # A GPU works on while the next image is given to it: each caller waits for its own.
        result = np.empty(image.shape[1:], dtype=np.float32)
        for part, probability in zip(parts, found, strict=True):
            result[part.core.toslices()] = probability.cpu().numpy()
        return result, len(parts)

    def _started(self, image: NDArray[np.float32], tta: str) -> tuple[Tiles, list[Tensor]]:
        """Return parts of the image and their probability, in the largest form that fits."""
        height, width = image.shape[1:]
        while True:
            side = self._part_side or max(height, width)
            parts = Tiles((height, width), side, TilingConfig().halo, is_clipped=True)
            is_batched = self._is_batched and len(VIEWS[tta]) > 1
            try:
                with full_precision(self._device):
                    return parts, self._in_parts(image, parts, tta)
            except RuntimeError as error:
                if not is_short_of_memory(error):
                    raise
                if side <= _SMALLEST_PART and not is_batched:
                    msg = f"not enough memory on {self._device} for this model: {error}"
                    raise ModelError(msg) from error
            # Out here the error does not keep the tensors of the attempt alive any more.
            if is_batched:
                self._is_batched = False
            else:
                self._part_side = -(-side // 2 // TILE_ALIGNMENT) * TILE_ALIGNMENT
            release_cache(self._device)

    @torch.inference_mode()
    def _in_parts(
        self, image: NDArray[np.float32], parts: Sequence[Tile], tta: str
    ) -> list[Tensor]:
        found = []
        for part in parts:
            rows, cols = part.read.toslices()
            chip = upload(image[:, rows, cols], self._device) * self._scale + self._offset
            probability = predict_with_tta(
                self._network, chip.to(self._dtype), tta, is_batched=self._is_batched
            )
            found.append(probability[part.inner])
        return found


def compute_in_one_thread() -> None:
    """Let torch use one core in the calling thread: tiles are what is done side by side."""
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
