"""Model files: weights and a description of themselves in one ``.safetensors`` file.

The header of the file holds ``format``, ``roadex``, the metadata as JSON, and ``sha256``, taken
over the metadata and all tensors. A change of either is noticed when the file is loaded. Nothing
in a model file is ever executed, and nothing is downloaded.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from roadex import __version__
from roadex.config import TTA_NAMES
from roadex.errors import ModelError
from roadex.models import create_network, require_torch
from roadex.models.entries import parse_entries

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from roadex.models.base import SegmentationNetwork

_MOST_BANDS = 256

_HASH = re.compile("[0-9a-f]{64}")

_FORMAT = 1
"""Version of the form of model files, their entry ``format``; 1 where it is missing. It is raised
where what is in a file changes its meaning; an unknown entry of the description is refused anyway.
"""

PACKAGED_MODELS = Path(__file__).parent / "weights"
"""Folder of the models that come with roadex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMetadata:
    """What a model says about itself.

    ``bands``, ``scale`` and ``offset`` are in the order in which the network takes its bands.
    """

    name: str
    """Short name, as users type it."""

    network: str
    """Registered name of the network, see :func:`roadex.models.network_names`."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Options of :func:`roadex.models.create_network`, without ``encoder_weights``."""

    bands: tuple[str, ...] = ("red", "green", "blue")
    """Names of the bands, in the network's order."""

    scale: tuple[float, ...] = (1 / 127.5,) * 3
    """Per band, with ``offset``: the network takes ``x * scale + offset``, ``x`` in 0-255."""

    offset: tuple[float, ...] = (-1.0,) * 3

    gsd_m: float
    """Metres per pixel the model is best at; scenes are brought to it."""

    gsd_range_m: tuple[float, float]
    """Smallest and largest metres per pixel it was trained on."""

    stretch: tuple[tuple[float, float], ...] = ()
    """Per band: the values (0-255) of the 1st and 99th percentile of the imagery it was trained on.
    Scenes of other types than 8 bits are brought to them; without it to 0 and 255."""

    threshold_low: float = 0.5
    """Hysteresis: road is what is above ``threshold_high``, and what is above this beside it."""

    threshold_high: float = 0.5

    tta: str = "none"
    """Test-time augmentation the thresholds were tuned with: ``none``, ``flip`` or ``d4``."""

    training: Mapping[str, Any] = field(default_factory=dict)
    """Data, licence, recipe, hours, adaptation of the first convolution."""

    validation: Mapping[str, Any] = field(default_factory=dict)
    """Figures, and the data they were measured on."""

    roadex_version: str = __version__
    """Version of roadex that wrote the model."""

    def __post_init__(self) -> None:
        n_bands = len(self.bands)
        low, high = self.gsd_range_m
        problems = {
            "needs at least one band": n_bands == 0,
            f"has {n_bands} bands, no more than {_MOST_BANDS} are read": n_bands > _MOST_BANDS,
            "needs a stretch from a lower to a higher value for each band": bool(self.stretch)
            and not (len(self.stretch) == n_bands and all(a < b for a, b in self.stretch)),
            f"needs {n_bands} scales and offsets, one per band": not (
                len(self.scale) == len(self.offset) == n_bands
            ),
            f"needs gsd_m within gsd_range_m and above 0, got {self.gsd_m} in {low}-{high}": (
                not 0 < low <= self.gsd_m <= high
            ),
            f"needs 0 < threshold_low <= threshold_high < 1, got {self.threshold_low}, "
            f"{self.threshold_high}": not 0 < self.threshold_low <= self.threshold_high < 1,
            f"knows tta {', '.join(TTA_NAMES)}, not {self.tta!r}": self.tta not in TTA_NAMES,
            "must not name encoder_weights: the weights are in the file": (
                "encoder_weights" in self.arguments
            ),
            "must not name in_channels: they are the bands": "in_channels" in self.arguments,
        }
        for problem, is_present in problems.items():
            if is_present:
                msg = f"metadata of model {self.name!r}: {problem}"
                raise ModelError(msg)

    @property
    def in_channels(self) -> int:
        """Number of bands the network takes."""
        return len(self.bands)

    @property
    def channel_order(self) -> str:
        """Initials of the bands: ``"RGB"``, ``"BGR"`` for networks trained through OpenCV."""
        return "".join(band[0].upper() for band in self.bands)

    def to_json(self) -> str:
        """Return the metadata as JSON, keys in the order of the class.

        An empty ``stretch`` is left out, so that versions which do not know it read the model.
        """
        values = dataclasses.asdict(self)
        if not self.stretch:
            del values["stretch"]
        return json.dumps(values, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote.

        Entries this version does not know are an error: they could change what the model needs.
        """
        values = parse_entries(text, {item.name for item in dataclasses.fields(cls)})
        return cls(**values)


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
    if path.suffix != ".safetensors":
        msg = f"a model file must end in .safetensors, got {path}"
        raise ModelError(msg)
    kept = {k: _stored(k, t, dtype or torch.float16) for k, t in network.state_dict().items()}
    _check_fit(create_network_for(metadata), kept, path)
    text = metadata.to_json()
    header = {"roadex": text, "sha256": _sha256(text, kept), "format": str(_FORMAT)}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(save(kept, metadata=header))
    partial.replace(path)
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
    header = _read_header(path)
    metadata = _parse_metadata(path, header)
    tensors = load_file(path)
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
    return _parse_metadata(path, _read_header(path))


def read_sha256(name_or_path: str | Path) -> str:
    """Read the hash a model file states of itself; :func:`load_model` checks it."""
    return _read_header(model_path(name_or_path))["sha256"]


def create_network_for(metadata: ModelMetadata) -> SegmentationNetwork:
    """Build the network that ``metadata`` describe, with random weights."""
    return create_network(metadata.network, in_channels=metadata.in_channels, **metadata.arguments)


def _read_header(path: Path) -> dict[str, str]:
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
    if header.get("format", "1") != str(_FORMAT):
        msg = (
            f"{path} has format {header['format'][:20]}; this roadex reads {_FORMAT}. Update roadex"
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
