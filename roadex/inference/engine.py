"""The one engine: pixels of a scene through the network, with test-time augmentation.

Runs, benchmark folders, evaluation, alignment and pictures of a training all come here, so the same
pixels give the same probability wherever they are asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from roadex.config import TILE_ALIGNMENT, TilingConfig
from roadex.errors import ModelError
from roadex.imagery.area import Area
from roadex.imagery.tiling import Tile, Tiles, moved, plan_chips
from roadex.imagery.work_grid import GridReader
from roadex.inference.device import best_device, device_of, release_cache
from roadex.inference.folding import ready_for_inference
from roadex.inference.tta import predict_with_tta
from roadex.models.base import SegmentationNetwork
from roadex.models.modelfile import load_model
from roadex.models.scaling import Scaling

_SMALLEST_PART = 128
"""Side below which images are not cut any smaller when memory is short, in pixels."""


class WindowPrediction(NamedTuple):
    """The result of a window of a work grid."""

    probability: NDArray[np.float32]
    """Road probability in [0, 1]; 0 where the network was not asked."""

    valid: NDArray[np.bool_]
    """False where there is no imagery."""

    n_parts: int
    """Into how many parts a chip was cut because memory was short; 0 without imagery."""


class Predictor:
    """A model on a device, ready to predict. One per process; threads may share it.

    Where the memory of a GPU is short, chips are cut into ever smaller parts, each with a halo,
    and are cut like that from then on.

    Parameters
    ----------
    network
        In evaluation mode; it is not changed.
    scaling
        From 0-255 to what the network takes.
    tta
        Test-time augmentation: ``none``, ``flip`` or ``d4``.
    device
        As torch names it; None is where the network is.
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        scaling: Scaling,
        *,
        tta: str = "none",
        device: str | None = None,
    ) -> None:
        self._device = device_of(network) if device is None else torch.device(device)
        self._network = ready_for_inference(network).to(self._device)
        self._scaling = scaling
        self._tta = tta
        self.n_bands = network.in_channels
        self._part_side: int | None = None
        # Two tiles at a time would take twice the memory of a GPU and not be done any sooner.
        self._turn = nullcontext() if self._device.type == "cpu" else threading.Lock()

    @classmethod
    def load(cls, model: str | Path, *, tta: str = "none", device: str | None = None) -> Self:
        """Load a packaged model by its name, or a model file; None is the best device there is.

        Raises
        ------
        ModelError
            If the model cannot be loaded.
        """
        loaded = load_model(model)
        chosen = device or best_device()
        return cls(loaded.network, Scaling.of(loaded.metadata), tta=tta, device=chosen)

    def probability(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return road probability ``(h, w)`` in [0, 1] of an image ``(C, h, w)`` in [0, 255].

        Raises
        ------
        ModelError
            If the device has too little memory even for a small part of the image, or the network
            gives what is no number.
        """
        return self._probability_and_parts(image)[0]

    def predict_window(
        self,
        reader: GridReader,
        window: Window,
        chips: Tiles | None = None,
        area: Area | None = None,
    ) -> WindowPrediction:
        """Return the probability of a window of a work grid, chip by chip.

        A chip without any imagery in its core is not given to the network.

        Parameters
        ----------
        reader
            The open scene on its grid.
        window
            Rows and columns of the grid; what lies outside the scene is not valid.
        chips
            Those of the whole grid, see :func:`roadex.imagery.tiling.plan_chips`, where the window
            is made of whole ones. None counts chips from the corner of the window.
        area
            Part of the grid that is asked for; outside nothing is computed or valid.
        """
        top, left = int(window.row_off), int(window.col_off)
        shape = int(window.height), int(window.width)
        result = WindowPrediction(np.zeros(shape, np.float32), np.zeros(shape, np.bool_), 0)
        here = plan_chips(shape, TilingConfig()) if chips is None else chips.under(window)
        shift = (top, left) if chips is None else (0, 0)
        n_most = 0
        for chip in here:
            if area is not None and not area.touches(chip.core):
                continue
            image, seen = reader.read(moved(chip.read, *shift))
            core = moved(chip.core, shift[0] - top, shift[1] - left).toslices()
            result.valid[core] = seen[chip.inner]
            if area is not None:
                result.valid[core] &= area.inside(chip.core)
            if result.valid[core].any():
                found, n_parts = self._probability_and_parts(image)
                result.probability[core] = found[chip.inner]
                n_most = max(n_most, n_parts)
        return result._replace(n_parts=n_most)

    def _probability_and_parts(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
        height, width = image.shape[1:]
        with self._turn:
            while True:
                side = self._part_side or max(height, width)
                parts = Tiles((height, width), side, TilingConfig().halo, is_clipped=True)
                try:
                    return self._in_parts(image, parts), len(parts)
                except torch.OutOfMemoryError as error:
                    if side <= _SMALLEST_PART:
                        msg = f"not enough memory on {self._device} for this model: {error}"
                        raise ModelError(msg) from error
                # Out here the error does not keep the tensors of the attempt alive any more.
                self._part_side = -(-side // 2 // TILE_ALIGNMENT) * TILE_ALIGNMENT
                release_cache(self._device)

    @torch.inference_mode()
    def _in_parts(self, image: NDArray[np.float32], parts: Sequence[Tile]) -> NDArray[np.float32]:
        result = np.empty(image.shape[1:], dtype=np.float32)
        for part in parts:
            rows, cols = part.read.toslices()
            chip = self._scaling.apply(torch.from_numpy(image[:, rows, cols]).to(self._device))
            found = predict_with_tta(self._network, chip, self._tta).cpu().numpy()
            result[part.core.toslices()] = found[part.inner]
        if not np.isfinite(result).all():
            msg = "the model gives values that are no numbers: its weights are too large"
            raise ModelError(msg)
        return result


def compute_in_one_thread() -> None:
    """Let torch use one core in the calling thread: tiles are what is done side by side."""
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)
