"""A network in float32, computed by torch on a CPU or a GPU."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray

from roadex.config import TILE_ALIGNMENT, TilingConfig
from roadex.errors import ModelError
from roadex.imagery.tiling import Tile, Tiles
from roadex.inference.device import device_of, release_cache
from roadex.inference.folding import ready_for_inference
from roadex.inference.tta import predict_with_tta
from roadex.models.base import SegmentationNetwork
from roadex.models.scaling import Scaling

_SMALLEST_PART = 128
"""Side below which images are not cut any smaller when memory is short, in pixels."""


class FloatForm:
    """A network on a device. Threads may share it.

    Where the memory of a GPU is short, images are cut into ever smaller parts, each with a halo,
    and are cut like that from then on.

    Parameters
    ----------
    network
        In evaluation mode; it is not changed.
    scaling
        From 0-255 to what the network takes.
    device
        As torch names it; None is where the network is.
    """

    def __init__(
        self, network: SegmentationNetwork, scaling: Scaling, *, device: str | None = None
    ) -> None:
        self._device = device_of(network) if device is None else torch.device(device)
        self._network = ready_for_inference(network).to(self._device)
        self._scaling = scaling
        self.n_bands = network.in_channels
        self._part_side: int | None = None
        # Two tiles at a time would take twice the memory of a GPU and not be done any sooner.
        self._turn = nullcontext() if self._device.type == "cpu" else threading.Lock()

    def probability(self, image: NDArray[np.float32], tta: str) -> tuple[NDArray[np.float32], int]:
        """Return road probability ``(h, w)`` of ``(C, h, w)`` in 0-255, and the number of parts.

        Raises
        ------
        ModelError
            If the device has too little memory even for a small part of the image.
        """
        height, width = image.shape[1:]
        with self._turn:
            while True:
                side = self._part_side or max(height, width)
                parts = Tiles((height, width), side, TilingConfig().halo, is_clipped=True)
                try:
                    return self._in_parts(image, parts, tta), len(parts)
                except torch.OutOfMemoryError as error:
                    if side <= _SMALLEST_PART:
                        msg = f"not enough memory on {self._device} for this model: {error}"
                        raise ModelError(msg) from error
                # Out here the error does not keep the tensors of the attempt alive any more.
                self._part_side = -(-side // 2 // TILE_ALIGNMENT) * TILE_ALIGNMENT
                release_cache(self._device)

    @torch.inference_mode()
    def _in_parts(
        self, image: NDArray[np.float32], parts: Sequence[Tile], tta: str
    ) -> NDArray[np.float32]:
        result = np.empty(image.shape[1:], dtype=np.float32)
        for part in parts:
            rows, cols = part.read.toslices()
            chip = self._scaling.apply(torch.from_numpy(image[:, rows, cols]).to(self._device))
            found = predict_with_tta(self._network, chip, tta).cpu().numpy()
            result[part.core.toslices()] = found[part.inner]
        return result


def compute_in_one_thread() -> None:
    """Let torch use one core in the calling thread: tiles are what is done side by side."""
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
