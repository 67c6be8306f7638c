"""Read and write model files of roadex without roadex; the format is ``roadex.models.modelfile``.

The header holds ``roadex``, the metadata as JSON, and ``sha256`` over it and all tensors. Weights
are float16, biases and batch-norm statistics float32.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

State = dict[str, Tensor]


def read_model(path: str | Path) -> tuple[dict[str, Any], State]:
    """Return metadata and tensors of a model file.

    Raises
    ------
    SystemExit
        If the file is damaged.
    """
    with safe_open(path, framework="pt") as file:
        header = file.metadata() or {}
    # What begins with int8 is the network once more, in integers, with a hash of its own.
    state = {k: tensor for k, tensor in load_file(path).items() if not k.startswith("int8.")}
    if "roadex" not in header or _sha256(header["roadex"], state) != header.get("sha256"):
        msg = f"{path} is no model file of roadex, or is damaged"
        raise SystemExit(msg)
    return json.loads(header["roadex"]), state


def sha256_of(path: str | Path) -> str:
    """Return the hash that a model file states of itself."""
    with safe_open(path, framework="pt") as file:
        return str((file.metadata() or {})["sha256"])


def write_model(path: str | Path, metadata: Mapping[str, Any], state: Mapping[str, Tensor]) -> Path:
    """Write a model file, atomically.

    Raises
    ------
    ValueError
        If a tensor is not finite in its type in the file.
    """
    path = Path(path)
    kept = {key: _stored(key, tensor) for key, tensor in state.items()}
    text = json.dumps(metadata, allow_nan=False)
    header = {"roadex": text, "sha256": _sha256(text, kept)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(save(kept, metadata=header))
    partial.replace(path)
    return path


def mix(states: Sequence[Mapping[str, Tensor]], shares: Sequence[float]) -> State:
    """Return the weighted mean of states, tensor by tensor; counters are those of the first."""
    total = sum(shares)
    mixed: State = {}
    for key, first in states[0].items():
        if first.is_floating_point():
            parts = zip(states, shares, strict=True)
            scaled = [state[key].float() * (share / total) for state, share in parts]
            mixed[key] = torch.stack(scaled).sum(dim=0)
        else:
            mixed[key] = first.clone()
    return mixed


def _stored(key: str, tensor: Tensor) -> Tensor:
    stored = tensor.detach().cpu().contiguous()
    if stored.is_floating_point():
        stored = stored.to(torch.float16 if stored.ndim > 1 else torch.float32)
        if not bool(torch.isfinite(stored).all()):
            msg = f"tensor {key} is not finite as {stored.dtype}"
            raise ValueError(msg)
    return stored.clone()


def _sha256(text: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for key in sorted(tensors):
        array = tensors[key].contiguous().numpy()
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
