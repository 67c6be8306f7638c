"""The same network in 8-bit integers, as a second part of a model file.

It is a graph of OpenVINO (its intermediate representation, XML and weights) with the ranges of all
activations fixed by calibration. It is kept in two tensors of the model file and has a hash of its
own; that of the weights stays as it was, so that a model is the same model with and without it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from roadex.errors import ModelError
from roadex.files import whole_file
from roadex.models.modelfile import (
    FORMAT_WITH_INT8,
    INT8_PREFIX,
    model_path,
    read_header,
    require_suffix,
)

_ENTRY = "int8"
_GRAPH, _WEIGHTS = INT8_PREFIX + "graph", INT8_PREFIX + "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Notes:
    """What a model file says about its 8-bit form."""

    stride: int
    """Height and width of chips must be multiples of this many pixels."""

    n_chips: int
    """Chips it was calibrated on."""

    made_with: str
    """Programs and versions that made it."""

    iou_with_float32: float
    """Agreement of road pixels with the network in float32 on those chips, at the threshold of the
    model."""


@dataclass(frozen=True, slots=True)
class Int8Form:
    """A network in 8-bit integers.

    Scaled chips ``(1, C, H, W)`` in, logits ``(1, 1, H, W)`` out.
    """

    graph: bytes
    weights: bytes
    notes: Int8Notes

    @property
    def sha256(self) -> str:
        """Over graph and weights; decides the values of a probability."""
        digest = hashlib.sha256(len(self.graph).to_bytes(8, "big"))
        digest.update(self.graph)
        digest.update(self.weights)
        return digest.hexdigest()


def int8_sha256(name_or_path: str | Path) -> str | None:
    """Return the hash a model file states of its 8-bit form; None where it has none."""
    entry = _entry(model_path(name_or_path))
    return None if entry is None else str(entry["sha256"])


def int8_notes(name_or_path: str | Path) -> Int8Notes | None:
    """Return what a model file says about its 8-bit form; None where it has none."""
    entry = _entry(model_path(name_or_path))
    if entry is None:
        return None
    return Int8Notes(**{name: entry[name] for name in entry if name != "sha256"})


def load_int8(name_or_path: str | Path) -> Int8Form:
    """Load the 8-bit form of a model.

    Raises
    ------
    ModelError
        If the model has none, or it is damaged.
    """
    from safetensors.numpy import load_file

    path = model_path(name_or_path)
    stated, notes = int8_sha256(path), int8_notes(path)
    if notes is None:
        msg = f"{path} has no 8-bit form. Make one with `roadex models quantize`, or use float32"
        raise ModelError(msg)
    tensors = load_file(path)
    if not {_GRAPH, _WEIGHTS} <= set(tensors):
        msg = f"{path} is damaged: its 8-bit form is not there. Copy it again"
        raise ModelError(msg)
    form = Int8Form(tensors[_GRAPH].tobytes(), tensors[_WEIGHTS].tobytes(), notes)
    if form.sha256 != stated:
        msg = f"{path} is damaged: sha256 of its 8-bit form differs from its header. Copy it again"
        raise ModelError(msg)
    return form


def save_with_int8(model: str | Path, form: Int8Form, output: Path) -> None:
    """Write a model file with an 8-bit form; weights and description are those of ``model``.

    Raises
    ------
    ModelError
        If ``model`` cannot be read, or ``output`` does not end in ``.safetensors``.
    """
    from safetensors.numpy import load_file, save

    require_suffix(output)
    path = model_path(model)
    tensors = {k: t for k, t in load_file(path).items() if not k.startswith(INT8_PREFIX)}
    tensors[_GRAPH] = np.frombuffer(form.graph, dtype=np.uint8)
    tensors[_WEIGHTS] = np.frombuffer(form.weights, dtype=np.uint8)
    entry = json.dumps({"sha256": form.sha256, **dataclasses.asdict(form.notes)}, allow_nan=False)
    header = read_header(path) | {"format": FORMAT_WITH_INT8, _ENTRY: entry}
    output.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(output) as place:
        place.write_bytes(save(tensors, metadata=header))


_KINDS: dict[str, type] = {"sha256": str} | {
    "stride": int, "n_chips": int, "made_with": str, "iou_with_float32": float
}  # fmt: skip


def _entry(path: Path) -> dict[str, Any] | None:
    """Return the entry of a header, checked; None where there is none."""
    header = read_header(path)
    if _ENTRY not in header:
        return None
    try:
        values = json.loads(header[_ENTRY])
    except (ValueError, RecursionError):
        values = None
    is_sound = (
        isinstance(values, dict)
        and set(values) == set(_KINDS)
        and all(type(values[name]) is kind for name, kind in _KINDS.items())
        and 1 <= values["stride"] <= 1024
    )
    if not is_sound:
        msg = f"{path}: the description of its 8-bit form cannot be read"
        raise ModelError(msg)
    found: dict[str, Any] = values
    return found
