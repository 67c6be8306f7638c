"""Model files: weights and a description of themselves in one ``.safetensors`` file.

The header of the file holds ``format``, ``roadex``, the metadata as JSON, and ``sha256``, taken
over the metadata and all weights. A change of either is noticed when the file is loaded. Nothing
in a model file is ever executed, and nothing is downloaded. A file may hold the same network
in 8-bit integers besides, see :mod:`roadex.models.int8`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from roadex.errors import ModelError
from roadex.extensions import Family, find_extension
from roadex.files import whole_file
from roadex.models import create_network, has_network, require_torch
from roadex.models.metadata import ModelMetadata

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from roadex.models.base import SegmentationNetwork

_HASH = re.compile("[0-9a-f]{64}")

FORMAT = "1"
"""Version of the form of model files, their entry ``format``; 1 where it is missing. It is raised
where what is in a file changes its meaning; an unknown entry of the description is refused anyway.
"""

FORMAT_WITH_INT8 = "2"
"""Of files that hold an 8-bit form besides, which a roadex that knows only 1 takes for damaged."""

INT8_PREFIX = "int8."
"""Names of tensors that are no weights but parts of the 8-bit form."""

PACKAGED_MODELS = Path(__file__).parent / "weights"
"""Folder of the models that come with roadex."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model: the network in evaluation mode, float32, and what it says about itself."""

    metadata: ModelMetadata
    network: SegmentationNetwork
    sha256: str
    """Over metadata and tensors; part of the identity of every result."""

    path: Path


def packaged_models() -> tuple[str, ...]:
    """Return the names of the models that come with roadex."""
    return tuple(sorted(path.stem for path in PACKAGED_MODELS.glob("*.safetensors")))


def model_path(name_or_path: str | Path) -> Path:
    """Find a model file by the name of a packaged model or by its path.

    Raises
    ------
    ModelError
        If there is neither.
    """
    for path in (Path(name_or_path), PACKAGED_MODELS / f"{name_or_path}.safetensors"):
        if path.is_file():
            return path
    packaged = ", ".join(packaged_models()) or "none"
    msg = (
        f"no model {str(name_or_path)!r}: neither a file nor a packaged model ({packaged}). "
        "See `roadex models list`"
    )
    raise ModelError(msg)


def save_model(
    network: torch.nn.Module,
    metadata: ModelMetadata,
    path: str | Path,
    *,
    dtype: torch.dtype | None = None,
) -> Path:
    """Write a model file, atomically.

    Parameters
    ----------
    network
        A network made by :func:`roadex.models.create_network`.
    metadata
        Its description; ``network`` and ``arguments`` must rebuild it.
    path
        Target, ending in ``.safetensors``.
    dtype
        Type of the weights in the file, ``torch.float16`` (default: half the size) or
        ``torch.float32``. Biases and batch-norm statistics stay float32: they are few, and a
        variance may be too large or too small for 16 bits.

    Raises
    ------
    ModelError
        If weights are not finite (in ``dtype``), or the metadata describe another network.
    """
    import torch
    from safetensors.torch import save

    path = Path(path)
    require_suffix(path)
    kept = {k: _stored(k, t, dtype or torch.float16) for k, t in network.state_dict().items()}
    _check_fit(create_network_for(metadata), kept, path)
    text = metadata.to_json()
    header = {"roadex": text, "sha256": _sha256(text, kept), "format": FORMAT}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as place:
        place.write_bytes(save(kept, metadata=header))
    return path


def load_model(name_or_path: str | Path) -> Model:
    """Load a model, checking hash, names and shapes of all tensors.

    Parameters
    ----------
    name_or_path
        Name of a packaged model, or path of a model file.

    Raises
    ------
    ModelError
        If the file is missing, damaged, no model of roadex, or does not fit its network.

    Examples
    --------
    >>> model = roadex.load_model("roadex-light")
    >>> model.metadata.bands
    ('red', 'green', 'blue')
    """
    require_torch()
    from safetensors.torch import load_file

    from roadex.models.claims import no_larger_than

    path = model_path(name_or_path)
    header = read_header(path)
    metadata = _parse_metadata(path, header)
    tensors = {k: t for k, t in load_file(path).items() if not k.startswith(INT8_PREFIX)}
    digest = _sha256(header["roadex"], tensors)
    if digest != header["sha256"]:
        msg = f"{path} is damaged: sha256 of its content differs from its header. Copy it again"
        raise ModelError(msg)
    with no_larger_than(tensors, path):
        network = create_network_for(metadata)
    _check_fit(network, tensors, path)
    odd = next((key for key, tensor in tensors.items() if not _is_finite(tensor)), None)
    if odd is not None:
        msg = f"{path} is no model: {odd} holds values that are no numbers. Train it again"
        raise ModelError(msg)
    network.load_state_dict(tensors)
    return Model(metadata, network.float().eval().requires_grad_(False), digest, path)


def read_metadata(name_or_path: str | Path) -> ModelMetadata:
    """Read only the description of a model; loads no weights and no torch."""
    path = model_path(name_or_path)
    return _parse_metadata(path, read_header(path))


def read_sha256(name_or_path: str | Path) -> str:
    """Read the hash a model file states of itself; :func:`load_model` checks it."""
    return read_header(model_path(name_or_path))["sha256"]


def create_network_for(metadata: ModelMetadata) -> SegmentationNetwork:
    """Build the network that ``metadata`` describe, with random weights.

    Raises
    ------
    ModelError
        If there is no such network; it says which package had it where the model was trained.
    """
    _require_network(metadata)
    return create_network(metadata.network, in_channels=metadata.in_channels, **metadata.arguments)


def _require_network(metadata: ModelMetadata) -> None:
    name = metadata.network
    if has_network(name) or find_extension(Family.NETWORKS, name) is not None:
        return
    records = metadata.training.get("extensions")
    for record in records if isinstance(records, list) else ():
        if isinstance(record, dict) and record.get("name") == name:
            origin = f"{record.get('package')} {record.get('version')}"
            msg = (
                f"model {metadata.name} needs the network {name!r} of the package {origin}, which "
                "is not installed here"
            )
            raise ModelError(msg)


def require_suffix(path: Path) -> None:
    """Raise :class:`ModelError` where a model file would not end in ``.safetensors``."""
    if path.suffix != ".safetensors":
        msg = f"a model file must end in .safetensors, got {path}"
        raise ModelError(msg)


def read_header(path: Path) -> dict[str, str]:
    """Return the entries in the header of a model file; there are at least roadex and sha256.

    Raises
    ------
    ModelError
        If it cannot be read, is no model of roadex, or is one of a newer roadex.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        msg = f"{path} is not a readable .safetensors file ({error}). Copy it again"
        raise ModelError(msg) from error
    if not {"roadex", "sha256"} <= set(header):
        msg = (
            f"{path} is not a roadex model (its header has no 'roadex' entry). Turn published "
            "checkpoints into one with `roadex models import`"
        )
        raise ModelError(msg)
    if not _HASH.fullmatch(header["sha256"]):
        msg = f"{path} is damaged: what its header gives as sha256 is none. Copy it again"
        raise ModelError(msg)
    if header.get("format", FORMAT) not in (FORMAT, FORMAT_WITH_INT8):
        msg = (
            f"{path} has format {header['format'][:20]}; this roadex reads {FORMAT} and "
            f"{FORMAT_WITH_INT8}. Update roadex"
        )
        raise ModelError(msg)
    return header


def _parse_metadata(path: Path, header: Mapping[str, str]) -> ModelMetadata:
    try:
        return ModelMetadata.from_json(header["roadex"])
    except (ModelError, TypeError, ValueError, RecursionError) as error:
        msg = f"{path}: metadata cannot be read: {error}"
        raise ModelError(msg) from error


def _stored(key: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    is_weight = tensor.is_floating_point() and tensor.ndim > 1
    stored = tensor.detach().cpu().to(dtype if is_weight else tensor.dtype).contiguous()
    if not _is_finite(stored):
        msg = f"tensor {key} is not finite as {stored.dtype}; save with float32 or train again"
        raise ModelError(msg)
    return stored.clone()


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


def _sha256(metadata_json: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(metadata_json.encode())
    for key in sorted(tensors):
        array = tensors[key].contiguous().numpy()
        digest.update(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _check_fit(network: torch.nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    expected = network.state_dict()
    for key in [*expected, *tensors]:
        wanted = tuple(expected[key].shape) if key in expected else "absent"
        found = tuple(tensors[key].shape) if key in tensors else "absent"
        if wanted != found:
            msg = f"{path} does not fit its network: {key} is {found}, expected {wanted}"
            raise ModelError(msg)
