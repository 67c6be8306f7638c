"""Road probability of one tile: read, network with test-time augmentation, cut to the core."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from roadex.config import NODATA
from roadex.grid import GridReader
from roadex.models.modelfile import Model, load_model
from roadex.models.scaling import Scaling
from roadex.probability import encode
from roadex.tiles import Tile
from roadex.tta import predict_with_tta


class Predictor:
    """A model on a device, ready to predict. One per process.

    Parameters
    ----------
    model
        Name of a packaged model or path of a model file.
    tta
        Test-time augmentation: ``none``, ``flip`` or ``d4``.
    device
        ``cpu``, ``cuda``, ...; None takes a GPU where there is one.

    Raises
    ------
    ModelError
        If the model cannot be loaded.
    """

    def __init__(self, model: str, *, tta: str, device: str | None = None) -> None:
        loaded: Model = load_model(model)
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._network = loaded.network.to(self._device).to(memory_format=torch.channels_last)
        self._scaling = Scaling.of(loaded.metadata)
        self._tta = tta

    @torch.inference_mode()
    def probability(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return road probability ``(h, w)`` in [0, 1] of an image ``(C, h, w)`` in [0, 255]."""
        chip = self._scaling.apply(torch.from_numpy(image).to(self._device))
        return predict_with_tta(self._network, chip, self._tta).cpu().numpy()

    def predict_tile(self, reader: GridReader, tile: Tile) -> NDArray[np.uint8]:
        """Return the stored probability of a tile's core, see :mod:`roadex.probability`.

        A tile without any imagery in its core is not given to the network.
        """
        image, valid = reader.read(tile.read)
        core = _core_within(tile)
        if not valid[core].any():
            return np.full(valid[core].shape, NODATA, dtype=np.uint8)
        return encode(self.probability(image)[core], valid[core])


def _core_within(tile: Tile) -> tuple[slice, slice]:
    core: Window = tile.core
    top = int(core.row_off - tile.read.row_off)
    left = int(core.col_off - tile.read.col_off)
    return slice(top, top + int(core.height)), slice(left, left + int(core.width))
