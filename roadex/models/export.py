"""Models for other programs: ONNX for viewers, an exported program for PyTorch.

References
----------
.. [1] https://github.com/PUTvision/qgis-plugin-deepness,
       ``docs/source/creators/creators_add_metadata_to_model.rst`` and ``processing/models/``:
       keys of the ONNX metadata, all JSON; input RGB / 255; a tile is square.
.. [2] https://github.com/uav4geo/GeoDeep, ``geodeep/inference.py``, ``geodeep/segmentation.py``:
       the same keys; the class of a pixel is the largest channel.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from roadex.errors import ModelError, OutputError
from roadex.models.modelfile import Model
from roadex.models.scaling import Scaling

RGB = ("red", "green", "blue")
"""Order in which viewers hand over the bands."""

VIEWER_TILE_SIZE = 512
"""Side of a viewer's tile, in pixels."""

VIEWER_OVERLAP_PERCENT = 12
"""Overlap of a viewer's tiles: about the halo of 64 pixels that roadex uses."""


class ViewerNetwork(nn.Module):
    """A model as Deepness [1]_ and GeoDeep [2]_ expect one.

    Takes RGB in [0, 1] (other bands in the model's own order), gives two channels, background and
    road, that sum to 1. Road is the larger one exactly where its probability is above the model's
    ``threshold_high``: the odds are divided by those of the threshold, because GeoDeep takes the
    larger channel, whatever the threshold.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        metadata = model.metadata
        self.network = model.network
        self.scaling = Scaling.of(metadata)
        given = viewer_bands(metadata.bands)
        self.order = [given.index(band) for band in metadata.bands]
        threshold = metadata.threshold_high
        self.threshold_logit = math.log(threshold / (1 - threshold))

    def forward(self, rgb: Tensor) -> Tensor:
        """Return scores ``(1, 2, H, W)`` for a tile ``(1, C, H, W)`` in [0, 1]."""
        chips = self.scaling.apply(255 * rgb[:, self.order])
        road = torch.sigmoid(self.network(chips) - self.threshold_logit)
        return torch.cat([1 - road, road], dim=1)


def viewer_bands(bands: tuple[str, ...]) -> tuple[str, ...]:
    """Return the order in which a viewer hands over ``bands``: RGB where they are those three."""
    return RGB if set(bands) == set(RGB) and len(bands) == len(RGB) else bands


def export_onnx(model: Model, path: str | Path, *, tile_size: int = VIEWER_TILE_SIZE) -> Path:
    """Write an ONNX file that Deepness and GeoDeep load without further settings.

    Parameters
    ----------
    model
        A loaded model.
    path
        Target, ending in ``.onnx``.
    tile_size
        Side of the square tile the file takes, in pixels; a multiple of the network's stride.

    Raises
    ------
    ModelError
        If onnx and onnxscript are not installed or ``tile_size`` does not fit.
    OutputError
        If the file cannot be written.
    """
    _require_packages("onnx", "onnxscript")
    import onnx

    path = _target(path, ".onnx")
    viewer = ViewerNetwork(model).eval()
    with _quiet_exporter():
        program = torch.onnx.export(
            viewer,
            (_example(model, tile_size),),
            input_names=["rgb"],
            output_names=["scores"],
            dynamo=True,
            verbose=False,
        )
    if program is None:
        msg = f"PyTorch exported nothing for {model.path}"
        raise ModelError(msg)
    proto = program.model_proto
    onnx.helper.set_model_props(proto, viewer_metadata(model, tile_size))
    _write(path, proto.SerializeToString())
    return path


def viewer_metadata(model: Model, tile_size: int) -> dict[str, str]:
    """Return the entries that Deepness [1]_ and GeoDeep [2]_ read, and ours; values are JSON."""
    entries = {
        "model_type": "Segmentor",
        "class_names": {"0": "background", "1": "road"},
        "resolution": 100 * model.metadata.gsd_m,  # centimetres per pixel
        "tile_size": tile_size,
        "tiles_size": tile_size,  # as the documentation of Deepness calls it; its code: tile_size
        "tiles_overlap": VIEWER_OVERLAP_PERCENT,
        "seg_thresh": 0.5,
        "roadex_sha256": model.sha256,
    }
    described = {key: json.dumps(value) for key, value in entries.items()}
    return described | {"roadex": model.metadata.to_json()}


def export_program(model: Model, path: str | Path, *, tile_size: int = VIEWER_TILE_SIZE) -> Path:
    """Write a PyTorch exported program: scaled chips in, logits out, without our code.

    ``torch.export.load(path).module()`` takes chips ``(1, C, tile_size, tile_size)``; the model's
    metadata are beside it, as JSON in the file's ``roadex.json``.

    Parameters
    ----------
    model
        A loaded model.
    path
        Target, ending in ``.pt2``.
    tile_size
        Side of the chips, in pixels; a multiple of the network's stride.

    Raises
    ------
    ModelError
        If ``tile_size`` does not fit.
    OutputError
        If the file cannot be written.
    """
    path = _target(path, ".pt2")
    program = torch.export.export(model.network, (_example(model, tile_size),))
    try:
        torch.export.save(program, path, extra_files={"roadex.json": model.metadata.to_json()})
    except OSError as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error
    return path


def _example(model: Model, tile_size: int) -> Tensor:
    stride = model.network.stride
    if tile_size < stride or tile_size % stride:
        msg = f"tile size must be a multiple of {stride} for this network, got {tile_size}"
        raise ModelError(msg)
    return torch.zeros(1, model.metadata.in_channels, tile_size, tile_size)


def _require_packages(*names: str) -> None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        msg = f"ONNX export needs {', '.join(missing)}: pip install 'roadex[export]'"
        raise ModelError(msg)


def _target(path: str | Path, suffix: str) -> Path:
    path = Path(path)
    if path.suffix != suffix:
        msg = f"the exported file must end in {suffix}, got {path}"
        raise OutputError(msg)
    return path


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    # The exporter warns about parts of PyTorch and onnxscript that it uses itself.
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
