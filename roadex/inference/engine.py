"""The one engine: pixels of a scene through the network, with test-time augmentation.

Runs, benchmark folders, evaluation, alignment and pictures of a training all come here, so the same
pixels give the same probability wherever they are asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from roadex.config import FLOAT16, FLOAT32, INT8, TilingConfig
from roadex.errors import ModelError
from roadex.imagery.tiling import Tiles, moved, plan_chips
from roadex.models.int8 import load_int8
from roadex.models.modelfile import load_model, read_metadata
from roadex.models.scaling import Scaling

if TYPE_CHECKING:
    from rasterio.windows import Window

    from roadex.imagery.area import Area
    from roadex.imagery.reader import GridReader
    from roadex.models.base import SegmentationNetwork


class Form(Protocol):
    """What computes a network: in floating point by torch, or in 8-bit integers by OpenVINO."""

    n_bands: int

    def probability(self, image: NDArray[np.float32], tta: str) -> tuple[NDArray[np.float32], int]:
        """Return road probability ``(h, w)`` in [0, 1] of an image ``(C, h, w)`` in [0, 255].

        The second value is into how many parts the image was cut because memory was short.
        """


class WindowPrediction(NamedTuple):
    """The result of a window of a work grid."""

    probability: NDArray[np.float32]
    """Road probability in [0, 1]; 0 where the network was not asked."""

    valid: NDArray[np.bool_]
    """False where there is no imagery."""

    n_parts: int
    """Into how many parts a chip was cut because memory was short; 0 without imagery."""


class Predictor:
    """A model ready to predict. One per process; threads may share it.

    Parameters
    ----------
    form
        What computes it.
    tta
        Test-time augmentation: ``none``, ``flip`` or ``d4``.
    """

    def __init__(self, form: Form, *, tta: str = "none") -> None:
        self._form, self._tta = form, tta
        self.n_bands = form.n_bands

    @classmethod
    def of(
        cls,
        network: SegmentationNetwork,
        scaling: Scaling,
        *,
        tta: str = "none",
        device: str | None = None,
        precision: str = FLOAT32,
    ) -> Self:
        """Predict with a network in torch, see :class:`roadex.inference.float_form.FloatForm`."""
        from roadex.inference.float_form import FloatForm  # integers need no torch

        return cls(FloatForm(network, scaling, device=device, precision=precision), tta=tta)

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        tta: str = "none",
        device: str | None = None,
        precision: str = FLOAT32,
    ) -> Self:
        """Load a packaged model by its name, or a model file.

        Parameters
        ----------
        model
            Name or path.
        tta
            Test-time augmentation.
        device
            As torch names it; None is the best there is.
        precision
            ``float32``; ``float16``, which computes on a GPU; or ``int8`` for its 8-bit form, which
            computes on the CPU.

        Raises
        ------
        ModelError
            If the model cannot be loaded, has no 8-bit form, or there is no GPU for float16.
        """
        if precision == INT8:
            from roadex.inference.int8_form import IntegerForm

            scaling = Scaling.of(read_metadata(model))
            return cls(IntegerForm(load_int8(model), scaling), tta=tta)
        from roadex.inference.device import CPU, best_device

        device = device or best_device()
        if precision == FLOAT16 and device == CPU:
            msg = "float16 computes on a GPU, and this process sees none: use --precision float32"
            raise ModelError(msg)
        loaded = load_model(model)
        scaling = Scaling.of(loaded.metadata)
        return cls.of(loaded.network, scaling, tta=tta, device=device, precision=precision)

    def probability(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return road probability ``(h, w)`` in [0, 1] of an image ``(C, h, w)`` in [0, 255].

        Raises
        ------
        ModelError
            If the device has too little memory even for a small part of the image, or the network
            gives what is no number.
        """
        return self._compute(image)[0]

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
                found, n_parts = self._compute(image)
                result.probability[core] = found[chip.inner]
                n_most = max(n_most, n_parts)
        return result._replace(n_parts=n_most)

    def _compute(self, image: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
        found, n_parts = self._form.probability(image, self._tta)
        if not np.isfinite(found).all():
            msg = "the model gives values that are no numbers: its weights are too large"
            raise ModelError(msg)
        return found, n_parts
