"""A network in 8-bit integers: what ``roadex models quantize`` does.

Weights and activations become integers by post-training quantisation of NNCF; the ranges of the
activations come from chips of labelled imagery, for which no label is needed.

References
----------
.. [1] https://github.com/openvinotoolkit/nncf, ``nncf.quantize``: the preset MIXED has symmetric
       weights and asymmetric activations.
"""

from __future__ import annotations

import logging
import math
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from roadex.errors import DatasetError, ModelError
from roadex.imagery.reader import open_grid
from roadex.imagery.work_grid import plan_grid
from roadex.inference.allocator import tune_allocator
from roadex.inference.engine import Predictor
from roadex.inference.folding import fold_batch_norm
from roadex.inference.int8_form import IntegerForm, require_openvino
from roadex.models.int8 import Int8Form, Int8Notes, save_with_int8
from roadex.models.modelfile import Model, load_model
from roadex.models.scaling import Scaling
from roadex.training.datasets import find_labelled_scenes
from roadex.training.datasets.labelled import Labelled

CHIP_SIDE = 512
"""Side of a calibration chip, in pixels of the model."""

N_CHIPS = 64
"""Calibration chips: with 32 and with 64 the result is as good, see docs/inference.md."""

Image = NDArray[np.float32]


class Quantized(NamedTuple):
    """What quantising did."""

    n_chips: int
    iou_with_float32: float
    """Of road pixels on the calibration chips, at the threshold of the model."""


def quantize_model(
    path: str | Path,
    output: Path,
    *,
    calibration: Sequence[str],
    n_chips: int = N_CHIPS,
    keep_float: Sequence[str] = (),
) -> Quantized:
    """Write a model file that also holds its network in 8-bit integers.

    Parameters
    ----------
    path
        Model file or name of a packaged model.
    output
        Model file to write.
    calibration
        Datasets as ``roadex train`` takes them; each gives as many chips, at random places.
    n_chips
        Chips to calibrate on, of :data:`CHIP_SIDE` pixels a side.
    keep_float
        Regular expressions: layers of these names stay in float32.

    Raises
    ------
    ModelError
        If OpenVINO or NNCF is not installed, or the model cannot be loaded.
    DatasetError
        If there is no imagery.
    """
    tune_allocator()
    _require_nncf()
    model = load_model(path)
    images = calibration_images(model, calibration, n_chips)
    graph, weights = _quantize(model, images, keep_float)
    notes = Int8Notes(
        stride=model.network.stride,
        n_chips=len(images),
        made_with=", ".join(f"{name} {version(name)}" for name in ("openvino", "nncf", "torch")),
        iou_with_float32=1.0,
    )
    agreement = _agreement(model, Int8Form(graph, weights, notes), images)
    noted = replace(notes, iou_with_float32=round(agreement, 4))
    save_with_int8(path, Int8Form(graph, weights, noted), output)
    return Quantized(len(images), agreement)


def calibration_images(model: Model, datasets: Sequence[str], n_chips: int) -> list[Image]:
    """Return images ``(C, CHIP_SIDE, CHIP_SIDE)`` in 0-255 at the pixel size of a model.

    Each dataset gives as many, of scenes and at places drawn at random; always the same ones.
    Scenes smaller than a chip are mirrored at their edges, as in a run.
    """
    drawn = np.random.default_rng(0)
    described = model.metadata
    scenes = [
        find_labelled_scenes(name, bands=described.bands, stretch=described.stretch)
        for name in datasets
    ]
    if not scenes:
        msg = "no imagery to calibrate on"
        raise DatasetError(msg)
    shares = [len(part) for part in np.array_split(np.arange(n_chips), len(scenes))]
    return [
        _random_chip(choices[int(drawn.integers(len(choices)))], described.gsd_m, drawn)
        for choices, share in zip(scenes, shares, strict=True)
        for _ in range(share)
    ]


def _random_chip(labelled: Labelled, gsd_m: float, drawn: np.random.Generator) -> Image:
    grid = plan_grid(labelled.scene, gsd_m=gsd_m, gsd_range_m=(0.0, math.inf))
    row, col = (int(drawn.integers(max(size - CHIP_SIDE, 0) + 1)) for size in grid.shape)
    with open_grid(labelled.scene, grid) as reader:
        return reader.read(Window(col, row, CHIP_SIDE, CHIP_SIDE))[0]


def _quantize(
    model: Model, images: Sequence[Image], keep_float: Sequence[str]
) -> tuple[bytes, bytes]:
    """Return graph and weights of the network in integers."""
    nncf, openvino = _require_nncf(), require_openvino()
    scaling = Scaling.of(model.metadata)
    chips = [scaling.apply(torch.from_numpy(image[None])).numpy() for image in images]
    network = fold_batch_norm(model.network)
    with _quiet(), torch.inference_mode():
        graph = openvino.convert_model(network, example_input=torch.zeros(1, *chips[0].shape[1:]))
        graph.reshape([1, model.network.in_channels, -1, -1])
        quantized = nncf.quantize(
            graph,
            nncf.Dataset(chips),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(chips),
            ignored_scope=nncf.IgnoredScope(patterns=list(keep_float)) if keep_float else None,
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.xml"
        openvino.save_model(quantized, path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def _agreement(model: Model, form: Int8Form, images: Sequence[Image]) -> float:
    """Return the IoU of road pixels of both forms on images."""
    scaling, threshold = Scaling.of(model.metadata), model.metadata.threshold_high
    exact = Predictor.of(model.network, scaling)
    quick = Predictor(IntegerForm(form, scaling))
    n_both = n_any = 0
    for image in images:
        first, second = (p.probability(image) >= threshold for p in (exact, quick))
        n_both += int(np.count_nonzero(first & second))
        n_any += int(np.count_nonzero(first | second))
    return n_both / n_any if n_any else 1.0


def _require_nncf() -> Any:
    require_openvino()
    try:
        import nncf
    except ImportError as error:
        msg = "quantising needs NNCF: pip install 'roadex[quantize]'"
        raise ModelError(msg) from error
    return nncf


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings of the tracer and the notes of NNCF from the terminal."""
    level = logging.getLogger("nncf").level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("nncf").setLevel(logging.ERROR)
        try:
            yield
        finally:
            logging.getLogger("nncf").setLevel(level)
