"""The 8-bit form of a model, computed by OpenVINO. It needs no torch.

OpenVINO is an extra, ``pip install 'roadex[int8]'``. Sums of 8-bit products are exact, and each
thread computes its chips alone, so the result does not depend on how many work side by side.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from functools import cache
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from roadex.errors import ModelError
from roadex.inference.tta import predict_with_tta
from roadex.models.int8 import Int8Form
from roadex.models.scaling import Scaling

_SHAPES_KEPT = 2
"""Shapes of chips a thread keeps a compiled graph for: that of a run, and that of a rest."""

_STARTING = threading.Lock()

_ONE_THREAD = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    # Pinned, all processes with one thread would share the first core.
    "ENABLE_CPU_PINNING": False,
    # Else convolutions left in floating point become 16 bit where the processor has them.
    "INFERENCE_PRECISION_HINT": "f32",
}


class IntegerForm:
    """A network in 8-bit integers on the CPU. Threads may share it.

    Parameters
    ----------
    form
        Graph and weights.
    scaling
        From 0-255 to what the network takes, per band.

    Raises
    ------
    ModelError
        If OpenVINO is not installed, or cannot read the graph.
    """

    def __init__(self, form: Int8Form, scaling: Scaling) -> None:
        self.n_bands = len(scaling.scale)
        self._form, self._scaling = form, scaling
        self._local = threading.local()
        self._read()  # an error of the graph belongs here, not into the first tile

    def probability(self, image: NDArray[np.float32], tta: str) -> tuple[NDArray[np.float32], int]:
        """Return road probability ``(h, w)`` of ``(C, h, w)`` in 0-255; it is always one part."""
        return predict_with_tta(self.logits, self._scaling.apply(image), tta), 1

    def logits(self, chips: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits ``(N, 1, h, w)`` of scaled chips ``(N, C, h, w)``, one after the other."""
        height, width = chips.shape[-2:]
        stride = self._form.notes.stride
        margins = ((0, 0), (0, 0), (0, -height % stride), (0, -width % stride))
        if margins[2:] != ((0, 0), (0, 0)):
            chips = np.pad(chips, margins, mode="edge")
        found = [self._infer(chip[None]) for chip in chips]
        return np.concatenate(found)[..., :height, :width]

    def _infer(self, chip: NDArray[np.float32]) -> NDArray[np.float32]:
        compiled = self._compiled(chip.shape)
        found: NDArray[np.float32] = compiled(np.ascontiguousarray(chip), share_inputs=True)[0]
        return found.copy()  # the next chip is computed in the same place

    def _compiled(self, shape: tuple[int, ...]) -> Any:
        if not hasattr(self._local, "graphs"):
            self._local.graphs = OrderedDict()
        graphs: OrderedDict[tuple[int, ...], Any] = self._local.graphs
        if shape not in graphs:
            if len(graphs) == _SHAPES_KEPT:
                graphs.popitem(last=False)
            core, graph = self._read()
            graph.reshape(list(shape))
            graphs[shape] = core.compile_model(graph, "CPU", _ONE_THREAD)
        graphs.move_to_end(shape)
        return graphs[shape]

    def _read(self) -> tuple[Any, Any]:
        core = _core()
        try:
            graph = core.read_model(self._form.graph, self._form.weights)
            found = [list(port.partial_shape) for port in (*graph.inputs, *graph.outputs)]
        except RuntimeError as error:
            msg = f"OpenVINO cannot read the 8-bit form of the model: {str(error).strip()[:200]}"
            raise ModelError(msg) from error
        fits = len(found) == 2 and all(len(shape) == 4 for shape in found)
        if not fits or found[0][1] != self.n_bands or found[1][1] != 1:
            msg = f"the 8-bit form of the model does not take {self.n_bands} bands"
            raise ModelError(msg)
        return core, graph


def _core() -> Any:
    """Return OpenVINO's core, one for the process and never given back.

    Its plugin would be unloaded with the last of them, under threads that are still to end.
    """
    with _STARTING:
        return _started()


@cache
def _started() -> Any:
    """Start OpenVINO and let one thread compute something, however little.

    Its Python module makes its tables of types at first use: one thread gives up the interpreter
    while it makes them, and a second one that needs them waits for it and holds the interpreter,
    for ever (2026.4). From then on they are there.
    """
    openvino = require_openvino()
    core = openvino.Core()
    given = openvino.opset13.parameter([1, 1], np.float32)
    compiled = core.compile_model(openvino.Model([openvino.opset13.relu(given)], [given]), "CPU")
    compiled(np.zeros((1, 1), np.float32), share_inputs=True)
    return core


def require_openvino() -> Any:
    """Return the module of OpenVINO, without the part of it that reports its use to its makers.

    Raises
    ------
    ModelError
        If it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", cast("ModuleType", None))  # cannot be imported
    try:
        import openvino
    except ImportError as error:
        msg = "int8 needs OpenVINO: pip install 'roadex[int8]', or use --precision float32"
        raise ModelError(msg) from error
    return openvino
